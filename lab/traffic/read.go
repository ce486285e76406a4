package traffic

import "time"

// Now returns what the nodes handle together: the averages of the last finished seconds of the Window.
func (m *Meter) Now(nodes ...string) Sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, length := m.clock(), int64(Window/time.Second)
	var sum second
	for _, node := range nodes {
		if r := m.nodes[node]; r != nil {
			for at := now - length; at < now; at++ {
				r.addTo(&sum, at)
			}
		}
	}
	return sum.sample(float64(length))
}

// Target returns what a target gets and how much of it fails, per second.
func (m *Meter) Target(address string) (requests, errors float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.targets[address]
	if t == nil {
		return 0, 0
	}
	now, length := m.clock(), int64(Window/time.Second)
	for _, slot := range t.slots {
		if slot.at >= now-length && slot.at < now {
			requests += float64(slot.requests)
			errors += float64(slot.errors)
		}
	}
	return requests / float64(length), errors / float64(length)
}

// History returns each finished second after the given Unix time, at most those that are held, oldest first. Seconds
// without a request are there, too.
func (m *Meter) History(after int64, nodes ...string) []Point {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock()
	from := max(after+1, now-seconds+1)
	points := make([]Point, 0, max(now-from, 0))
	for at := from; at < now; at++ {
		var sum second
		for _, node := range nodes {
			if r := m.nodes[node]; r != nil {
				r.addTo(&sum, at)
			}
		}
		points = append(points, Point{at, sum.sample(1)})
	}
	return points
}

func (r *ring) addTo(sum *second, at int64) {
	slot := &r.slots[at%seconds]
	if slot.at != at {
		return
	}
	sum.requests += slot.requests
	sum.errors += slot.errors
	sum.refused += slot.refused
	sum.bytes += slot.bytes
	sum.latency.merge(&slot.latency)
}

func (s *second) sample(over float64) Sample {
	if s.requests == 0 {
		return Sample{}
	}
	return Sample{
		Requests: float64(s.requests) / over, Errors: float64(s.errors) / over, Refused: float64(s.refused) / over, Bytes: float64(s.bytes) / over,
		P50: s.latency.percentile(0.5), P90: s.latency.percentile(0.9), P99: s.latency.percentile(0.99),
	}
}
