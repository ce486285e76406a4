package balancer

import (
	"cmp"
	"slices"
)

// Observation is what is known of one node.
type Observation struct {
	Interface string
	Balancer  string
	Zone      string
	Running   bool   // HAProxy answers
	Reason    string // why it does not run
	Targets   []TargetHealth
	// Connections counts since the node began, over all reloads.
	Connections Connections
}

// TargetHealth is the node's verdict on one target.
type TargetHealth struct {
	Group   string
	Target  TargetKey
	Address string
	Verdict Verdict
	Reason  Reason // of the last failed check
	Status  int    // the unexpected status, of ReasonMismatch
	// Quiet: the target drains, the node sends it nothing new and nothing is in flight any more.
	Quiet    bool
	InFlight int64
}

// Observe returns what is known of every node of the last Apply, in the order of their interfaces.
func (m *Manager) Observe() []Observation {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Observation
	for id, n := range m.nodes {
		observation := n.observe()
		if held, ok := m.waiting[id]; ok && !observation.Running {
			observation.Reason = held.reason
		}
		all = append(all, observation)
	}
	for id, held := range m.waiting {
		if _, ok := m.nodes[id]; !ok {
			all = append(all, Observation{Interface: id, Balancer: held.spec.Balancer, Zone: held.spec.Zone, Reason: held.reason})
		}
	}
	slices.SortFunc(all, func(a, b Observation) int { return cmp.Compare(a.Interface, b.Interface) })
	return all
}

func (n *node) observe() Observation {
	n.mu.Lock()
	defer n.mu.Unlock()
	observation := Observation{
		Interface: n.spec.Interface, Balancer: n.spec.Balancer, Zone: n.spec.Zone,
		Running: n.running, Reason: n.failure, Connections: n.counters.total,
	}
	for key, watch := range n.watched {
		observation.Targets = append(observation.Targets, TargetHealth{
			Group: key.Group, Target: key.Target, Address: watch.target.Address.String(),
			Verdict: watch.judge.verdict, Reason: watch.judge.last.reason, Status: watch.judge.last.status,
			Quiet: watch.quiet, InFlight: watch.inFlight,
		})
	}
	slices.SortFunc(observation.Targets, func(a, b TargetHealth) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Target.ID, b.Target.ID), cmp.Compare(a.Target.Port, b.Target.Port))
	})
	return observation
}
