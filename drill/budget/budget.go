package budget

import (
	"fmt"
	"strings"
	"time"
)

// Fault names what is broken, as drills do: tier/fault.
type Fault string

// The faults that have a budget.
const (
	ServerKilled     Fault = "web/kill"           // refuses connections
	ServerHangs      Fault = "web/hang"           // accepts connections and answers nothing
	ServerLost       Fault = "web/terminate"      // is gone without a word
	BalancerNodeLost Fault = "balancer/node-lost" // one zone's way in
	FirewallLost     Fault = "firewall/endpoint-lost"
	WriterKilled     Fault = "database/writer-killed"
	WriterRebooted   Fault = "database/writer-rebooted"
	WriterHangs      Fault = "database/writer-hangs"
	ForcedFailover   Fault = "database/failover"
	ReaderLost       Fault = "database/reader-lost"
	MirrorLost       Fault = "storage/mirror-lost"
	MountTargetLost  Fault = "storage/mount-target-lost"
	ZoneLost         Fault = "zone/lost"
	// ZoneDuringFailover is a zone that is lost while the database fails over.
	ZoneDuringFailover Fault = "double/zone-and-database"
)

// Faults are all of them, in the order in which documents list them.
func Faults() []Fault {
	return []Fault{ServerKilled, ServerHangs, ServerLost, BalancerNodeLost, FirewallLost, WriterKilled, WriterRebooted, WriterHangs, ForcedFailover, ReaderLost, MirrorLost, MountTargetLost, ZoneLost, ZoneDuringFailover}
}

// Term is one part of a budget.
type Term struct {
	Name   string
	Lasts  time.Duration
	Why    string
	Source string // the document that the term follows; empty: what the stack itself declares
}

// Budget is the longest that clients may be without an answer to a fault.
type Budget struct {
	Fault Fault
	Terms []Term
}

// Total is the sum of the terms.
func (b Budget) Total() (total time.Duration) {
	for _, term := range b.Terms {
		total += term.Lasts
	}
	return total
}

// String tells the budget and its terms in one line.
func (b Budget) String() string {
	var parts []string
	for _, term := range b.Terms {
		parts = append(parts, fmt.Sprintf("%s %s", term.Name, term.Lasts))
	}
	return fmt.Sprintf("%s: %s (%s)", b.Fault, b.Total(), strings.Join(parts, " + "))
}

// For computes the budget of a fault.
func For(fault Fault, d Declared) (Budget, error) {
	if err := d.Validate(); err != nil {
		return Budget{}, err
	}
	terms, known := map[Fault][]Term{
		ServerKilled:     d.ejection(false),
		ServerHangs:      d.ejection(true),
		ServerLost:       d.ejection(true),
		BalancerNodeLost: d.otherNode(),
		FirewallLost:     d.otherNode(),
		WriterKilled:     d.promotion(0),
		WriterRebooted:   d.restart(),
		WriterHangs:      d.promotion(d.Database.Detection),
		ForcedFailover:   d.promotion(0),
		ReaderLost:       d.reconnection(),
		MirrorLost:       d.copyLost(),
		MountTargetLost:  d.mountLost(),
		ZoneLost:         d.zone(),

		ZoneDuringFailover: append(d.promotion(0), d.zone()...), // the failover may be of no use
	}[fault]
	if !known {
		return Budget{}, fmt.Errorf("there is no budget for the fault %q; there is one for each of %v", fault, Faults())
	}
	return Budget{fault, terms}, nil
}
