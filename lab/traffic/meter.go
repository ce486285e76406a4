package traffic

import (
	"sync"
	"time"
)

const (
	// Held is how long seconds are kept.
	Held = 5 * time.Minute
	// Window is over how long rates and percentiles of the present are taken.
	Window = 10 * time.Second

	seconds    = int64(Held / time.Second)
	mostNodes  = 256
	mostTarget = 2048
)

// Request is one request that a node answered, or gave up.
type Request struct {
	At      time.Time
	Node    string // the node's network interface
	Target  string // the target's address, such as "10.0.2.7:8080"; empty: none was chosen
	Status  int    // what the client got; below 100: nothing
	Seconds float64
	Bytes   int64 // both ways
}

// Sample is what happened in a second, or on average in each of several.
type Sample struct {
	Requests float64 `json:"requests"` // per second
	Errors   float64 `json:"errors"`   // per second: those with a status of 500 or more
	Refused  float64 `json:"refused"`  // per second: with a status of 400 to 499
	Bytes    float64 `json:"bytes"`    // per second
	P50      float64 `json:"p50"`      // seconds; 0 without requests
	P90      float64 `json:"p90"`
	P99      float64 `json:"p99"`
}

// Point is a second of the past.
type Point struct {
	Second int64 `json:"second"` // Unix time
	Sample
}

// second counts what ended in one second.
type second struct {
	at                        int64
	requests, errors, refused uint32
	bytes                     int64
	latency                   histogram
}

type ring struct {
	last  int64 // when something was counted
	slots []second
}

// tally is the few seconds that are held of a target.
type tally struct {
	last  int64
	slots [16]struct {
		at               int64
		requests, errors uint32
	}
}

// Meter counts. The zero Meter is ready.
type Meter struct {
	mu      sync.Mutex
	nodes   map[string]*ring
	targets map[string]*tally
	now     func() time.Time // nil: time.Now
}

func (m *Meter) clock() int64 {
	if m.now != nil {
		return m.now().Unix()
	}
	return time.Now().Unix()
}

// Add counts a request. It never blocks for long, and may be called from any goroutine.
func (m *Meter) Add(r Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := r.At.Unix()
	if slot := m.slot(r.Node, at); slot != nil {
		slot.count(r)
	}
	if r.Target == "" {
		return
	}
	if t := m.tally(r.Target, at); t != nil {
		slot := &t.slots[at%int64(len(t.slots))]
		if slot.at != at {
			slot.at, slot.requests, slot.errors = at, 0, 0
		}
		slot.requests++
		if r.Status >= 500 {
			slot.errors++
		}
	}
}

func (s *second) count(r Request) {
	s.requests++
	s.bytes += r.Bytes
	switch {
	case r.Status >= 500:
		s.errors++
	case r.Status >= 400:
		s.refused++
	}
	s.latency[bucketOf(r.Seconds)]++
}

func (m *Meter) slot(node string, at int64) *second {
	if m.nodes == nil {
		m.nodes, m.targets = map[string]*ring{}, map[string]*tally{}
	}
	r := m.nodes[node]
	if r == nil {
		if forget(m.nodes, mostNodes, func(r *ring) bool { return r.last < at-seconds }); len(m.nodes) >= mostNodes {
			return nil
		}
		r = &ring{slots: make([]second, seconds)}
		m.nodes[node] = r
	}
	slot := &r.slots[at%seconds]
	if slot.at > at {
		return nil // a clock that was set back
	}
	if slot.at != at {
		*slot = second{at: at}
	}
	r.last = max(r.last, at)
	return slot
}

func (m *Meter) tally(target string, at int64) *tally {
	t := m.targets[target]
	if t == nil {
		if forget(m.targets, mostTarget, func(t *tally) bool { return t.last < at-int64(len(t.slots)) }); len(m.targets) >= mostTarget {
			return nil
		}
		t = &tally{}
		m.targets[target] = t
	}
	t.last = max(t.last, at)
	return t
}

// forget makes room in a full map by dropping what is over.
func forget[V any](all map[string]V, most int, over func(V) bool) {
	if len(all) < most {
		return
	}
	for key, value := range all {
		if over(value) {
			delete(all, key)
		}
	}
}
