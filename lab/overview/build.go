package overview

import (
	"cmp"
	"slices"
	"strings"
)

// Build makes the picture of a region. Everything is in a fixed order, and what there is none of is an empty list.
func Build(f Facts) Picture {
	b := &builder{facts: f, zones: map[string]*Zone{}}
	b.addFirewalls()
	b.addNATs()
	b.addNodes()
	b.addServers()
	b.addDatabases()
	b.addFiles()
	p := Picture{
		Region: f.Region, Time: f.Time, Realm: f.Realm, Zones: b.columns(), Balancers: b.balancers(), Groups: b.groups(),
		Clusters: b.clusters(), Files: b.files(), Flows: []Flow{}, Alarms: alarms(f.Alarms), Faults: some(f.Faults), Activities: b.activities(),
	}
	for _, zone := range p.Zones {
		p.Flows = append(p.Flows, flows(zone)...)
	}
	p.Traffic = b.traffic(b.interfaces(""))
	p.Empty = len(b.zones) == 0 && len(p.Balancers)+len(p.Groups)+len(p.Clusters)+len(p.Files)+len(p.Faults) == 0
	p.judge()
	return p
}

type builder struct {
	facts Facts
	zones map[string]*Zone // those that something is in
}

func (b *builder) zone(name string) *Zone {
	if b.zones[name] == nil {
		b.zones[name] = &Zone{Name: name}
	}
	return b.zones[name]
}

// columns returns the zones that have a subnet or anything else, sorted; an empty region shows those that it could use.
func (b *builder) columns() []Zone {
	for _, subnet := range b.facts.Subnets {
		b.zone(value(subnet.AvailabilityZone))
	}
	names := []string{}
	for name := range b.zones {
		if name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		names = slices.Clone(b.facts.Zones[:min(3, len(b.facts.Zones))])
	}
	slices.Sort(names)
	columns := []Zone{}
	for _, name := range names {
		zone := b.zone(name)
		zone.Faults = []string{}
		for _, fault := range b.facts.Faults {
			if fault.Zone == name && fault.Target == "" {
				zone.Faults = append(zone.Faults, fault.ID)
			}
		}
		zone.finish()
		columns = append(columns, *zone)
	}
	for name, zone := range b.zones { // those that were only asked for to be shown empty are empty
		if zone.bare() && len(b.facts.Subnets) == 0 {
			delete(b.zones, name)
		}
	}
	return columns
}

func (z *Zone) bare() bool {
	return len(z.Firewall)+len(z.NAT)+len(z.Balancer)+len(z.Servers)+len(z.Database)+len(z.Mounts)+len(z.Copies) == 0
}

// finish orders what is in the zone and sums up how it is.
func (z *Zone) finish() {
	z.Firewall, z.NAT, z.Balancer = some(z.Firewall), some(z.NAT), some(z.Balancer)
	z.Servers, z.Database, z.Mounts, z.Copies = some(z.Servers), some(z.Database), some(z.Mounts), some(z.Copies)
	z.Health = Well
	for _, thing := range z.things() {
		z.Health = worse(z.Health, thing.thing.Health)
	}
	if len(z.Faults) > 0 {
		z.Health = Failing
	}
}

// named is a thing with what kind it is, in words.
type named struct {
	kind  string
	thing Thing
}

// things returns all that is in the zone, tier by tier.
func (z *Zone) things() (all []named) {
	for _, x := range z.Firewall {
		all = append(all, named{"firewall endpoint", x.Thing})
	}
	for _, x := range z.NAT {
		all = append(all, named{"NAT gateway", x.Thing})
	}
	for _, x := range z.Balancer {
		all = append(all, named{"balancer node", x.Thing})
	}
	for _, x := range z.Servers {
		all = append(all, named{"server", x.Thing})
	}
	for _, x := range z.Database {
		all = append(all, named{"database " + x.Role, x.Thing})
	}
	for _, x := range z.Mounts {
		all = append(all, named{"mount target", x.Thing})
	}
	for _, x := range z.Copies {
		all = append(all, named{"copy of the files", x.Thing})
	}
	return all
}

func worse(a, b Health) Health {
	for _, health := range []Health{Failing, Busy} {
		if a == health || b == health {
			return health
		}
	}
	return Well
}

// judge sums the picture up.
func (p *Picture) judge() {
	p.Verdict, p.Troubles = AllWell, []string{}
	busy := false
	for _, zone := range p.Zones {
		for _, x := range zone.things() {
			switch x.thing.Health {
			case Failing:
				p.Troubles = append(p.Troubles, x.kind+" "+x.thing.ID+" in "+zone.Name+": "+x.thing.plainly())
			case Busy:
				busy = true
			}
		}
	}
	for _, alarm := range p.Alarms {
		if alarm.State == "ALARM" && !alarm.Tracking() {
			p.Troubles = append(p.Troubles, "alarm "+alarm.Name+" is in ALARM")
		}
	}
	switch {
	case p.down():
		p.Verdict = Down
	case len(p.Troubles) > 0 || len(p.Faults) > 0:
		p.Verdict = Degraded
	case busy:
		p.Verdict = Changing
	}
}

// plainly says the state with its reason. Of what fails AWS may still say that it runs: there the reason tells more.
func (t Thing) plainly() string {
	switch {
	case t.Reason == "" || t.Reason == t.State:
		return t.State
	case t.Health == Failing:
		return t.Reason
	}
	return t.State + ": " + t.Reason
}

// down tells whether something that everything needs is not there: a writer, or a healthy server behind a balancer.
func (p *Picture) down() bool {
	wrong := false
	for _, cluster := range p.Clusters {
		if cluster.Status == "creating" || cluster.Status == "stopped" || cluster.Status == "stopping" {
			continue
		}
		accepts, members := false, 0
		for _, zone := range p.Zones {
			for _, member := range zone.Database {
				if member.Group != cluster.Name {
					continue
				}
				members++
				accepts = accepts || member.Role == "writer" && member.Health != Failing
			}
		}
		if members > 0 && !accepts {
			wrong = true
			p.Troubles = append(p.Troubles, "cluster "+cluster.Name+" has no writer")
		}
	}
	healthy, targets := 0, 0
	for _, zone := range p.Zones {
		for _, server := range zone.Servers {
			for _, target := range server.Targets {
				if targets++; target.State == "healthy" {
					healthy++
				}
			}
		}
	}
	if len(p.Balancers) > 0 && targets > 0 && healthy == 0 {
		wrong = true
		p.Troubles = append(p.Troubles, "no server is healthy")
	}
	return wrong
}

// Tracking tells whether the alarm belongs to a target tracking policy: its low one is in ALARM whenever there is little to do.
func (a Alarm) Tracking() bool { return strings.HasPrefix(a.Name, "TargetTracking-") }

// alarms sorts those that call first.
func alarms(all []Alarm) []Alarm {
	rank := map[string]int{"ALARM": 0, "INSUFFICIENT_DATA": 1, "OK": 2}
	sorted := some(slices.Clone(all))
	slices.SortStableFunc(sorted, func(a, b Alarm) int {
		tracking := func(alarm Alarm) int {
			if alarm.Tracking() {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(tracking(a), tracking(b)), cmp.Compare(rank[a.State], rank[b.State]), strings.Compare(a.Name, b.Name))
	})
	return sorted
}

// some is the list, or an empty one: JSON's null is for nobody.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
