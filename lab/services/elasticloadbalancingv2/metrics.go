package elasticloadbalancingv2

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"haven/lab/metric"
	"haven/lab/realm/balancer"
)

// measurePeriod is how often what was measured goes to CloudWatch.
const measurePeriod = 10 * time.Second

// namespace is that of application load balancers' metrics
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html).
const namespace = "AWS/ApplicationELB"

// measurements add up what the nodes did since it was last told.
type measurements struct {
	mu    sync.Mutex
	nodes map[nodeKey]*tally
	since time.Time
	seen  map[string]balancer.Connections // by interface, what was told already
	hosts map[hostKey]*hostCounts
}

type nodeKey struct{ balancer, zone string }

// tally is what one node did.
type tally struct {
	counts map[countKey]float64
	times  map[string]map[float64]float64 // by group: seconds, and how often
}

// countKey is a metric that counts; without a group it is about the balancer alone.
type countKey struct{ metric, group string }

func newTally() *tally {
	return &tally{counts: map[countKey]float64{}, times: map[string]map[float64]float64{}}
}

// add counts one request.
func (m *measurements) add(entry balancer.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.nodes == nil {
		m.nodes = map[nodeKey]*tally{}
	}
	key := nodeKey{entry.Balancer, entry.Zone}
	t := m.nodes[key]
	if t == nil {
		t = newTally()
		m.nodes[key] = t
	}
	t.add(entry)
}

func (t *tally) add(e balancer.Entry) {
	t.counts[countKey{metric: "ProcessedBytes"}] += float64(e.Received + e.Sent)
	if e.Refused && e.Status == 0 {
		t.counts[countKey{metric: "ClientTLSNegotiationErrorCount"}]++
		return
	}
	if e.Server != "" {
		t.counts[countKey{"RequestCount", e.Group}]++
	}
	if len(e.End) > 1 && strings.ContainsRune("SsLI", rune(e.End[0])) && e.End[1] == 'C' {
		t.counts[countKey{"TargetConnectionErrorCount", e.Group}]++
	}
	if e.Answered != "" {
		t.counts[countKey{"HTTPCode_Target_" + e.Answered[:1] + "XX_Count", e.Group}]++
		if e.Waited >= 0 {
			t.took(e.Group, e.Waited)
		}
		return
	}
	for _, name := range ownCodes(e) {
		t.counts[countKey{metric: name}]++
	}
}

// ownCodes are the metrics that count an answer of the balancer itself.
func ownCodes(e balancer.Entry) []string {
	var names []string
	switch e.Action() {
	case "redirect":
		names = append(names, "HTTP_Redirect_Count")
	case "fixed-response":
		names = append(names, "HTTP_Fixed_Response_Count")
	}
	if class := e.Status / 100; class >= 3 && class <= 5 {
		names = append(names, fmt.Sprintf("HTTPCode_ELB_%dXX_Count", class))
	}
	switch e.Status {
	case 500, 502, 503, 504:
		names = append(names, fmt.Sprintf("HTTPCode_ELB_%d_Count", e.Status))
	}
	return names
}

// took notes a target's response time, to two per cent: enough for percentiles, and few values however many requests.
func (t *tally) took(group string, duration time.Duration) {
	if t.times[group] == nil {
		t.times[group] = map[float64]float64{}
	}
	t.times[group][coarse(duration.Seconds())]++
}

// coarse rounds to the nearest power of 1.02, from a microsecond up.
func coarse(seconds float64) float64 {
	const step, least = 1.02, 1e-6
	if seconds < least {
		return 0
	}
	value := math.Pow(step, math.Round(math.Log(seconds)/math.Log(step)))
	digits := math.Pow(10, 4-math.Ceil(math.Log10(value)))
	return math.Round(value*digits) / digits
}

// perTarget are the metrics that are about a target group, too.
func perTarget(name string) bool {
	return name == "RequestCount" || name == "TargetConnectionErrorCount" || strings.HasPrefix(name, "HTTPCode_Target_")
}

// take empties the tallies when it is time to tell.
func (m *measurements) take(now time.Time) (nodes map[nodeKey]*tally, due bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.since.IsZero() {
		m.since = now
	}
	if now.Sub(m.since) < measurePeriod {
		return nil, false
	}
	nodes, m.nodes, m.since = m.nodes, nil, now
	return nodes, true
}

// connections returns what a node's connections have become since they were last told.
func (m *measurements) connections(id string, now balancer.Connections) balancer.Connections {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil {
		m.seen = map[string]balancer.Connections{}
	}
	before := m.seen[id]
	if now.New < before.New { // another node of that name
		before = balancer.Connections{}
	}
	m.seen[id] = now
	return balancer.Connections{
		Active: now.Active, ActiveTargets: now.ActiveTargets, New: now.New - before.New,
		NewTargets: now.NewTargets - before.NewTargets, Rejected: now.Rejected - before.Rejected,
	}
}

// dimensions name what a measurement is about: each combination is a metric of its own.
type dimensions struct{ balancer, group, zone string }

func (d dimensions) list(withGroup, withZone bool) []metric.Dimension {
	var list []metric.Dimension
	if withGroup {
		list = append(list, metric.Dimension{Name: "TargetGroup", Value: d.group})
	}
	if withZone {
		list = append(list, metric.Dimension{Name: "AvailabilityZone", Value: d.zone})
	}
	return append(list, metric.Dimension{Name: "LoadBalancer", Value: d.balancer})
}

// data are a measurement's data: for the balancer and its zone, and when it is about a target group for that, too.
func (d dimensions) data(m metric.Datum) []metric.Datum {
	m.Namespace = namespace
	var all []metric.Datum
	for _, withGroup := range []bool{false, true} {
		if withGroup && d.group == "" {
			continue
		}
		for _, withZone := range []bool{false, true} {
			m.Dimensions = d.list(withGroup, withZone)
			all = append(all, m)
		}
	}
	return all
}
