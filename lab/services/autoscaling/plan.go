package autoscaling

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// observed is what is known of a member outside the group.
type observed struct {
	Known    bool // EC2 knows the instance
	State    ec2types.InstanceStateName
	Impaired bool // a status check fails
	// Targets is the worst verdict over the group's target groups: "" without any.
	Targets targetState
	// Registered counts the target groups in which the instance is still a target, draining ones included.
	Registered int
}

type targetState string

const (
	targetHealthy   targetState = "healthy"
	targetInitial   targetState = "initial"
	targetUnhealthy targetState = "unhealthy"
	targetAbsent    targetState = "absent" // not registered
)

// step is one thing to do. Exactly one of its fields is set.
type step struct {
	Launch    *launch
	Wait      string // the member is to wait for its transition's lifecycle hooks
	Serve     string // the member's instance runs: register it and call it in service
	End       *ending
	Terminate string // the member has drained: end its instance
	Forget    string // the member's instance is gone
	Sick      *ending
}

type launch struct {
	Subnet string
	Zone   string
	Cause  string
}

type ending struct {
	ID    string
	Cause string
}

// plan decides what a group does next: state changes of its members first, then its size. The same answer comes out
// until something changes.
func plan(g *group, seen map[string]observed, now time.Time) []step {
	steps := advance(g, seen, now)
	sick := diagnose(g, seen, now)
	for _, s := range sick {
		steps = append(steps, step{Sick: &s})
	}
	if g.Refresh != nil && g.Refresh.active() && !g.suspended("InstanceRefresh") {
		return append(steps, roll(g, seen)...)
	}
	return append(steps, resize(g, seen)...)
}

// advance moves members along: pending ones that run into service, ending ones towards their end, both by way of the
// group's lifecycle hooks.
func advance(g *group, seen map[string]observed, now time.Time) (steps []step) {
	for _, m := range g.Members {
		if s, ok := advanceOne(g, m, seen[m.ID], now); ok {
			steps = append(steps, s)
		}
	}
	return steps
}

func advanceOne(g *group, m member, o observed, now time.Time) (step, bool) {
	gone := !o.Known || o.State == ec2types.InstanceStateNameTerminated
	running := o.State == ec2types.InstanceStateNameRunning
	drained := o.Registered == 0 && o.State != ec2types.InstanceStateNameShuttingDown
	switch m.State {
	case types.LifecycleStatePending:
		if running && len(g.hooksOn(onLaunch)) > 0 && m.InService.IsZero() {
			return step{Wait: m.ID}, true
		}
		return step{Serve: m.ID}, running
	case types.LifecycleStatePendingWait:
		switch g.outcome(m, now) {
		case proceed:
			return step{Serve: m.ID}, running
		case abandon:
			return step{End: &ending{m.ID, "an instance was taken out of service in response to an abandoned lifecycle action"}}, true
		}
	case types.LifecycleStateTerminating:
		switch {
		case gone:
			return step{Forget: m.ID}, true
		case drained && len(g.hooksOn(onTerminate)) > 0:
			return step{Wait: m.ID}, true
		}
		return step{Terminate: m.ID}, drained
	case types.LifecycleStateTerminatingWait, types.LifecycleStateTerminatingProceed:
		if gone {
			return step{Forget: m.ID}, true
		}
		return step{Terminate: m.ID}, drained && (g.Deleting || g.outcome(m, now) != "")
	case types.LifecycleStateStandby:
		return step{Forget: m.ID}, gone
	}
	return step{}, false
}

// diagnose finds members that have to be replaced. An instance that ended or stopped is unhealthy at once; failed
// checks count only after the grace period
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-check-grace-period.html).
func diagnose(g *group, seen map[string]observed, now time.Time) (sick []ending) {
	if g.suspended("HealthCheck") {
		return nil
	}
	for _, m := range g.Members {
		if !m.alive() || m.Unhealthy != "" {
			continue
		}
		if why := symptom(g, m, seen[m.ID], now); why != "" {
			sick = append(sick, ending{m.ID, why})
		}
	}
	return sick
}

func symptom(g *group, m member, o observed, now time.Time) string {
	switch {
	case !o.Known, o.State == ec2types.InstanceStateNameTerminated, o.State == ec2types.InstanceStateNameShuttingDown,
		o.State == ec2types.InstanceStateNameStopped, o.State == ec2types.InstanceStateNameStopping:
		return "EC2 health check indicating it has been terminated or stopped"
	case m.State != types.LifecycleStateInService || now.Sub(m.InService) < g.Grace:
		return ""
	case o.Impaired:
		return "EC2 instance status checks failure"
	case g.Health == "ELB" && (o.Targets == targetUnhealthy || o.Targets == targetAbsent):
		return "ELB system health check failure"
	}
	return ""
}

// wellServing reports whether a member carries load.
func wellServing(g *group, m member, o observed) bool {
	return m.State == types.LifecycleStateInService && m.Unhealthy == "" && (len(g.Targets) == 0 || o.Targets == targetHealthy)
}

