// Package environment looks at a running environment through AWS's own API, in the lab or in the cloud, and says
// what there is, in which zone, and whether it is well.
package environment

import (
	"fmt"
	"strings"
)

// Environment is what is seen, as haven status prints it.
type Environment struct {
	URL       string     `json:"url"`
	Version   string     `json:"version"`
	Region    string     `json:"region"`
	Zones     []string   `json:"zones"`
	Ready     bool       `json:"ready"`
	Troubles  []string   `json:"troubles"` // why it is not ready
	Firewall  []Endpoint `json:"firewall"`
	Balancers []Node     `json:"balancers"`
	Servers   []Server   `json:"servers"`
	Database  Database   `json:"database"`
	Mounts    []Mount    `json:"mounts"`
	// Lab is what only the lab tells; nil in the cloud.
	Lab *Lab `json:"lab,omitempty"`
}

// Endpoint is the firewall in one zone.
type Endpoint struct {
	Zone  string `json:"zone"`
	ID    string `json:"id"`
	State string `json:"state"`
}

// Node is a balancer's node in one zone.
type Node struct {
	Zone    string `json:"zone"`
	Public  string `json:"public"`            // its public address, where known
	Address string `json:"address,omitempty"` // in the lab: the loopback address that leads to it
	State   string `json:"state"`
}

// Server is a web server.
type Server struct {
	ID        string `json:"id"`
	Zone      string `json:"zone"`
	Address   string `json:"address"`
	Lifecycle string `json:"lifecycle"` // in its group, such as "InService"
	Health    string `json:"health"`    // as the balancer sees it, such as "healthy"
	Reason    string `json:"reason,omitempty"`
}

// Database is the cluster with its members.
type Database struct {
	ID      string   `json:"id"`
	Status  string   `json:"status"`
	Writer  string   `json:"writer"` // host name
	Reader  string   `json:"reader"` // host name
	Port    int      `json:"port"`
	Members []Member `json:"members"`
}

// Member is one database instance.
type Member struct {
	ID     string `json:"id"`
	Zone   string `json:"zone"`
	Role   string `json:"role"` // "writer" or "reader"
	Status string `json:"status"`
	// Lag is how far a reader is behind, in seconds; nil: unknown, or a writer.
	Lag *float64 `json:"lag,omitempty"`
}

// Mount is a mount target of the shared files.
type Mount struct {
	Zone    string `json:"zone"`
	Address string `json:"address"`
	State   string `json:"state"`
}

// judge fills Ready and Troubles: the environment is ready when each zone has all it should have, and at least
// wantServers servers are healthy.
func (e *Environment) judge(wantServers int) {
	e.Troubles = []string{}
	trouble := func(format string, args ...any) { e.Troubles = append(e.Troubles, fmt.Sprintf(format, args...)) }
	for _, zone := range e.Zones {
		e.judgeZone(zone, trouble)
	}
	if healthy := e.healthyServers(); healthy < wantServers {
		trouble("%d of %d servers are healthy", healthy, wantServers)
	}
	writers := 0
	for _, member := range e.Database.Members {
		if member.Role == "writer" {
			writers++
		}
		if member.Status != "available" {
			trouble("database member %s is %s", member.ID, member.Status)
		}
	}
	if writers != 1 {
		trouble("the database has %d writers", writers)
	}
	e.Ready = len(e.Troubles) == 0
}

func (e *Environment) judgeZone(zone string, trouble func(string, ...any)) {
	state := func(what string, states []string, want string) {
		switch {
		case len(states) == 0:
			trouble("%s has no %s", zone, what)
		case !strings.EqualFold(states[0], want):
			trouble("the %s of %s is %s", what, zone, states[0])
		}
	}
	state("firewall endpoint", in(e.Firewall, zone, func(x Endpoint) (string, string) { return x.Zone, x.State }), "READY")
	state("balancer node", in(e.Balancers, zone, func(x Node) (string, string) { return x.Zone, x.State }), "active")
	state("mount target", in(e.Mounts, zone, func(x Mount) (string, string) { return x.Zone, x.State }), "available")
	if len(in(e.Servers, zone, func(x Server) (string, string) { return x.Zone, x.Health })) == 0 {
		trouble("%s has no server", zone)
	}
}

// in returns the states of what is in a zone.
func in[T any](all []T, zone string, zoneAndState func(T) (string, string)) (states []string) {
	for _, one := range all {
		if at, state := zoneAndState(one); at == zone {
			states = append(states, state)
		}
	}
	return states
}

func (e *Environment) healthyServers() (healthy int) {
	for _, server := range e.Servers {
		if server.Health == "healthy" {
			healthy++
		}
	}
	return healthy
}
