package autoscaling

import (
	"slices"
	"time"
)

// resize brings the number of members to the desired one: it replaces the unhealthy, launches where there are fewest
// and ends what is too many where there are most. When the size is right and the zones are not, it balances them.
func resize(g *group, seen map[string]observed, now time.Time) (steps []step) {
	alive, sick := split(g)
	if g.suspended("ReplaceUnhealthy") || g.suspended("Terminate") {
		alive, sick = append(alive, sick...), nil
	}
	for _, m := range replaced(g, alive, sick, seen, now) {
		steps = append(steps, step{End: unhealthy(m, now)})
	}
	desired := int(g.Desired)
	switch missing := desired - len(alive); {
	case missing > 0:
		cause := because(g.Reason, sentence(now, "an instance was started in response to a difference between desired and actual capacity, increasing the capacity from %d to %d", len(alive), desired))
		steps = append(steps, launches(g, alive, missing, launch{Cause: cause}, now)...)
	case missing < 0:
		if extra := surplus(g, alive, seen, -missing, now); len(extra) > 0 || !balancing(alive) {
			return append(steps, extra...)
		}
		steps = append(steps, rebalance(g, alive, seen, now)...)
	case len(sick) == 0:
		steps = append(steps, rebalance(g, alive, seen, now)...)
	}
	return steps
}

// unhealthy ends a member for its health; one that never came into service is a launch that failed.
func unhealthy(m member, now time.Time) *ending {
	e := &ending{ID: m.ID, Cause: sentence(now, "an instance was taken out of service in response to %s", m.Unhealthy)}
	if m.InService.IsZero() {
		e.Status = "Instance became unhealthy while waiting for instance to be in InService state."
	}
	return e
}

// bounds are the fewest healthy and the most healthy or pending members that the group's maintenance policy allows
// while members are replaced; without a policy, none healthy and no more than desired
// (https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstanceMaintenancePolicy.html).
func (g *group) bounds() (least, most int) {
	if g.Maintenance == nil {
		return 0, int(g.Desired)
	}
	return percentages(int(g.Desired), g.Maintenance.Min, g.Maintenance.Max)
}

// percentages turns a replacement's percentages of the desired capacity into numbers of members: both are rounded up,
// so that fewer than the least are never in service and a group of any size that may launch before it ends has room
// for one more. Without room for any replacement, one member at a time is replaced
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-maintenance-policy-overview.html).
func percentages(desired, minimum, maximum int) (least, most int) {
	least, most = (desired*minimum+99)/100, (desired*maximum+99)/100
	if least >= most {
		least = max(0, most-1)
	}
	return least, most
}

// replaced tells which unhealthy members end now. Those of a group whose maintenance policy launches before it
// terminates are kept until as many others are ready, unless their instances are lost anyway
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-instance-maintenance-policy.html).
func replaced(g *group, alive, sick []member, seen map[string]observed, now time.Time) (ended []member) {
	if g.Maintenance == nil || g.Maintenance.Max <= 100 {
		return sick
	}
	var waiting []member
	for _, m := range sick {
		if m.Lost {
			ended = append(ended, m)
		} else {
			waiting = append(waiting, m)
		}
	}
	warmup, _ := g.warmup()
	missed := int(g.Desired) - len(waiting) // others that have to be ready before any replacement is
	count := min(max(0, ready(g, alive, seen, warmup, now)-missed), len(waiting))
	return append(ended, waiting[:count]...)
}

// balancing reports whether members are over the desired capacity for balance.
func balancing(alive []member) bool {
	return slices.ContainsFunc(alive, func(m member) bool { return m.Balancing })
}

// surplus chooses whom to end. Members that were launched for balance are waited for until they serve.
func surplus(g *group, alive []member, seen map[string]observed, count int, now time.Time) (steps []step) {
	rest, desired := slices.Clone(alive), len(alive)-count
	for _, m := range alive {
		if m.Balancing && !wellServing(g, m, seen[m.ID]) {
			count--
		}
	}
	for range count {
		chosen := chooseToEnd(g, rest, rest, seen, now)
		if chosen == nil {
			return steps // all are protected
		}
		cause := because(g.Reason, balanced(alive, now),
			sentence(now, "an instance was taken out of service in response to a difference between desired and actual capacity, shrinking the capacity from %d to %d", len(alive), desired),
			sentence(now, "instance %s was selected for termination", chosen.ID))
		steps = append(steps, step{End: &ending{ID: chosen.ID, Cause: cause}})
		rest = without(rest, chosen.ID)
	}
	return steps
}

func without(members []member, id string) []member {
	return slices.DeleteFunc(slices.Clone(members), func(m member) bool { return m.ID == id })
}
