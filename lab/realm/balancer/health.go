package balancer

import (
	"context"
	"slices"
)

// adopt takes over the spec's targets: new ones are checked from now on, those that stay keep what is known of them.
// A target whose check settings changed keeps its verdict and is checked by the new ones. It returns the servers of
// targets whose time to drain is over while something is still in flight to them.
func (n *node) adopt(spec Spec) (overdue []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	wanted := map[watchKey]bool{}
	known := map[string]bool{} // groups that have targets already
	for key := range n.watched {
		known[key.Group] = true
	}
	for _, group := range spec.Groups {
		for _, target := range group.Reachable(spec.Zone) {
			key := watchKey{group.ID, target.Key()}
			wanted[key] = true
			n.adoptTarget(key, group.Check, target, !known[group.ID])
		}
	}
	for key, watch := range n.watched {
		if !wanted[key] {
			watch.end()
			delete(n.watched, key)
			if watch.target.Draining && watch.inFlight > 0 {
				overdue = append(overdue, healthyBackend(key.Group)+"/"+serverName(watch.target), openBackend(key.Group)+"/"+serverName(watch.target))
			}
		}
	}
	n.spec = spec
	n.markInService()
	return overdue
}

func (n *node) adoptTarget(key watchKey, check HealthCheck, target Target, founding bool) {
	watch, known := n.watched[key]
	if known && watch.target.Address != target.Address {
		watch.end()
		known = false
	}
	if !known {
		watch = &watched{target: target, check: check, judge: newJudge(check), founding: founding}
		n.watched[key] = watch
	}
	if target.Draining {
		watch.end()
	} else if watch.cancel == nil || watch.check != check {
		watch.end()
		watch.judge.healthy, watch.judge.unhealthy = check.Healthy, check.Unhealthy
		n.startWatch(key, watch, check, target)
	}
	if watch.target.Draining != target.Draining {
		watch.quiet = false
	}
	watch.target, watch.check = target, check
}

func (n *node) startWatch(key watchKey, watch *watched, check HealthCheck, target Target) {
	ctx, cancel := context.WithCancel(context.Background())
	watch.cancel = cancel
	n.done.Go(func() { n.prober.watch(ctx, check, target, func(result outcome) { n.report(ctx, key, result) }) })
}

func (w *watched) end() {
	if w.cancel != nil {
		w.cancel()
		w.cancel = nil
	}
}

// report takes one check's outcome; a changed verdict goes to HAProxy at once.
func (n *node) report(ctx context.Context, key watchKey, result outcome) {
	n.mu.Lock()
	watch, ok := n.watched[key]
	if !ok || ctx.Err() != nil || n.hung {
		n.mu.Unlock()
		return
	}
	before, after := watch.judge, watch.judge.after(result)
	watch.judge = after
	turned := before.verdict != after.verdict
	seen := turned || before.last != after.last
	if turned {
		n.beginSlowly(key, watch, before.verdict)
	}
	n.markInService()
	n.mu.Unlock()
	if turned {
		n.log.Info("target health", "interface", n.id, "group", key.Group, "target", key.Target.ID,
			"verdict", after.verdict, "reason", result.reason, "status", result.status)
		n.poke()
	}
	if seen {
		n.changed()
	}
}

// markInService writes the verdicts into the spec's targets; the caller holds mu.
func (n *node) markInService() {
	groups := slices.Clone(n.spec.Groups)
	for i := range groups {
		groups[i].Targets = slices.Clone(groups[i].Targets)
		for j, target := range groups[i].Targets {
			watch, ok := n.watched[watchKey{groups[i].ID, target.Key()}]
			groups[i].Targets[j].InService = ok && watch.judge.verdict == VerdictHealthy
		}
	}
	n.spec.Groups = groups
}
