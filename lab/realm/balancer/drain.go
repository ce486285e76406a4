package balancer

import (
	"context"
	"strings"
)

// countDraining counts what is in flight to draining targets, in the running worker and in those that a reload
// replaced and that still finish.
func (n *node) countDraining(ctx context.Context, answer string) {
	draining := n.draining()
	if len(draining) == 0 {
		return
	}
	stats, err := parseStats(answer)
	if err != nil {
		return
	}
	old, err := n.oldWorkers(ctx)
	if err != nil {
		return // without their figures nothing is known to be quiet
	}
	stats = append(stats, old...)
	n.mu.Lock()
	turned := false
	for key, server := range draining {
		watch, ok := n.watched[key]
		if !ok {
			continue
		}
		inFlight := int64(0)
		for _, stat := range stats {
			if stat.Server == server && (stat.Proxy == healthyBackend(key.Group) || stat.Proxy == openBackend(key.Group)) {
				inFlight += stat.Sessions
			}
		}
		told := !n.told[healthyBackend(key.Group)+"/"+server].in && !n.told[openBackend(key.Group)+"/"+server].in
		turned = turned || watch.inFlight != inFlight || watch.quiet != (told && inFlight == 0)
		watch.inFlight, watch.quiet = inFlight, told && inFlight == 0
	}
	n.mu.Unlock()
	if turned {
		n.changed()
	}
}

// cut ends what is in flight to targets whose deregistration delay is over; its clients get a 502
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html, HTTP 502).
func (n *node) cut(ctx context.Context, servers []string) {
	if len(servers) == 0 {
		return
	}
	var asked []string
	for _, path := range servers {
		asked = append(asked, "shutdown sessions server "+path)
	}
	_, _ = n.console.ask(ctx, adminSocket, asked...) // a worker that does not answer has nothing in flight for long
	processes, err := n.console.askMaster(ctx, "show proc")
	if err != nil {
		return
	}
	for _, pid := range oldPIDs(processes) {
		for _, command := range asked {
			_, _ = n.console.askMaster(ctx, "@!"+pid+" "+command)
		}
	}
}

// draining returns the draining targets and their servers' names.
func (n *node) draining() map[watchKey]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	servers := map[watchKey]string{}
	for key, watch := range n.watched {
		if watch.target.Draining {
			servers[key] = serverName(watch.target)
		}
	}
	return servers
}

// oldWorkers returns the statistics of the workers that a reload replaced.
func (n *node) oldWorkers(ctx context.Context) ([]Stat, error) {
	processes, err := n.console.askMaster(ctx, "show proc")
	if err != nil {
		return nil, err
	}
	var all []Stat
	for _, pid := range oldPIDs(processes) {
		answer, err := n.console.askMaster(ctx, "@!"+pid+" show stat")
		if err != nil {
			return nil, err
		}
		stats, err := parseStats(answer)
		if err != nil {
			continue // it ended meanwhile
		}
		all = append(all, stats...)
	}
	return all, nil
}

// oldPIDs reads the section "# old workers" of the answer to "show proc".
func oldPIDs(answer string) []string {
	_, rest, ok := strings.Cut(answer, "# old workers")
	if !ok {
		return nil
	}
	section, _, _ := strings.Cut(rest[strings.Index(rest, "\n")+1:], "#")
	var pids []string
	for line := range strings.Lines(section) {
		if fields := strings.Fields(line); len(fields) > 1 {
			pids = append(pids, fields[0])
		}
	}
	return pids
}
