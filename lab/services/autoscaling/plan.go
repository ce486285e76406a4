package autoscaling

import (
	"cmp"
	"slices"
	"time"
)

// action is one step that a plan asks for: launch in a zone, or terminate an instance.
type action struct {
	Launch    string // zone
	Extra     bool   // over the desired capacity, to balance the zones
	Terminate string // instance
	Why       string // for the activity's cause
}

// Why an action is taken, in the words of AWS's activities.
const (
	whyGrow      = "an instance was started in response to a difference between desired and actual capacity"
	whyShrink    = "an instance was taken out of service in response to a difference between desired and actual capacity"
	whyBalance   = "instances were launched to balance instances in zones with other zones"
	whyRefresh   = "an instance was taken out of service in response to an instance refresh"
	whyReplacing = "an instance was launched in response to an instance refresh"
)

// plan returns what brings a group to its desired capacity, balanced over its zones: the difference between the
// zones is at most one, except for instances that may not be chosen. It looks at nothing but its arguments.
func plan(g *group, all []*member, now time.Time) []action {
	active := slices.DeleteFunc(slices.Clone(all), func(m *member) bool { return !m.counts() })
	regular := slices.DeleteFunc(slices.Clone(active), func(m *member) bool { return m.Extra })
	switch missing := int(g.Desired) - len(regular); {
	case missing > 0:
		return planLaunches(g, active, missing, now)
	case missing < 0:
		return planTerminations(g, regular, -missing, now)
	}
	return planBalance(g, all, active, now)
}

func planLaunches(g *group, active []*member, missing int, now time.Time) []action {
	if g.suspended("Launch") {
		return nil
	}
	zones := usableZones(g, now)
	if len(zones) == 0 {
		return nil
	}
	count := countZones(g, active)
	var actions []action
	for range missing {
		zone := emptiest(zones, count)
		count[zone]++
		actions = append(actions, action{Launch: zone, Why: whyGrow})
	}
	return actions
}

func planTerminations(g *group, regular []*member, surplus int, now time.Time) []action {
	if g.suspended("Terminate") {
		return nil
	}
	var actions []action
	left := slices.Clone(regular)
	for range surplus {
		victim := chooseVictim(g, left, now)
		if victim == nil {
			break // all that is left is protected
		}
		left = slices.DeleteFunc(left, func(m *member) bool { return m == victim })
		actions = append(actions, action{Terminate: victim.Instance, Why: whyShrink})
	}
	return actions
}

// planBalance evens out the zones: it launches where there are fewest, before one is taken away where there are most
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html, "Rebalancing activities"). While
// anything is still on its way in or out it waits.
func planBalance(g *group, all, active []*member, now time.Time) []action {
	if g.suspended("AZRebalance") || g.suspended("Launch") || g.suspended("Terminate") || len(g.Subnets) < 2 {
		return nil
	}
	for _, m := range all {
		if !m.standby() && (!m.inService() || m.Extra || m.Unhealthy) {
			return nil
		}
	}
	zones := usableZones(g, now)
	count := countZones(g, active)
	if len(zones) == 0 || len(zones) < len(g.Subnets) && allBlocked(g, zones) {
		return nil
	}
	low, high := emptiest(zones, count), fullest(g, active, count)
	if high == "" || count[high]-count[low] < 2 {
		return nil
	}
	return []action{{Launch: low, Extra: true, Why: whyBalance}}
}

// allBlocked reports whether the usable zones are usable only because every zone is blocked.
func allBlocked(g *group, zones []string) bool { return len(zones) == 0 && len(g.Blocked) > 0 }

func (g *group) suspended(process string) bool {
	_, ok := g.Suspended[process]
	return ok
}

// usableZones leaves out the zones where launching has just failed.
func usableZones(g *group, now time.Time) []string {
	var zones []string
	for _, subnet := range g.Subnets {
		if !now.Before(g.Blocked[subnet.Zone]) && !slices.Contains(zones, subnet.Zone) {
			zones = append(zones, subnet.Zone)
		}
	}
	return zones
}

func countZones(g *group, active []*member) map[string]int {
	count := map[string]int{}
	for _, subnet := range g.Subnets {
		count[subnet.Zone] += 0
	}
	for _, m := range active {
		count[m.Zone]++
	}
	return count
}

func emptiest(zones []string, count map[string]int) string {
	return slices.MinFunc(zones, func(a, b string) int { return cmp.Or(cmp.Compare(count[a], count[b]), cmp.Compare(a, b)) })
}

// fullest is the zone with the most instances among those that have one that may be taken; zones that the group no
// longer has come first.
func fullest(g *group, active []*member, count map[string]int) string {
	best := ""
	for _, m := range active {
		if m.Protected {
			continue
		}
		if best == "" || zoneRank(g, m.Zone, count) > zoneRank(g, best, count) || zoneRank(g, m.Zone, count) == zoneRank(g, best, count) && m.Zone < best {
			best = m.Zone
		}
	}
	return best
}

func zoneRank(g *group, zone string, count map[string]int) int {
	if !slices.ContainsFunc(g.Subnets, func(s subnet) bool { return s.Zone == zone }) {
		return 1<<20 + count[zone]
	}
	return count[zone]
}
