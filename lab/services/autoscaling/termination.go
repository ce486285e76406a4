package autoscaling

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

var terminationPolicies = []string{"Default", "OldestInstance", "NewestInstance", "OldestLaunchTemplate", "OldestLaunchConfiguration", "ClosestToNextInstanceHour", "AllocationStrategy"}

// chooseToEnd follows the termination policies among candidates: in the zone with most members, as the group's policies
// say in their order; a member that does not serve goes before one that does. Protected members are never chosen
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-termination-policies.html).
func chooseToEnd(g *group, alive, candidates []member, seen map[string]observed, now time.Time) *member {
	return choose(g, alive, slices.DeleteFunc(slices.Clone(candidates), func(m member) bool { return m.Protected }), seen, now)
}

func choose(g *group, alive, candidates []member, seen map[string]observed, now time.Time) *member {
	if len(candidates) == 0 {
		return nil
	}
	counts := perZone(g, alive)
	best := slices.MinFunc(candidates, func(a, b member) int {
		return cmp.Or(
			compareBool(!g.hasLeft(a.Zone), !g.hasLeft(b.Zone)),
			cmp.Compare(counts[b.Zone], counts[a.Zone]),
			compareBool(wellServing(g, a, seen[a.ID]), wellServing(g, b, seen[b.ID])),
			g.comparePolicies(a, b, now), cmp.Compare(a.ID, b.ID),
		)
	})
	return &best
}

// comparePolicies orders two members of a zone by the group's termination policies, the default one last: the oldest
// launch template, then the one that is closest to its next instance hour.
func (g *group) comparePolicies(a, b member, now time.Time) int {
	for _, p := range append(slices.Clone(g.Policies), "Default") {
		order := 0
		switch p {
		case "OldestInstance":
			order = a.Launched.Compare(b.Launched)
		case "NewestInstance":
			order = b.Launched.Compare(a.Launched)
		case "ClosestToNextInstanceHour":
			order = compareHours(a, b, now)
		case "OldestLaunchTemplate", "OldestLaunchConfiguration":
			order = g.compareTemplates(a, b)
		case "Default":
			order = cmp.Or(g.compareTemplates(a, b), compareHours(a, b, now))
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// compareTemplates puts members of another launch template than the group's first, then those of older versions.
func (g *group) compareTemplates(a, b member) int {
	return cmp.Or(compareBool(a.Template.ID == g.Template.ID, b.Template.ID == g.Template.ID), cmp.Compare(a.Template.number(), b.Template.number()))
}

// number is the version as a number: those that members were launched from always are.
func (t template) number() int {
	n, _ := strconv.Atoi(t.Version)
	return n
}

// compareHours puts the member first that has less of its hour left, counted from its launch.
func compareHours(a, b member, now time.Time) int {
	left := func(m member) time.Duration { return time.Hour - now.Sub(m.Launched)%time.Hour }
	return cmp.Compare(left(a), left(b))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
