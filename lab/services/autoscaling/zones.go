package autoscaling

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

const (
	firstRetry = 15 * time.Second
	lastRetry  = time.Minute
)

// zonal are EC2's refusals that say something of the zone, so that another one may have room
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-capacity.html).
var zonal = []string{"InsufficientInstanceCapacity", "InsufficientFreeAddressesInSubnet", "InsufficientCapacity", "Unsupported"}

func zonalRefusal(err error) bool {
	return slices.ContainsFunc(zonal, func(code string) bool { return cloud.HasCode(err, code) })
}

// refused notes that a launch in a zone failed: it is avoided for a while that grows with each failure.
func (g *group) refused(zone string, now time.Time) {
	if g.Trouble == nil {
		g.Trouble = map[string]trouble{}
	}
	failures := g.Trouble[zone].Failures + 1
	pause := min(lastRetry, firstRetry<<min(failures-1, 8))
	g.Trouble[zone] = trouble{Failures: failures, Until: now.Add(pause).UTC()}
}

// troubled reports whether a launch in the zone has failed and is not to be tried again yet.
func (g *group) troubled(zone string, now time.Time) bool {
	t, ok := g.Trouble[zone]
	return ok && now.Before(t.Until)
}

func perZone(g *group, members []member) map[string]int {
	counts := map[string]int{}
	for _, zone := range g.zones() {
		counts[zone] = 0
	}
	for _, m := range members {
		counts[m.Zone]++
	}
	return counts
}

// emptiest is the zone that has fewest members, the first by name among equals; false when there is none to choose
// from.
func emptiest(zones []string, counts map[string]int) (string, bool) {
	if len(zones) == 0 {
		return "", false
	}
	return slices.MinFunc(zones, func(a, b string) int { return cmp.Or(cmp.Compare(counts[a], counts[b]), cmp.Compare(a, b)) }), true
}

// usable are the group's zones where a launch may be tried.
func (g *group) usable(now time.Time) []string {
	return slices.DeleteFunc(g.zones(), func(zone string) bool { return g.troubled(zone, now) })
}

// launches starts members one by one in the zone that has fewest. A zone whose launches fail is left out; a group that
// is told to be balanced only leaves its share there unlaunched instead
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-availability-zone-balanced.html).
func launches(g *group, alive []member, count int, like launch, now time.Time) (steps []step) {
	counts, zones := perZone(g, alive), g.usable(now)
	if g.Distribution == types.CapacityDistributionStrategyBalancedOnly {
		zones = g.zones()
	}
	for range count {
		zone, ok := emptiest(zones, counts)
		if !ok {
			return steps
		}
		counts[zone]++
		if g.troubled(zone, now) {
			continue
		}
		wanted := like
		wanted.Zone, wanted.Subnet = zone, g.subnetIn(zone)
		steps = append(steps, step{Launch: &wanted})
	}
	return steps
}

// subnetIn is the zone's subnet that has fewest of the group's members.
func (g *group) subnetIn(zone string) string {
	counts := map[string]int{}
	for _, m := range g.Members {
		counts[m.Subnet]++
	}
	var ids []string
	for _, s := range g.Subnets {
		if s.Zone == zone {
			ids = append(ids, s.ID)
		}
	}
	return slices.MinFunc(ids, func(a, b string) int { return cmp.Compare(counts[a], counts[b]) })
}

// uneven reports whether a zone has two members fewer than another.
func uneven(g *group, members []member) bool {
	counts := slices.Collect(maps.Values(perZone(g, members)))
	return len(counts) > 0 && slices.Max(counts)-slices.Min(counts) >= 2
}

