package balancer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
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
		started := n.process != nil && !n.hung
		if n.hung {
			n.hold() // also a HAProxy that was started since
		}
		n.mu.Unlock()
		if started {
			n.sync(ctx, round%statBeats == 0)
		}
	}
}

// sync tells the worker who is in service and, now and then or while something drains, reads its statistics.
func (n *node) sync(ctx context.Context, count bool) {
	n.mu.Lock()
	generation, changes, told := n.structure, n.changes(time.Now()), maps.Clone(n.told)
	n.mu.Unlock()
	asked := commands(changes, told)
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
	if !n.setRunning(true, "") {
		return
	}
	if n.learn(answer, changes) {
		n.poke() // another worker than the one that was told before: tell it everything
		return
	}
	if turned(changes, told) {
		n.remember(generation)
	}
	n.countDraining(ctx, answer)
}

// turned reports whether a server came into service or left it: weights alone are not worth remembering.
func turned(changes, told map[string]service) bool {
	for path, wanted := range changes {
		if before, known := told[path]; !known || before.in != wanted.in {
			return true
		}
	}
	return false
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

// service is what a worker is told of a server.
type service struct {
	in     bool
	weight int
}

// changes returns what the worker does not know yet; the caller holds mu.
func (n *node) changes(now time.Time) map[string]service {
	changes := map[string]service{}
	for path, wanted := range n.desired(now) {
		if told, ok := n.told[path]; !ok || told != wanted {
			changes[path] = wanted
		}
	}
	return changes
}

// desired maps every server of the configuration to what it should be; the caller holds mu.
func (n *node) desired(now time.Time) map[string]service {
	servers := map[string]service{}
	for _, group := range n.spec.Groups {
		for _, target := range group.Reachable(n.spec.Zone) {
			weight := fullWeight
			if watch, ok := n.watched[watchKey{group.ID, target.Key()}]; ok {
				weight = watch.share(group.SlowStart, now)
			}
			servers[healthyBackend(group.ID)+"/"+serverName(target)] = service{target.inHealthy(), weight}
			servers[openBackend(group.ID)+"/"+serverName(target)] = service{target.inOpen(), fullWeight}
		}
	}
	return servers
}

// commands returns what brings a worker from what it was told to the changes.
func commands(changes, told map[string]service) []string {
	var list []string
	for _, path := range slices.Sorted(maps.Keys(changes)) {
		wanted := changes[path]
		before, known := told[path]
		if !known || before.in != wanted.in {
			list = append(list, setService(path, wanted.in))
		}
		if known && before.weight != wanted.weight || !known && wanted.weight != fullWeight {
			list = append(list, fmt.Sprintf("set server %s weight %d", path, wanted.weight))
		}
	}
	return list
}

// learn notes what the worker now knows; it reports true when it is a new worker, of which nothing is known.
func (n *node) learn(answer string, changes map[string]service) (fresh bool) {
	pid := workerPID(answer)
	stats, err := parseStats(answer)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err == nil {
		n.counters.take(pid, stats)
	}
	if fresh = n.worker != pid; fresh {
		n.worker = pid
		n.told = map[string]service{}
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

// setRunning notes whether HAProxy answers; a hung node does not, whatever it said a moment ago.
func (n *node) setRunning(running bool, failure string) bool {
	n.mu.Lock()
	if n.hung {
		running, failure = false, reasonHung
	}
	turned := n.running != running || n.failure != failure
	n.running, n.failure = running, failure
	n.mu.Unlock()
	if turned {
		n.changed()
	}
	return running
}
