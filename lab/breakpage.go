package lab

import (
	"context"
	"fmt"
	"strings"

	"haven/lab/faults"
	"haven/lab/overview"
	"haven/lab/page"
)

// pageFaults is what the page offers to break, and how.
type pageFaults struct{ lab *lab }

// Choices returns what can be broken about what the region's picture shows, but for what is broken so already.
func (p pageFaults) Choices(_ context.Context, region string) ([]page.Choice, error) {
	shot, ok := p.lab.observer.Shot(region)
	if !ok {
		return nil, nil
	}
	set, err := p.lab.services.faults.Set()
	if err != nil {
		return nil, err
	}
	broken := map[string]bool{}
	for _, fault := range set {
		broken[fault.String()] = true
	}
	var left []page.Choice
	for _, choice := range choices(shot.Picture) {
		planned := faults.Fault{Kind: faults.Kind(choice.Kind), Target: choice.Target, Parameters: choice.Parameters}
		if !broken[planned.String()] {
			left = append(left, choice)
		}
	}
	return left, nil
}

// slowRate is what a slow network is offered at.
const slowRate = "256kbit"

// choices lists the faults that a picture's things can have.
func choices(p overview.Picture) []page.Choice {
	if p.Empty {
		return nil
	}
	var all offers
	for _, zone := range p.Zones {
		all.zone(zone)
	}
	return all
}

type offers []page.Choice

func (o *offers) add(kind faults.Kind, zone, target, on, label string, big bool, parameters map[string]string) {
	about, _ := faults.Describe(kind)
	*o = append(*o, page.Choice{
		Kind: string(kind), Zone: zone, Target: target, On: on, Label: label, Big: big, Parameters: parameters,
		About: strings.Join(strings.Fields(about.Sees), " "),
	})
}

func (o *offers) zone(z overview.Zone) {
	o.add(faults.ZonePower, z.Name, z.Name, "", "Cut the power of "+z.Name, true, nil)
	o.add(faults.Slow, z.Name, z.Name, "", "Slow the network of "+z.Name+" to "+slowRate+"/s each", true, map[string]string{faults.ParameterRate: slowRate})
	for _, x := range z.Firewall {
		o.add(faults.FirewallEndpoint, z.Name, z.Name, x.ID, "Lose the firewall endpoints of "+z.Name, true, nil)
	}
	for _, x := range z.Balancer {
		o.add(faults.BalancerNode, z.Name, z.Name, x.ID, "Lose the balancers' nodes of "+z.Name, true, nil)
		o.process(z.Name, x.Group+"/"+z.Name, x.ID, "Hang its proxy", false)
	}
	for _, x := range z.Servers {
		if x.State == "running" {
			o.process(z.Name, x.ID, x.ID, "Hang the instance", false)
		}
	}
	for _, x := range z.Database {
		o.process(z.Name, x.ID, x.ID, "Hang the database server", x.Role == "writer")
		o.add(faults.Crash, z.Name, x.ID, x.ID, "Kill the database server and its host", x.Role == "writer", nil)
		switch x.Role {
		case "writer":
			o.add(faults.DatabaseUnfenced, z.Name, x.ID, x.ID, "Let it go on writing when it is lost and another is promoted", true, nil)
		case "reader":
			o.add(faults.ReplayPaused, z.Name, x.ID, x.ID, "Have it fall behind the writer", false, nil)
		}
		o.add(faults.StorageFull, z.Name, x.ID, x.ID, "Fill its cluster's storage", true, nil)
	}
	for _, x := range z.Copies {
		o.add(faults.Disk, z.Name, z.Name, x.ID, "Lose the disks of "+z.Name, true, nil)
	}
}

// directions are the ways that packets can be lost, as buttons say it.
var directions = []struct{ direction, label string }{
	{faults.DirectionBoth, "Lose its packets, both ways"}, {faults.DirectionIn, "Lose what is sent to it"}, {faults.DirectionOut, "Lose what it sends"},
}

// process offers what can happen to something that runs and has a network.
func (o *offers) process(zone, target, on, hang string, big bool) {
	o.add(faults.Hang, zone, target, on, hang, big, nil)
	for _, way := range directions {
		o.add(faults.Blackhole, zone, target, on, way.label, false, map[string]string{faults.ParameterDirection: way.direction})
	}
	o.add(faults.Slow, zone, target, on, "Slow its network to "+slowRate+"/s", false, map[string]string{faults.ParameterRate: slowRate})
}

// Inject breaks what was chosen.
func (p pageFaults) Inject(_ context.Context, region string, choice page.Choice) (string, error) {
	made, err := p.lab.services.faults.Add(faults.Request{Kind: faults.Kind(choice.Kind), Target: choice.Target, Parameters: choice.Parameters})
	if err == nil && made.Region != region {
		_, err = p.lab.services.faults.Heal(made.ID)
		if err == nil {
			err = fmt.Errorf("%s is not in %s", choice.Target, region)
		}
	}
	return made.ID, err
}

// Heal ends a fault, or all of a region.
func (p pageFaults) Heal(_ context.Context, region, id string) error {
	if id != "" {
		_, err := p.lab.services.faults.Heal(id)
		return err
	}
	set, err := p.lab.services.faults.Set()
	if err != nil {
		return err
	}
	var ids []string
	for _, fault := range set {
		if fault.Region == region {
			ids = append(ids, fault.ID)
		}
	}
	if len(ids) > 0 {
		_, err = p.lab.services.faults.Heal(ids...)
	}
	return err
}

// inForce returns a region's faults as its picture shows them.
func (l *lab) inForce(region string) ([]overview.Fault, error) {
	set, err := l.services.faults.Set()
	if err != nil {
		return nil, err
	}
	all := []overview.Fault{}
	for _, fault := range set {
		if fault.Region != region {
			continue
		}
		shown := overview.Fault{
			ID: fault.ID, Kind: string(fault.Kind), Zone: fault.Zone, Target: fault.Target, Interface: fault.Interface, Since: fault.Since,
			Text: strings.TrimPrefix(fault.String(), string(fault.Kind)+" "),
		}
		if shown.Target == shown.Zone {
			shown.Target = ""
		}
		all = append(all, shown)
	}
	return all, nil
}
