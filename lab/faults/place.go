package faults

import "haven/lab/realm/vpc"

// Place is where a network interface is, and what stands behind it.
type Place struct {
	Region    string
	Zone      string
	Subnet    string
	Interface string
	Instance  string // empty: of no instance
	Role      vpc.Role
}

// Subject is something with a name of its own that can hang, and the interface that it is reached at.
type Subject struct {
	Region    string
	Zone      string
	Name      string
	Interface string
	Instance  bool // an EC2 instance
	Member    bool // a database instance
	Node      bool // a balancer's node, named balancer/zone
}

// Inventory is what faults can be aimed at.
type Inventory struct {
	Places   []Place
	Subjects []Subject
}

// Impair returns what faults do to the link of a place. It is the whole of it: without the faults nothing is left.
func Impair(all []Fault, at Place) vpc.Impairment {
	var sum vpc.Impairment
	for _, f := range all {
		sum = sum.Join(f.impairment(at))
	}
	return sum
}

// impairment is what one fault does to the link of a place.
func (f Fault) impairment(at Place) vpc.Impairment {
	if f.Region != at.Region {
		return vpc.Impairment{}
	}
	switch f.Kind {
	case ZonePower:
		return vpc.Impairment{Down: at.Zone == f.Zone}
	case FirewallEndpoint:
		return vpc.Impairment{Down: at.Zone == f.Zone && at.Role == vpc.RoleFirewall}
	case Blackhole:
		if f.hits(at) {
			direction := f.Parameters[ParameterDirection]
			return vpc.Impairment{Mute: direction != DirectionIn, Deaf: direction != DirectionOut}
		}
	case Slow:
		if f.hits(at) {
			rate, _ := ParseRate(f.Parameters[ParameterRate]) // checked when it came in
			return vpc.Impairment{Rate: rate}
		}
	}
	return vpc.Impairment{}
}

// hits tells whether a place is what the fault is aimed at.
func (f Fault) hits(at Place) bool {
	switch f.aim() {
	case at.Interface, at.Subnet, at.Zone:
		return true
	case at.Instance:
		return at.Instance != ""
	}
	return false
}

// aim is what the fault's network effect is aimed at: the target, or the interface that it was resolved to.
func (f Fault) aim() string {
	if f.Interface != "" {
		return f.Interface
	}
	return f.Target
}
