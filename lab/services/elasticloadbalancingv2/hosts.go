package elasticloadbalancingv2

import "haven/lab/realm/balancer"

// hostKey is one node's opinion of one target group's targets.
type hostKey struct{ node, group string }

// hostCounts are how many targets a node finds healthy and unhealthy, and the least and the most since that was told last: a target that
// was lost and replaced meanwhile was lost.
type hostCounts struct{ healthy, unhealthy span }

type span struct{ now, least, most float64 }

func (s *span) see(count float64) {
	s.now, s.least, s.most = count, min(s.least, count), max(s.most, count)
}

// values are those that statistics are made of.
func (s *span) values() []float64 {
	if s.least == s.most {
		return []float64{s.now}
	}
	return []float64{s.least, s.most}
}

// begin forgets what was told.
func (s *span) begin() { s.least, s.most = s.now, s.now }

// see counts the targets of each node that runs.
func (m *measurements) see(observed []balancer.Observation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.hosts == nil {
		m.hosts = map[hostKey]*hostCounts{}
	}
	running, counts := map[string]bool{}, map[hostKey]map[balancer.Verdict]float64{}
	for _, o := range observed {
		running[o.Interface] = o.Running
		for _, opinion := range o.Targets {
			key := hostKey{o.Interface, opinion.Group}
			if counts[key] == nil {
				counts[key] = map[balancer.Verdict]float64{}
			}
			counts[key][opinion.Verdict]++
		}
	}
	for key, verdicts := range counts {
		if m.hosts[key] == nil && running[key.node] {
			fresh := &hostCounts{span{now: verdicts[balancer.VerdictHealthy]}, span{now: verdicts[balancer.VerdictUnhealthy]}}
			fresh.begin()
			m.hosts[key] = fresh
		}
	}
	for key, seen := range m.hosts {
		switch up, known := running[key.node]; {
		case !known:
			delete(m.hosts, key) // the node is gone
		case up:
			seen.healthy.see(counts[key][balancer.VerdictHealthy])
			seen.unhealthy.see(counts[key][balancer.VerdictUnhealthy])
		}
	}
}

func (h *hostCounts) begin() {
	h.healthy.begin()
	h.unhealthy.begin()
}

// told returns what was seen of a group by a node, and begins anew.
func (m *measurements) told(node, group string) (healthy, unhealthy []float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := m.hosts[hostKey{node, group}]
	if seen == nil {
		return []float64{0}, []float64{0}
	}
	defer seen.begin()
	return seen.healthy.values(), seen.unhealthy.values()
}
