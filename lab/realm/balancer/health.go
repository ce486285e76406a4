package balancer

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// adopt takes over the spec's targets: new ones are checked from now on, those that stay keep what is known of them.
// A target whose check settings changed keeps its verdict and is checked by the new ones.
func (n *node) adopt(spec Spec) {
	n.mu.Lock()
	defer n.mu.Unlock()
	wanted := map[watchKey]bool{}
	for _, group := range spec.Groups {
		for _, target := range group.Reachable(spec.Zone) {
			key := watchKey{group.ID, target.Key()}
			wanted[key] = true
			n.adoptTarget(key, group.Check, target)
		}
	}
	for key, watch := range n.watched {
		if !wanted[key] {
			watch.end()
			delete(n.watched, key)
		}
	}
	n.spec = spec
	n.markInService()
}

func (n *node) adoptTarget(key watchKey, check HealthCheck, target Target) {
	watch, known := n.watched[key]
	if known && watch.target.Address != target.Address {
		watch.end()
		known = false
	}
	if !known {
		watch = &watched{target: target, check: check, judge: newJudge(check)}
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
	if !ok || ctx.Err() != nil {
		n.mu.Unlock()
		return
	}
	before, after := watch.judge, watch.judge.after(result)
	watch.judge = after
	turned := before.verdict != after.verdict
	seen := turned || before.last != after.last
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

// look is the node's loop: it brings the running worker to what the checker knows and observes it.
func (n *node) look(ctx context.Context) {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for round := 0; ; round++ {
		select {
		case <-ctx.Done():
			return
		case <-n.wake:
		case <-ticker.C:
		}
		n.mu.Lock()
		started := n.process != nil
		n.mu.Unlock()
		if started {
			n.sync(ctx, round%statBeats == 0)
		}
	}
}

// sync tells the worker who is in service and, now and then or while something drains, reads its statistics.
func (n *node) sync(ctx context.Context, count bool) {
	n.mu.Lock()
	generation, changes := n.structure, n.changes()
	n.mu.Unlock()
	asked := commands(changes)
	if count || len(n.draining()) > 0 {
		asked = append([]string{"show stat"}, asked...)
	}
	answer, err := n.console.askWorker(ctx, generation, asked...)
	if errors.Is(err, errOldWorker) {
		return // a reload is under way; it pokes when it is done
	}
	if err != nil {
		if ctx.Err() == nil {
			n.setRunning(false, err.Error())
		}
		return
	}
	n.setRunning(true, "")
	if n.learn(answer, changes) {
		n.poke() // another worker than the one that was told before: tell it everything
		return
	}
	if len(changes) > 0 {
		n.remember(generation)
	}
	n.countDraining(ctx, answer)
}

// remember writes who is in service into the configuration, for a HAProxy that is started again. Failing here costs
// that one a moment's wrong belief, until it is told.
func (n *node) remember(generation string) {
	if !n.applying.TryLock() {
		return // a new configuration is about to be written
	}
	defer n.applying.Unlock()
	n.mu.Lock()
	current := n.structure == generation
	n.mu.Unlock()
	if !current {
		return
	}
	if err := n.write(configFile+".new", generation); err == nil {
		_ = n.rename()
	}
}

// changes returns what the worker does not know yet; the caller holds mu.
func (n *node) changes() map[string]bool {
	changes := map[string]bool{}
	for path, in := range desired(n.spec) {
		if told, ok := n.told[path]; !ok || told != in {
			changes[path] = in
		}
	}
	return changes
}

// desired maps every server of the configuration to whether it should be in service.
func desired(spec Spec) map[string]bool {
	servers := map[string]bool{}
	for _, group := range spec.Groups {
		for _, target := range group.Reachable(spec.Zone) {
			servers[healthyBackend(group.ID)+"/"+serverName(target)] = target.inHealthy()
			servers[openBackend(group.ID)+"/"+serverName(target)] = target.inOpen()
		}
	}
	return servers
}

func commands(changes map[string]bool) []string {
	var list []string
	for _, path := range slices.Sorted(maps.Keys(changes)) {
		backend, server, _ := strings.Cut(path, "/")
		list = append(list, setService(backend, server, changes[path]))
	}
	return list
}

// learn notes what the worker now knows; it reports true when it is a new worker, of which nothing is known.
func (n *node) learn(answer string, changes map[string]bool) (fresh bool) {
	pid := workerPID(answer)
	stats, err := parseStats(answer)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err == nil {
		n.traffic = stats
	}
	if fresh = n.worker != pid; fresh {
		n.worker = pid
		n.told = map[string]bool{}
		return true
	}
	maps.Copy(n.told, changes)
	return false
}

func workerPID(info string) string {
	_, rest, _ := strings.Cut(info, "\nPid: ")
	pid, _, _ := strings.Cut(rest, "\n")
	return pid
}

func (n *node) setRunning(running bool, failure string) {
	n.mu.Lock()
	turned := n.running != running || n.failure != failure
	n.running, n.failure = running, failure
	n.mu.Unlock()
	if turned {
		n.changed()
	}
}
