package scenario

import (
	"context"
	"fmt"
	"strings"
	"time"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/history"
	"haven/drill/target"
)

const (
	zoneHold  = 15 * time.Second
	zoneWhole = 4 * time.Minute // the zone's machines boot, and its database member catches up
	// zoneErrors is the share of requests that may fail while a zone is lost. A client that knows no better sends a third of
	// its requests to the lost node until the balancer's name no longer leads there, and nobody writes until a reader is
	// promoted if the writer was there. It is a share of all requests until full strength: the longer servers take to be replaced, the
	// smaller a whole outage's share of them is, so there is no room for more than that.
	zoneErrors = 0.4
	// otherZonesErrors is the share of pages that may fail through the other zones' nodes, once they must have noticed: a page that
	// reads from a database member that was just lost is tried again within its time, and few are not answered in it.
	otherZonesErrors = 0.1
)

func zone() []Scenario {
	lost := func(s Scenario) Scenario {
		s.Promises, s.Hold, s.Budget, s.Errors, s.Whole = []string{"HA-03", "HA-05", "HA-07"}, zoneHold, budget.ZoneLost, zoneErrors, zoneWhole
		return s
	}
	power := breaks("zone-power", nil, zoneHold, func(_ context.Context, s Stage) (string, error) { return s.zone() })
	return []Scenario{
		lost(Scenario{Name: "failover/zone/power", Does: "a zone loses its power and gets it back", LabOnly: onlyLab, Fault: power, Judge: otherZonesServe}),
		lost(Scenario{
			Name: "failover/zone/black-holed", Does: "a zone's subnets are cut off: nothing in them hears or is heard, nothing is refused",
			Needs: append([]string{"autoscaling:DescribeAutoScalingGroups", "elasticloadbalancing:DescribeTargetHealth"}, target.ExperimentNeeds...), Fault: blackHoled, Judge: otherZonesServe,
		}),
		lost(Scenario{
			Name: "failover/zone/returns", Does: "a zone that lost its power comes back: its servers, its way in and its database member are used again",
			LabOnly: onlyLab, Fault: power, Judge: usedAgain,
		}),
	}
}

// PowerLoss makes a zone lose its power, which zone is given by its name.
func PowerLoss(zone string, hold time.Duration) func(Stage) fault.Fault {
	return breaks("zone-power", nil, hold, func(context.Context, Stage) (string, error) { return zone, nil })
}

// zone chooses one of the stack's zones.
func (s Stage) zone() (string, error) {
	var names []string
	for _, zone := range s.Outputs.Network.Zones {
		names = append(names, zone.Name)
	}
	return s.oneOf("zone", names)
}

func blackHoled(s Stage) fault.Fault {
	return &experiment{stage: s, choose: s.disruption, active: s.zoneOutOfService}
}

// disruption chooses a zone and the experiment that cuts it off.
func (s Stage) disruption(context.Context) (zone, template string, err error) {
	name, err := s.zone()
	if err != nil {
		return "", "", err
	}
	where, err := s.Zone(name)
	return name, "disrupt-zone-" + where.Letter, err
}

// zoneOutOfService waits until no server of a zone is healthy, as the balancer sees it.
func (s Stage) zoneOutOfService(ctx context.Context, zone string) error {
	return notEjected(ctx, target.Await(ctx, "zone "+zone+" to be out of service", ejectionLimit, func(ctx context.Context) error {
		group, err := s.Group(ctx)
		if err != nil {
			return err
		}
		states, err := s.Targets(ctx)
		if err != nil {
			return err
		}
		for _, i := range group.Instances {
			if *i.AvailabilityZone == zone && states[*i.InstanceId] == "healthy" {
				return fmt.Errorf("%s is healthy", *i.InstanceId)
			}
		}
		return nil
	}))
}

// otherZonesServe says that, while a zone was lost, pages were answered through the other zones' nodes, once each of those must have
// noticed. Writes may wait for a writer meanwhile; pages need none.
func otherZonesServe(_ context.Context, s Stage, h history.History) (found []check.Finding, err error) {
	for _, mark := range h.Marks {
		if mark.Name != history.Active {
			continue
		}
		others, from, to := throughOthers(h, first(mark.Text)), mark.At+s.lag(), next(h, history.Healing, mark.At)
		for _, f := range append(check.Asked(others, from, to, history.Look), check.ErrorShare(others, from, to, otherZonesErrors, history.Look)...) {
			f.Text = "through the other zones, " + f.Text
			found = append(found, f)
		}
	}
	return found, nil
}

// usedAgain says that the zone that was lost takes part again: once everything is at full strength requests are answered through its
// node and by its servers, and its database member is a member as before.
func usedAgain(ctx context.Context, s Stage, h history.History) ([]check.Finding, error) {
	var victim string
	var from time.Duration
	for _, mark := range h.Marks {
		if mark.Name == history.Recovered {
			victim, from = strings.Fields(mark.Text)[0], mark.At
		}
	}
	if victim == "" {
		return nil, fmt.Errorf("the history has no mark %q", history.Recovered)
	}
	found, err := otherZonesServe(ctx, s, h)
	if err != nil {
		return nil, err
	}
	found = append(found, check.TakesPart(h, victim, from)...)
	where, err := s.Zone(victim)
	if err != nil {
		return nil, err
	}
	writer, readers, err := s.Members(ctx)
	if err != nil {
		return nil, err
	}
	member := s.Outputs.Database.Members[where.Letter]
	for _, one := range append(readers, writer) {
		if one == member {
			return found, nil
		}
	}
	return append(found, check.Finding{Promise: check.ErrNotRecovered, At: from, Text: "the database has no member " + member + " any more"}), nil
}
