package overview

import (
	"time"

	"haven/lab/traffic"
)

// Health is how something is, in a word for a person. What AWS says of it stands beside it, as State.
type Health string

// Healths.
const (
	Well    Health = "well"    // it does what it is for
	Busy    Health = "busy"    // it is on its way there, or going
	Failing Health = "failing" // it does not do what it is for
	Off     Health = "off"     // it is meant to do nothing
)

// Verdict is how a region is as a whole.
type Verdict string

// Verdicts.
const (
	AllWell  Verdict = "well"
	Changing Verdict = "changing" // something comes or goes
	Degraded Verdict = "degraded" // something fails, and the rest carries on
	Down     Verdict = "down"     // a balancer has no healthy target, or a cluster no writer
)

// Picture is a region as it is now.
type Picture struct {
	Region     string         `json:"region"`
	Time       time.Time      `json:"time"`
	Realm      string         `json:"realm"` // "running", or why nothing can run
	Empty      bool           `json:"empty"` // there is nothing to see yet
	Verdict    Verdict        `json:"verdict"`
	Troubles   []string       `json:"troubles"` // why the verdict is not "well"
	Zones      []Zone         `json:"zones"`
	Balancers  []Balancer     `json:"balancers"`
	Groups     []Group        `json:"groups"`
	Clusters   []Cluster      `json:"clusters"`
	Files      []Files        `json:"files"`
	Traffic    traffic.Sample `json:"traffic"` // of all balancers together
	Flows      []Flow         `json:"flows"`
	Alarms     []Alarm        `json:"alarms"`
	Faults     []Fault        `json:"faults"`
	Activities []Activity     `json:"activities"` // newest first
}

// Zone is a column: what is in an availability zone, tier by tier.
type Zone struct {
	Name     string     `json:"name"`
	Health   Health     `json:"health"`
	Faults   []string   `json:"faults"` // ids of those that hit the zone as a whole
	Firewall []Endpoint `json:"firewall"`
	NAT      []NAT      `json:"nat"`
	Balancer []Node     `json:"balancer"`
	Servers  []Server   `json:"servers"`
	Database []Member   `json:"database"`
	Mounts   []Mount    `json:"mounts"`
	Copies   []Copy     `json:"copies"`
}

// Thing is what all that is in a zone has in common.
type Thing struct {
	ID       string   `json:"id"`
	Group    string   `json:"group"` // the name of what it is part of: a firewall, balancer, Auto Scaling group, cluster …
	State    string   `json:"state"` // AWS's word
	Health   Health   `json:"health"`
	Reason   string   `json:"reason"` // why it is not well
	Address  string   `json:"address"`
	Faults   []string `json:"faults"`   // ids of those in force on it
	Received float64  `json:"received"` // bytes per second at its network interface
	Sent     float64  `json:"sent"`
}

// Endpoint is a firewall's endpoint.
type Endpoint struct{ Thing }

// NAT is a NAT gateway.
type NAT struct {
	Thing
	Public string `json:"public"`
}

// Node is a balancer's node.
type Node struct {
	Thing
	Public   string         `json:"public"`
	Loopback string         `json:"loopback"` // the host's address that leads to it
	Ports    []int          `json:"ports"`
	Traffic  traffic.Sample `json:"traffic"`
}

// Server is an instance.
type Server struct {
	Thing
	Name      string   `json:"name"`      // its tag Name
	Type      string   `json:"type"`      // such as "t3.small"
	Version   string   `json:"version"`   // its tag Version, or its launch template's version
	Lifecycle string   `json:"lifecycle"` // in its Auto Scaling group, such as "InService"
	System    string   `json:"system"`    // system status check
	Instance  string   `json:"instance"`  // instance status check
	Targets   []Target `json:"targets"`
	Requests  float64  `json:"requests"` // per second
	Errors    float64  `json:"errors"`   // per second
}

// Target is an instance as one target group sees it.
type Target struct {
	Group  string `json:"group"`
	State  string `json:"state"`
	Reason string `json:"reason"`
}

// Member is a database instance.
type Member struct {
	Thing
	Role        string   `json:"role"` // "writer" or "reader"
	Lag         *float64 `json:"lag"`  // seconds behind the writer; nil: unknown, or the writer itself
	Synchronous bool     `json:"synchronous"`
	Tier        int      `json:"tier"` // of promotion
}

// Mount is a mount target.
type Mount struct {
	Thing
	Clients int `json:"clients"`
}

// Copy is a zone's copy of a file system.
type Copy struct{ Thing }

// Balancer is a load balancer as a whole.
type Balancer struct {
	Name    string         `json:"name"`
	DNSName string         `json:"dnsName"`
	Scheme  string         `json:"scheme"`
	State   string         `json:"state"`
	Traffic traffic.Sample `json:"traffic"`
}

// Group is an Auto Scaling group.
type Group struct {
	Name      string `json:"name"`
	Min       int    `json:"min"`
	Desired   int    `json:"desired"`
	Max       int    `json:"max"`
	InService int    `json:"inService"`
	Refresh   string `json:"refresh"` // the status of an instance refresh that goes on
}

// Cluster is a database cluster.
type Cluster struct {
	Name    string `json:"name"`
	Status  string `json:"status"`
	Writer  string `json:"writer"` // the instance that accepts writes; empty: none
	Address string `json:"address"`
}

// Files is a file system.
type Files struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	State  string `json:"state"`
	Used   int64  `json:"used"`   // bytes
	Copies int    `json:"copies"` // healthy ones
	Zones  int    `json:"zones"`
}

// Flow is what goes from one tier to the next in a zone.
type Flow struct {
	Zone     string  `json:"zone"`
	From     string  `json:"from"`     // "internet", "firewall", "balancer", "servers"
	To       string  `json:"to"`       // "firewall", "balancer", "servers", "database", "files", "internet"
	Requests float64 `json:"requests"` // per second; 0 where requests are not counted
	Bytes    float64 `json:"bytes"`    // per second, both ways
}

// Alarm is a CloudWatch alarm.
type Alarm struct {
	Name   string    `json:"name"`
	State  string    `json:"state"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	About  string    `json:"about"` // the metric, or the rule of a composite alarm
}

// Fault is a fault in force.
type Fault struct {
	ID     string    `json:"id"`
	Kind   string    `json:"kind"`
	Zone   string    `json:"zone"`
	Target string    `json:"target"` // empty: the zone as a whole
	Text   string    `json:"text"`   // target and parameters, for a person
	Since  time.Time `json:"since"`

	Interface string `json:"-"` // that the target is reached at
}

// Activity is a scaling activity.
type Activity struct {
	Group  string    `json:"group"`
	Time   time.Time `json:"time"`
	Text   string    `json:"text"`
	Cause  string    `json:"cause"`
	Status string    `json:"status"`
}
