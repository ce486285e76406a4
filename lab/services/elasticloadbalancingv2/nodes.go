package elasticloadbalancingv2

import (
	"sync"
	"time"

	"haven/lab/realm/balancer"
)

// Nodes are watched from outside by DNS health checks, as those of Route 53 watch a balancer's addresses: a node that
// answers none of nodeFailures checks in a row leaves the name, and comes back after as many answers
// (docs/assumptions.md, ELB-6).
const (
	nodeCheckInterval = 10 * time.Second
	nodeFailures      = 3
)

// nodeViews is what is known of the nodes just now: nothing of it is worth keeping over a restart.
type nodeViews struct {
	mu      sync.Mutex
	checked time.Time
	nodes   map[string]*nodeView // by interface
}

// nodeView is one node from outside and its own view of the targets.
type nodeView struct {
	running bool
	listed  bool           // in DNS, as far as the node's own health goes
	known   bool           // it has run before
	against int            // checks in a row that speak against listed
	healthy map[string]int // by group, how many targets it finds healthy
}

// take remembers what the nodes say, and checks them when it is time to.
func (v *nodeViews) take(observed []balancer.Observation, now time.Time, interval time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	due := now.Sub(v.checked) >= interval
	if due {
		v.checked = now
	}
	nodes := map[string]*nodeView{}
	for _, o := range observed {
		view := v.nodes[o.Interface]
		if view == nil {
			view = &nodeView{}
		}
		view.take(o, due)
		nodes[o.Interface] = view
	}
	v.nodes = nodes
}

func (n *nodeView) take(o balancer.Observation, due bool) {
	n.running = o.Running
	switch {
	case o.Running && !n.known:
		n.listed, n.known = true, true
	case o.Running == n.listed:
		n.against = 0
	case due:
		if n.against++; n.against >= nodeFailures {
			n.listed, n.against = o.Running, 0
		}
	}
	if !o.Running {
		return // its last word on the targets stands until the checks find out
	}
	n.healthy = map[string]int{}
	for _, opinion := range o.Targets {
		if opinion.Verdict == balancer.VerdictHealthy {
			n.healthy[opinion.Group]++
		}
	}
}

// view reports whether the node may be in DNS, and how many targets of a group it finds healthy.
func (v *nodeViews) view(id string) (listed bool, healthy func(group string) int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	view := v.nodes[id]
	if view == nil {
		return false, func(string) int { return 0 }
	}
	counts := view.healthy // replaced, never changed
	return view.listed, func(group string) int { return counts[group] }
}
