package elasticloadbalancingv2

import (
	"sync"
	"time"

	"haven/lab/realm/balancer"
)

// logPeriod is how often each node delivers its logs, at times that are multiples of it
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html).
const logPeriod = 5 * time.Minute

// Bounds of what one node holds until its log is delivered, in bytes: more than fullLog is delivered early, as AWS does
// at high traffic; more than maxHeldLog is dropped and counted.
const (
	fullLog    = 4 << 20
	maxHeldLog = 16 << 20
)

// logKind is a kind of log, by the beginning of its attributes' names.
type logKind string

// Kinds of logs.
const (
	accessLog     logKind = "access_logs"
	connectionLog logKind = "connection_logs"
)

var logKinds = []logKind{accessLog, connectionLog}

func (k logKind) enabled() string { return string(k) + ".s3.enabled" }
func (k logKind) bucket() string  { return string(k) + ".s3.bucket" }
func (k logKind) prefix() string  { return string(k) + ".s3.prefix" }

// accessLogs holds the entries of the nodes until they are delivered.
type accessLogs struct {
	mu     sync.Mutex
	held   map[logKey]*heldLog
	until  time.Time                   // the end of the interval
	early  bool                        // something must be delivered now
	wanted map[string]map[logKind]bool // by balancer
}

// logKey is a log of one node.
type logKey struct {
	kind       logKind
	balancer   string
	interfaces string
}

type heldLog struct {
	entries []balancer.Entry
	size    int
	dropped int
}

// Access takes one request from a node, for metrics and the balancer's logs; it is balancer.Options.Access.
func (s *Service) Access(entry balancer.Entry) {
	s.measured.add(entry)
	s.logs.add(entry, s.now())
}

// follow notes which logs a balancer writes. What was held of a log that was switched off is delivered at once.
func (l *accessLogs) follow(b *loadBalancer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wanted == nil {
		l.wanted = map[string]map[logKind]bool{}
	}
	before := l.wanted[b.ARN]
	now := map[logKind]bool{}
	for _, kind := range logKinds {
		now[kind] = balancerAttributes.flag(b.Attributes, kind.enabled())
		l.early = l.early || before[kind] && !now[kind]
	}
	l.wanted[b.ARN] = now
}

func (l *accessLogs) add(entry balancer.Entry, now time.Time) {
	if entry.Connection == "" {
		return // the node does not know yet that logs are on
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wanted[entry.Balancer][accessLog] && !(entry.Refused && entry.Status == 0) {
		l.hold(accessLog, entry, now)
	}
	if l.wanted[entry.Balancer][connectionLog] && (entry.First || entry.Refused) {
		l.hold(connectionLog, entry, now)
	}
}

func (l *accessLogs) hold(kind logKind, entry balancer.Entry, now time.Time) {
	if l.held == nil {
		l.held, l.until = map[logKey]*heldLog{}, now.Truncate(logPeriod).Add(logPeriod)
	}
	key := logKey{kind, entry.Balancer, entry.Interface}
	held := l.held[key]
	if held == nil {
		held = &heldLog{}
		l.held[key] = held
	}
	held.size += 600 + len(entry.Path) + len(entry.Query) + len(entry.Agent)
	l.early = l.early || held.size > fullLog
	if held.size > maxHeldLog {
		held.dropped++
		return
	}
	held.entries = append(held.entries, entry)
}

// take empties what is held when it is due, and tells the end of its interval.
func (l *accessLogs) take(now time.Time, always bool) (held map[logKey]*heldLog, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !always && !l.early && (l.held == nil || now.Before(l.until)) {
		return nil, time.Time{}
	}
	held, until = l.held, l.until
	l.held, l.early = nil, false
	return held, until
}
