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
func choices(p overview.Picture) (all []page.Choice) {
	for _, zone := range p.Zones {
		add := func(kind faults.Kind, target, on, label string, big bool, parameters map[string]string) {
			about, _ := faults.Describe(kind)
			all = append(all, page.Choice{
				Kind: string(kind), Zone: zone.Name, Target: target, On: on, Label: label, Big: big, Parameters: parameters,
				About: strings.Join(strings.Fields(about.Sees), " "),
			})
		}
		network := func(target, on string) {
			for _, direction := range []string{faults.DirectionBoth, faults.DirectionIn, faults.DirectionOut} {
				label := map[string]string{
					faults.DirectionBoth: "Lose its packets, both ways", faults.DirectionIn: "Lose what is sent to it", faults.DirectionOut: "Lose what it sends",
				}[direction]
				add(faults.Blackhole, target, on, label, false, map[string]string{faults.ParameterDirection: direction})
			}
			add(faults.Slow, target, on, "Slow its network to "+slowRate+"/s", false, map[string]string{faults.ParameterRate: slowRate})
		}
		if p.Empty {
			continue
		}
		add(faults.ZonePower, zone.Name, "", "Cut the power of "+zone.Name, true, nil)
		add(faults.Slow, zone.Name, "", "Slow the network of "+zone.Name+" to "+slowRate+"/s each", true, map[string]string{faults.ParameterRate: slowRate})
		for _, x := range zone.Firewall {
			add(faults.FirewallEndpoint, zone.Name, x.ID, "Lose the firewall endpoints of "+zone.Name, true, nil)
		}
		for _, x := range zone.Balancer {
			name := x.Group + "/" + zone.Name
			add(faults.BalancerNode, zone.Name, x.ID, "Lose the balancers' nodes of "+zone.Name, true, nil)
			add(faults.Hang, name, x.ID, "Hang its proxy", false, nil)
			network(name, x.ID)
		}
		for _, x := range zone.Servers {
			if x.State != "running" {
				continue
			}
			add(faults.Hang, x.ID, x.ID, "Hang the instance", false, nil)
			network(x.ID, x.ID)
		}
		for _, x := range zone.Database {
			add(faults.Hang, x.ID, x.ID, "Hang the database server", x.Role == "writer", nil)
			network(x.ID, x.ID)
		}
		for _, x := range zone.Copies {
			add(faults.Disk, zone.Name, x.ID, "Lose the disks of "+zone.Name, true, nil)
		}
	}
	return all
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