// resize brings the number of members to the desired one: it ends the unhealthy, launches where there are fewest and
// ends what is too many where there are most. A zone that is short by two or more gets one over the desired number
// first; when that serves, the fullest zone gives one up
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html#AutoScalingBehavior.Rebalancing).
func resize(g *group, seen map[string]observed) (steps []step) {
	alive, sick := split(g)
	if !g.suspended("ReplaceUnhealthy") && !g.suspended("Terminate") {
		for _, m := range sick {
			steps = append(steps, step{End: &ending{m.ID, "an instance was taken out of service in response to an " + m.Unhealthy}})
		}
	} else {
		alive = append(alive, sick...)
	}
	desired := int(g.Desired)
	switch missing := desired - len(alive); {
	case missing > 0 && !g.suspended("Launch"):
		return append(steps, launches(g, alive, missing, fmt.Sprintf("an instance was started in response to a difference between desired and actual capacity, increasing the capacity from %d to %d", len(alive), desired))...)
	case missing < 0 && !g.suspended("Terminate"):
		return append(steps, surplus(g, alive, seen, -missing)...)
	case missing == 0 && uneven(g, alive) && allServing(g, alive, seen) && !g.suspended("AZRebalance") && !g.suspended("Launch"):
		return append(steps, launches(g, alive, 1, "an instance was launched to aid in balancing the group's zones")...)
	}
	return steps
}

// split tells the healthy members from the unhealthy ones; ending members are neither.
func split(g *group) (alive, sick []member) {
	for _, m := range g.Members {
		switch {
		case !m.alive():
		case m.Unhealthy != "":
			sick = append(sick, m)
		default:
			alive = append(alive, m)
		}
	}
	return alive, sick
}

func allServing(g *group, members []member, seen map[string]observed) bool {
	return !slices.ContainsFunc(members, func(m member) bool { return !wellServing(g, m, seen[m.ID]) })
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

// uneven reports whether a zone has two members fewer than another.
func uneven(g *group, members []member) bool {
	counts := perZone(g, members)
	var all []int
	for _, n := range counts {
		all = append(all, n)
	}
	return len(all) > 0 && slices.Max(all)-slices.Min(all) >= 2
}

// launches starts members one by one in the zone that has fewest, the first by name among equals.
func launches(g *group, alive []member, count int, cause string) (steps []step) {
	counts := perZone(g, alive)
	for range count {
		zone := slices.MinFunc(g.zones(), func(a, b string) int { return cmp.Or(cmp.Compare(counts[a], counts[b]), cmp.Compare(a, b)) })
		steps = append(steps, step{Launch: &launch{Subnet: g.subnetIn(zone), Zone: zone, Cause: cause}})
		counts[zone]++
	}
	return steps
}

func (g *group) subnetIn(zone string) string {
	i := slices.IndexFunc(g.Subnets, func(s subnet) bool { return s.Zone == zone })
	return g.Subnets[i].ID
}

// surplus chooses whom to end. A member over the desired number that was launched for balance is waited for until it
// serves; otherwise members that do not serve yet go first.
func surplus(g *group, alive []member, seen map[string]observed, count int) (steps []step) {
	rest := slices.Clone(alive)
	for range count {
		if balancing(g, rest) && !allServing(g, rest, seen) {
			return steps
		}
		chosen := chooseToEnd(g, rest, seen)
		if chosen == nil {
			return steps // all are protected
		}
		cause := fmt.Sprintf("an instance was taken out of service in response to a difference between desired and actual capacity, shrinking the capacity from %d to %d", len(rest), len(rest)-1)
		steps = append(steps, step{End: &ending{chosen.ID, cause}})
		rest = slices.DeleteFunc(rest, func(m member) bool { return m.ID == chosen.ID })
	}
	return steps
}

// balancing reports whether the group is one over its size with zones that were uneven before.
func balancing(g *group, alive []member) bool {
	if len(alive) != int(g.Desired)+1 {
		return false
	}
	newest := slices.MaxFunc(alive, func(a, b member) int { return a.Launched.Compare(b.Launched) })
	return uneven(g, slices.DeleteFunc(slices.Clone(alive), func(m member) bool { return m.ID == newest.ID }))
}

// chooseToEnd follows the termination policies: in the zone with most members, as the group's policies say in their
// order; a member that does not serve goes before one that does
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-termination-policies.html).
func chooseToEnd(g *group, alive []member, seen map[string]observed) *member {
	candidates := slices.DeleteFunc(slices.Clone(alive), func(m member) bool { return m.Protected })
	if len(candidates) == 0 {
		return nil
	}
	counts := perZone(g, alive)
	slices.SortFunc(candidates, func(a, b member) int {
		return cmp.Or(
			cmp.Compare(counts[b.Zone], counts[a.Zone]),
			compareBool(wellServing(g, a, seen[a.ID]), wellServing(g, b, seen[b.ID])),
			g.comparePolicies(a, b), cmp.Compare(a.ID, b.ID),
		)
	})
	return &candidates[0]
}

// comparePolicies orders two members of a zone by the group's termination policies, the default one last. The default
// takes those of an old launch template first, then the oldest, where AWS takes the one closest to its next billing hour.
func (g *group) comparePolicies(a, b member) int {
	age := a.Launched.Compare(b.Launched)
	outdated := compareBool(a.Template.Version == g.Template.Version, b.Template.Version == g.Template.Version)
	for _, p := range append(slices.Clone(g.Policies), "Default") {
		order := 0
		switch p {
		case "OldestInstance", "ClosestToNextInstanceHour":
			order = age
		case "NewestInstance":
			order = -age
		case "OldestLaunchTemplate", "OldestLaunchConfiguration":
			order = outdated
		case "Default":
			order = cmp.Or(outdated, age)
		}
		if order != 0 {
			return order
		}
	}
	return 0
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
