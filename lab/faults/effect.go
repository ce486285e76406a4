package faults

import (
	"cmp"
	"slices"
	"strings"
)

// Lever names what an owner moves for faults.
type Lever string

// The levers.
const (
	LeverInstances Lever = "instances" // the power of a zone's instances
	LeverDatabases Lever = "databases" // the power of a zone's database hosts
	LeverBalancers Lever = "balancers" // the power of a zone's balancer nodes
	LeverDisks     Lever = "disks"     // a zone's copy of every file system
	LeverHang      Lever = "instance"  // processes of an instance
	LeverMember    Lever = "member"    // the server of a database instance
	LeverNode      Lever = "node"      // the proxy of a balancer's node
	LeverHost      Lever = "host"      // the power of the host of one database instance
	LeverReplay    Lever = "replay"    // what a database instance applies of the writer's log
	LeverFencing   Lever = "fencing"   // what is done to a lost writer of a database instance's cluster
	LeverStorage   Lever = "storage"   // the space for the tables of a database instance's cluster
)

// Effect is one lever moved for one thing. Values tell the parts that are meant, where there are parts; an effect without
// values is none.
type Effect struct {
	Lever   Lever
	Region  string
	Subject string // a zone, an instance's id, a database instance, a balancer/zone
	Values  []string
}

func (e Effect) key() string {
	return strings.Join([]string{string(e.Lever), e.Region, e.Subject}, " ")
}

// Whole is the value of an effect on all of its subject.
const Whole = "*"

// Effects returns what a set of faults does besides impairing links: each lever and subject once, in a fixed order,
// whatever order the faults are in.
func Effects(all []Fault) []Effect {
	byKey := map[string]*Effect{}
	for _, f := range all {
		for _, e := range f.effects() {
			known := byKey[e.key()]
			if known == nil {
				known = &Effect{Lever: e.Lever, Region: e.Region, Subject: e.Subject}
				byKey[e.key()] = known
			}
			known.Values = append(known.Values, e.Values...)
		}
	}
	merged := make([]Effect, 0, len(byKey))
	for _, e := range byKey {
		e.Values = slices.Compact(slices.Sorted(slices.Values(e.Values)))
		merged = append(merged, *e)
	}
	slices.SortFunc(merged, func(a, b Effect) int { return cmp.Compare(a.key(), b.key()) })
	return merged
}

// effects are what one fault does besides impairing links.
func (f Fault) effects() []Effect {
	on := func(lever Lever, subject, value string) Effect {
		return Effect{Lever: lever, Region: f.Region, Subject: subject, Values: []string{value}}
	}
	switch f.Kind {
	case ZonePower:
		return []Effect{on(LeverInstances, f.Zone, Whole), on(LeverDatabases, f.Zone, Whole), on(LeverBalancers, f.Zone, Whole), on(LeverDisks, f.Zone, Whole)}
	case Disk:
		return []Effect{on(LeverDisks, f.Zone, Whole)}
	case StorageFull:
		return []Effect{on(LeverStorage, f.Target, Whole)}
	case ReplayPaused:
		return []Effect{on(LeverReplay, f.Target, Whole)}
	case DatabaseUnfenced:
		return []Effect{on(LeverFencing, f.Target, Whole)}
	case Crash:
		return []Effect{on(LeverHost, f.Target, Whole)}
	case BalancerNode:
		return []Effect{on(LeverBalancers, f.Zone, Whole)}
	case Hang:
		return []Effect{on(f.Lever, f.Target, cmp.Or(f.Parameters[ParameterProcess], Whole))}
	}
	return nil
}
