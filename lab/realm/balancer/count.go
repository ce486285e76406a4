package balancer

import "strings"

// Connections counts a node's connections.
type Connections struct {
	Active        int64 // from clients, now
	ActiveTargets int64 // requests at targets, now
	New           int64 // from clients, ever
	NewTargets    int64 // to targets, ever
	Rejected      int64 // from clients, because there were too many
}

// counters adds up what workers count, each from zero: a reload begins a new one.
type counters struct {
	worker string
	total  Connections
	base   Connections // what earlier workers counted
}

// take adds the statistics of the worker that runs now.
func (c *counters) take(worker string, stats []Stat) {
	if worker != c.worker {
		c.base, c.worker = c.total, worker
	}
	now := Connections{New: c.base.New, NewTargets: c.base.NewTargets, Rejected: c.base.Rejected}
	for _, stat := range stats {
		switch {
		case stat.Server == "FRONTEND":
			now.Active += stat.Sessions
			now.New += stat.Total
			now.Rejected += stat.Rejected
		case isGroup(stat.Proxy) && stat.Server != "BACKEND":
			now.ActiveTargets += stat.Sessions
			now.NewTargets += stat.Connects
		}
	}
	c.total = now
}

// isGroup tells the backends of target groups from HAProxy's other proxies.
func isGroup(proxy string) bool {
	return strings.HasPrefix(proxy, healthyBackend("")) || strings.HasPrefix(proxy, openBackend(""))
}
