package elasticloadbalancingv2

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"haven/lab/cloud"
	"haven/lab/realm/balancer"
)

// logPeriod is how often each node delivers its access log
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html).
const logPeriod = 5 * time.Minute

// maxHeldLog bounds what one node holds until its log is delivered; more is dropped and counted.
const maxHeldLog = 8 << 20

// accessLogs holds the entries of the nodes until they are delivered.
type accessLogs struct {
	mu    sync.Mutex
	held  map[string]*heldLog // by interface
	since time.Time
}

type heldLog struct {
	balancer string
	entries  []balancer.Entry
	size     int
	dropped  int
}

// Access takes one request from a node, for the access log of its balancer; it is balancer.Options.Access.
func (s *Service) Access(entry balancer.Entry) {
	s.logs.mu.Lock()
	defer s.logs.mu.Unlock()
	if s.logs.held == nil {
		s.logs.held, s.logs.since = map[string]*heldLog{}, s.now()
	}
	held := s.logs.held[entry.Interface]
	if held == nil {
		held = &heldLog{balancer: entry.Balancer}
		s.logs.held[entry.Interface] = held
	}
	held.size += 600 + len(entry.Path) + len(entry.Query) + len(entry.Agent)
	if held.size > maxHeldLog {
		held.dropped++
		return
	}
	held.entries = append(held.entries, entry)
}

func (l *accessLogs) flushDue(ctx context.Context, s *Service) error {
	l.mu.Lock()
	due := l.held != nil && s.now().Sub(l.since) >= logPeriod
	l.mu.Unlock()
	if !due {
		return nil
	}
	return l.flush(ctx, s)
}

// flush delivers what is held; what can't be delivered is lost, as AWS delivers on a best-effort basis.
func (l *accessLogs) flush(ctx context.Context, s *Service) error {
	l.mu.Lock()
	held := l.held
	l.held = nil
	l.mu.Unlock()
	if s.deps.Bucket == nil {
		return nil
	}
	var errs []error
	for id, log := range held {
		if err := s.deliver(ctx, id, log); err != nil {
			errs = append(errs, fmt.Errorf("delivering the access log of node %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) deliver(ctx context.Context, id string, log *heldLog) error {
	region := strings.Split(log.balancer, ":")[3]
	var b *loadBalancer
	certificates := map[int]string{}
	groups := map[string]string{}
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		if b, err = loadBalancers.Get(tx, region, log.balancer); err != nil || b == nil {
			return err
		}
		attached, err := listenersOf(tx, region, b.ARN)
		for _, l := range attached {
			if len(l.Certificates) > 0 {
				certificates[int(*l.Port)] = aws.ToString(l.Certificates[0].CertificateArn)
			}
		}
		if err != nil {
			return err
		}
		all, err := targetGroups.List(tx, region)
		for _, g := range all {
			groups[g.id()] = *g.TargetGroupArn
		}
		return err
	})
	if err != nil || b == nil || !balancerAttributes.flag(b.Attributes, "access_logs.s3.enabled") {
		return err
	}
	var file bytes.Buffer
	packed := gzip.NewWriter(&file)
	for _, entry := range log.entries {
		fmt.Fprintln(packed, entry.Line(b.suffix(), groups[entry.Group], certificates[entry.Listener]))
	}
	if err := packed.Close(); err != nil {
		return err
	}
	if log.dropped > 0 {
		s.deps.Log.Warn("access log entries were dropped: more came than a node holds", "interface", id, "dropped", log.dropped)
	}
	return s.deps.Bucket.PutLog(ctx, region, b.Attributes["access_logs.s3.bucket"], b.logKey(region, id, s.now()), file.Bytes())
}

// logKey is the object's name as AWS forms it.
func (b *loadBalancer) logKey(region, id string, at time.Time) string {
	address := ""
	for _, node := range b.Nodes {
		if node.Interface == id {
			address = node.Private
			if node.Public != "" {
				address = node.Public
			}
		}
	}
	at = at.UTC()
	key := fmt.Sprintf("AWSLogs/%s/elasticloadbalancing/%s/%s/%s_elasticloadbalancing_%s_%s_%s_%s_%s.log.gz", cloud.Account, region, at.Format("2006/01/02"),
		cloud.Account, region, strings.ReplaceAll(b.suffix(), "/", "."), at.Format("20060102T1504Z"), address, cloud.RandomHex(8))
	if prefix := b.Attributes["access_logs.s3.prefix"]; prefix != "" {
		return prefix + "/" + key
	}
	return key
}
