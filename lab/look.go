package lab

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"haven/lab/cloud"
	"haven/lab/observer"
	"haven/lab/overview"
	"haven/lab/realm/balancer"
	"haven/lab/realm/vpc"
	"haven/lab/traffic"
)

// newObserver returns the observer of all regions. It sees what the API answers, and what the realm counts.
func newObserver(l *lab) *observer.Observer {
	var regions []string
	for _, region := range cloud.Regions() {
		regions = append(regions, region.Name)
	}
	changed, _ := l.store.Watch() // as long as the lab runs
	return observer.New(observer.Options{
		Regions: regions, Look: l.viewer.look, History: l.viewer.history, Timeline: l.timeline, Changed: changed, Log: l.log,
	})
}

// viewer gathers facts.
type viewer struct {
	lab *lab

	mu       sync.Mutex
	counters map[string]vpc.Counter // as last read
	read     time.Time
	rates    map[string]rate // by interface
}

// rate is what an interface carries, in bytes per second.
type rate struct{ received, sent float64 }

// look returns a region's picture. Closely, it also reads what interfaces carry.
func (v *viewer) look(ctx context.Context, region string, closely bool) (overview.Picture, error) {
	facts, err := v.gather(ctx, region)
	if err != nil {
		return overview.Picture{}, fmt.Errorf("looking at %s: %w", region, err)
	}
	if closely && v.lab.realm != nil {
		v.count()
		facts.Flow = v.flow
	}
	return overview.Build(facts), nil
}

// count reads the interfaces' counters, at most once in half a second: several regions are looked at in a row.
func (v *viewer) count() {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	passed := now.Sub(v.read)
	if passed < 500*time.Millisecond {
		return
	}
	counters := v.lab.realm.network.Counters()
	v.rates = rates(v.counters, counters, passed)
	v.counters, v.read = counters, now
}

// longestPause is after which counters are not compared: nobody looked on meanwhile.
const longestPause = 10 * time.Second

// rates compares two readings. An interface that was made anew counts from zero.
func rates(before, after map[string]vpc.Counter, passed time.Duration) map[string]rate {
	found := map[string]rate{}
	if passed > longestPause {
		return found
	}
	for id, now := range after {
		then, known := before[id]
		if !known || now.ReceivedBytes < then.ReceivedBytes || now.SentBytes < then.SentBytes {
			continue
		}
		found[id] = rate{
			received: float64(now.ReceivedBytes-then.ReceivedBytes) / passed.Seconds(),
			sent:     float64(now.SentBytes-then.SentBytes) / passed.Seconds(),
		}
	}
	return found
}

func (v *viewer) flow(interfaceID string) (received, sent float64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	found := v.rates[interfaceID]
	return found.received, found.sent
}

// history returns the seconds of a region's balancers after a Unix time.
func (v *viewer) history(region string, after int64) []traffic.Point {
	shot, _ := v.lab.observer.Shot(region)
	var nodes []string
	for _, zone := range shot.Picture.Zones {
		for _, node := range zone.Balancer {
			nodes = append(nodes, node.ID)
		}
	}
	return v.lab.traffic.History(after, nodes...)
}

// request is an entry of a node's log as the meter counts it.
func request(entry balancer.Entry) traffic.Request {
	target := ""
	if host, _, err := net.SplitHostPort(entry.Target); err == nil && entry.Group != "" {
		target = host
	}
	return traffic.Request{
		At: entry.Time, Node: entry.Interface, Target: target, Status: entry.Status, Seconds: max(0, entry.Time.Sub(entry.Begun).Seconds()),
		Bytes: entry.Received + entry.Sent,
	}
}
