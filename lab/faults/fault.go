package faults

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"haven/lab/cloud"
)

// Fault is one thing that is broken until it is healed.
type Fault struct {
	ID         string            `json:"id"`
	Kind       Kind              `json:"kind"`
	Region     string            `json:"region"`
	Zone       string            `json:"zone,omitempty"` // of the target, or the target itself
	Target     string            `json:"target"`
	Parameters map[string]string `json:"parameters,omitempty"`
	Interface  string            `json:"interface,omitempty"` // that a target with a name of its own is reached at
	Lever      Lever             `json:"lever,omitempty"`     // that lets a target hang
	Since      time.Time         `json:"since"`
	Until      time.Time         `json:"until,omitzero"` // when it heals by itself; zero: never
}

// Gone is always true: a fault is no resource of the account.
func (*Fault) Gone() bool { return true }

// Kind is a way of being broken, named by what a client sees.
type Kind string

// The kinds.
const (
	ZonePower        Kind = "zone-power"
	Disk             Kind = "disk"
	Hang             Kind = "hang"
	Blackhole        Kind = "blackhole"
	Slow             Kind = "slow"
	FirewallEndpoint Kind = "firewall-endpoint"
	BalancerNode     Kind = "balancer-node"
	StorageFull      Kind = "storage-full"
	Crash            Kind = "crash"
	ReplayPaused     Kind = "replay-paused"
	DatabaseUnfenced Kind = "database-unfenced"
)

// Parameters of faults.
const (
	ParameterDirection = "direction" // of a black hole: in, out or both
	ParameterRate      = "rate"      // of a slow network: bits per second, as 256kbit or 2mbit
	ParameterProcess   = "process"   // of a hang: the name of a process; without it the whole instance hangs
)

// Directions of a black hole, as the target sees them.
const (
	DirectionIn   = "in"
	DirectionOut  = "out"
	DirectionBoth = "both"
)

// Description tells people of a kind.
type Description struct {
	Kind       Kind
	Target     string   // what it is aimed at
	Parameters []string // that it knows
	Short      string
	Sees       string // what a client sees, and what should happen then
}

// Kinds describes every kind.
func Kinds() []Description {
	return []Description{
		{ZonePower, "ZONE", nil, "Everything in a zone loses power at once", `
Instances, balancer nodes, NAT gateways, firewall and interface endpoints, database members, mount targets and the zone's
copy of every file system end at once; nothing is shut down. Clients of that zone's balancer address get no answer at all
(no reset); connections through it hang until they time out. New launches there fail with InsufficientInstanceCapacity,
status checks fail, a writer there is replaced by a reader elsewhere. Healing boots the instances again.`},
		{Disk, "ZONE", nil, "A zone's copy of every file system is lost", `
Clients should see nothing: files are read and written in the other zones. Healing puts an empty disk in, which is filled
and checked.`},
		{Hang, "INSTANCE | DATABASE-INSTANCE | BALANCER/ZONE", []string{ParameterProcess}, "A process stops answering, and does not end", `
SIGSTOP: connections are still accepted by the kernel, requests get no answer and no error; health checks time out
rather than being refused. With --process only the processes of an instance that have that name hang, with their
children.`},
		{Blackhole, "INTERFACE | INSTANCE | SUBNET | DATABASE-INSTANCE | BALANCER/ZONE", []string{ParameterDirection}, "Packets vanish, one way or both", `
Nothing is refused: connection attempts and requests time out. --direction is the target's own: "in" loses what is sent to
it, so it can still send; "out" loses what it sends, so it still hears everything. Both ways is the default.`},
		{Slow, "INTERFACE | INSTANCE | SUBNET | ZONE | DATABASE-INSTANCE | BALANCER/ZONE", []string{ParameterRate}, "The network is slow", `
Everything works and takes long: what the target sends and what is sent to it keeps to --rate, each way; queues fill and
overflow as on a full line.`},
		{Crash, "DATABASE-INSTANCE", nil, "A database server is killed, and its host is gone", `
SIGKILL: connections are reset, new ones are refused, and nothing starts in its place. A reader takes a writer's place at once.
Healing starts the server again, as a reader. Aurora's aurora_inject_crash() is less: the same host restarts it, and no failover
occurs.`},
		{ReplayPaused, "DATABASE-INSTANCE", nil, "A reader falls behind", `
It takes in what the writer sends and applies none of it: its lag grows by a second each second, and what is read from it is as old.
Writes go on, since what the reader has taken in is safe there. A writer shows nothing until it is a reader.`},
		{DatabaseUnfenced, "DATABASE-INSTANCE", nil, "A database cluster does not fence a writer that it has lost", `
Nothing yet. When the writer of the instance's cluster hangs or is cut off, a reader takes its place while the old writer lives on:
once it is back, clients that have kept their connections write to it, and it acknowledges without any copy. Its entries are lost when
healing fences it and it joins again as a reader. AWS has no switch for it: this shows what is seen where a database does not fence.`},
		{FirewallEndpoint, "ZONE", nil, "The firewall endpoints in a zone are lost", `
Whatever a route leads through the zone's firewall is lost without an answer, both ways: clients from outside time out on
that zone's balancer address, and servers there reach nothing outside. Other zones are not touched.`},
		{BalancerNode, "ZONE", nil, "The balancers' nodes in a zone are lost", `
Connections to the zone's address time out, those that are open hang. DNS should stop giving the address out once health
checks found out; the other zones' nodes serve on.`},
		{StorageFull, "DATABASE-INSTANCE", nil, "A database cluster's storage is full", `
Whatever needs new space fails with "No space left on device"; reads, and writes into space that is there, go on. The writer
shows as storage-full and an event tells. Nothing fails over: readers have no more space than it.`},
	}
}

// Describe returns what there is to know of a kind.
func Describe(kind Kind) (Description, bool) {
	all := Kinds()
	i := slices.IndexFunc(all, func(d Description) bool { return d.Kind == kind })
	if i < 0 {
		return Description{}, false
	}
	return all[i], true
}

// String tells a fault in a line.
func (f Fault) String() string {
	text := string(f.Kind) + " " + f.Target
	for _, name := range slices.Sorted(maps.Keys(f.Parameters)) {
		text += " " + name + "=" + f.Parameters[name]
	}
	return text
}

// rates are the units of a rate, in bits per second, as tc(8) has them.
var rates = []struct {
	suffix string
	factor float64
}{{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}}

// Rates that a link can have: less than a packet a second is a black hole.
const (
	minRate = 8_000
	maxRate = 10_000_000_000
)

// ParseRate reads a rate such as 256kbit, in bits per second.
func ParseRate(text string) (int64, error) {
	for _, unit := range rates {
		number, ok := strings.CutSuffix(strings.ToLower(text), unit.suffix)
		if !ok {
			continue
		}
		value, err := strconv.ParseFloat(number, 64)
		if bits := value * unit.factor; err != nil || !(bits >= minRate && bits <= maxRate) { // nor is it NaN
			break
		}
		return int64(value * unit.factor), nil
	}
	return 0, fmt.Errorf("%q is not a rate from 8kbit to 10gbit, such as 256kbit or 2mbit", text)
}

// regionOf returns the region of a zone of the lab.
func regionOf(zone string) (string, bool) {
	for _, region := range cloud.Regions() {
		if slices.Contains(region.Zones, zone) {
			return region.Name, true
		}
	}
	return "", false
}