// rebalance moves members from zones that have two or more too many: it launches before it terminates, and goes over
// the desired capacity, even over the greatest, by a tenth or by one. Where the group's maintenance policy leaves no
// room above it, the old member goes first
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html#AutoScalingBehavior.InstanceUsage).
func rebalance(g *group, alive []member, seen map[string]observed, now time.Time) (steps []step) {
	counts, zones, over := perZone(g, alive), g.usable(now), len(alive)-int(g.Desired)
	if g.suspended("AZRebalance") || slices.ContainsFunc(alive, func(m member) bool { return !m.Balancing && !wellServing(g, m, seen[m.ID]) }) {
		return nil
	}
	names, sizes := counted(counts)
	cause := sentence(now, "availability zones %s had %s instances respectively. An instance was launched to aid in balancing the group's zones", names, sizes)
	margin := max(1, int(g.Desired)/10) - over
	if g.Maintenance != nil {
		least, most := g.bounds()
		if margin = most - len(alive); margin <= 0 && over == 0 {
			return makeRoom(g, alive, seen, least, now)
		}
	}
	for range over { // those go when the ones that are on their way serve
		counts[g.fullest(counts)]--
	}
	for range margin {
		to, ok := emptiest(zones, counts)
		from := g.fullest(counts)
		if !ok || !g.crowded(counts, from, to) {
			return steps
		}
		counts[to]++
		counts[from]--
		steps = append(steps, step{Launch: &launch{Zone: to, Subnet: g.subnetIn(to), Cause: cause, Balance: true}})
	}
	return steps
}

// hasLeft reports whether the zone has been taken from the group: its members move to the others
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-add-az-console.html).
func (g *group) hasLeft(zone string) bool { return !slices.Contains(g.zones(), zone) }

// fullest is the zone to take members from: one that the group has left, else the one that has most.
func (g *group) fullest(counts map[string]int) string {
	return slices.MaxFunc(slices.Sorted(maps.Keys(counts)), func(a, b string) int {
		return cmp.Or(compareBool(g.hasLeft(a) && counts[a] > 0, g.hasLeft(b) && counts[b] > 0), cmp.Compare(counts[a], counts[b]))
	})
}

// crowded reports whether a member should move from one zone to another.
func (g *group) crowded(counts map[string]int, from, to string) bool {
	return g.hasLeft(from) && counts[from] > 0 || counts[from]-counts[to] >= 2
}

// makeRoom ends one member of the fullest zone, so that its replacement starts in another.
func makeRoom(g *group, alive []member, seen map[string]observed, least int, now time.Time) []step {
	counts := perZone(g, alive)
	to, ok := emptiest(g.usable(now), counts)
	if !ok || !g.crowded(counts, g.fullest(counts), to) || len(alive)-1 < least {
		return nil
	}
	chosen := chooseToEnd(g, alive, alive, seen, now)
	if chosen == nil {
		return nil
	}
	zones, sizes := counted(counts)
	return []step{{End: &ending{ID: chosen.ID, Cause: because(
		sentence(now, "availability zones %s had %s instances respectively. An instance was terminated to aid in balancing the group's zones", zones, sizes),
		sentence(now, "instance %s was selected for termination", chosen.ID))}}}
}

// counted tells zones and their sizes as causes do: "us-east-1a us-east-1b" and "4 1".
func counted(counts map[string]int) (zones, sizes string) {
	names := slices.Sorted(maps.Keys(counts))
	var told []string
	for _, zone := range names {
		told = append(told, strconv.Itoa(counts[zone]))
	}
	return strings.Join(names, " "), strings.Join(told, " ")
}

// balanced tells of the members that were launched for balance, for the cause of those that end for them.
func balanced(alive []member, now time.Time) string {
	var zones []string
	for _, m := range alive {
		if m.Balancing && !slices.Contains(zones, m.Zone) {
			zones = append(zones, m.Zone)
		}
	}
	if len(zones) == 0 {
		return ""
	}
	slices.Sort(zones)
	return fmt.Sprintf("At %s instances were launched to balance instances in zones %s with other zones resulting in more than desired number of instances in the group.", stamp(now), strings.Join(zones, " "))
}
