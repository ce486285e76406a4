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
