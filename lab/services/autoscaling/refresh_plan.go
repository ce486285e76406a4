package autoscaling

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// refresh is an instance refresh: a rolling replacement of every member that is not of the wanted template.
type refresh struct {
	ID         string
	Status     types.InstanceRefreshStatus
	Reason     string
	Started    time.Time
	Ended      *time.Time
	Min        int // percent of the desired capacity that stays healthy
	Max        int // percent of the desired capacity that may be there at most
	Warmup     time.Duration
	Skip       bool // members that match already stay
	Rollback   bool // go back to the template before when it fails
	Wanted     template
	Before     template // the template to go back to
	Explicit   bool     // the wanted template was given with the refresh and becomes the group's when it succeeds
	ToReplace  int      // at its start
	Failures   int      // replacements that were found unhealthy
	Begun      time.Time
	Preference types.RefreshPreferences
}

// mostFailures ends a refresh: so many replacements did not become healthy.
const mostFailures = 3

func (r *refresh) active() bool {
	return r.Status == types.InstanceRefreshStatusPending || r.Status == types.InstanceRefreshStatusInProgress || r.Status == types.InstanceRefreshStatusRollbackInProgress
}

// outdated reports whether a refresh has to replace a member.
func (r *refresh) outdated(m member) bool {
	if r.Skip || m.Launched.After(r.Begun) {
		return m.Template.ID != r.Wanted.ID || m.Template.Version != r.Wanted.Version
	}
	return true
}

// roll decides the next steps of a refresh: the unhealthy go, replacements start as far as the greatest size allows,
// and members of the old template end as far as the least healthy size allows. Where the two leave no room, one
// member at a time is replaced
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-overview.html).
func roll(g *group, seen map[string]observed) (steps []step) {
	alive, sick := split(g)
	for _, m := range sick {
		steps = append(steps, step{End: &ending{m.ID, "an instance was taken out of service in response to an " + m.Unhealthy}})
	}
	var old, serving, oldServing int
	var outdated []member
	for _, m := range alive {
		well := wellServing(g, m, seen[m.ID])
		if well {
			serving++
		}
		if g.Refresh.outdated(m) {
			outdated = append(outdated, m)
			old++
			if well {
				oldServing++
			}
		}
	}
	desired := int(g.Desired)
	least, most := (desired*g.Refresh.Min+99)/100, max(desired, desired*g.Refresh.Max/100)
	if least >= most { // no room: one at a time
		least = most - 1
	}
	fresh := len(alive) - old
	launchable := min(most-len(alive), desired-fresh)
	if launchable > 0 {
		steps = append(steps, launchesFor(g, alive, outdated, launchable)...)
	}
	endable := min(serving-least, len(outdated))
	if len(alive) <= desired && most > desired {
		endable = min(endable, len(alive)-desired) // launch before ending
	}
	// Members of the old template that do not serve carry nothing: they go first, and whenever something replaces them.
	idle := min(old-oldServing, max(0, len(alive)-desired))
	return append(steps, endOld(g, outdated, seen, max(endable, idle))...)
}

// launchesFor starts replacements in the zones of those that they replace.
func launchesFor(g *group, alive, outdated []member, count int) (steps []step) {
	counts := perZone(g, slices.DeleteFunc(slices.Clone(alive), func(m member) bool { return g.Refresh.outdated(m) }))
	cause := fmt.Sprintf("an instance was started to replace an outdated one during instance refresh %s", g.Refresh.ID)
	zones := g.zones()
	for range count {
		zone := zones[0]
		for _, candidate := range zones {
			if counts[candidate] < counts[zone] {
				zone = candidate
			}
		}
		counts[zone]++
		steps = append(steps, step{Launch: &launch{Subnet: g.subnetIn(zone), Zone: zone, Cause: cause}})
	}
	return steps
}

func endOld(g *group, outdated []member, seen map[string]observed, count int) (steps []step) {
	rest := slices.Clone(outdated)
	for range count {
		chosen := chooseToEnd(g, rest, seen)
		if chosen == nil {
			return steps
		}
		rest = slices.DeleteFunc(rest, func(m member) bool { return m.ID == chosen.ID })
		steps = append(steps, step{End: &ending{chosen.ID, "an instance was taken out of service during instance refresh " + g.Refresh.ID}})
	}
	return steps
}

// settle moves a refresh on: it ends when no member is outdated and all that are desired serve.
func settle(g *group, seen map[string]observed, now time.Time) {
	r := g.Refresh
	if r == nil || !r.active() {
		return
	}
	if r.Status == types.InstanceRefreshStatusPending {
		r.Status = types.InstanceRefreshStatusInProgress
	}
	alive, sick := split(g)
	for _, m := range sick {
		if !r.outdated(m) && m.State == types.LifecycleStateInService {
			r.Failures++
		}
	}
	switch {
	case r.Failures >= mostFailures:
		fail(g, now)
	case len(sick) == 0 && len(alive) == int(g.Desired) && allServing(g, alive, seen) && warm(r, alive, now) && !slices.ContainsFunc(alive, r.outdated):
		finish(g, now)
	}
}

func warm(r *refresh, alive []member, now time.Time) bool {
	return !slices.ContainsFunc(alive, func(m member) bool { return m.Launched.After(r.Begun) && now.Sub(m.InService) < r.Warmup })
}

func fail(g *group, now time.Time) {
	r := g.Refresh
	why := fmt.Sprintf("%d replacement instances did not become healthy", r.Failures)
	if r.Rollback && r.Status == types.InstanceRefreshStatusInProgress && r.Before.Version != "" {
		r.Status, r.Reason, r.Wanted, r.Failures, r.Begun = types.InstanceRefreshStatusRollbackInProgress, why, r.Before, 0, now
		g.Template = r.Before
		return
	}
	r.Status, r.Reason, r.Ended = types.InstanceRefreshStatusFailed, why, &now
	if r.Wanted == r.Before {
		r.Status = types.InstanceRefreshStatusRollbackFailed
	}
}

func finish(g *group, now time.Time) {
	r := g.Refresh
	r.Ended = &now
	if r.Status == types.InstanceRefreshStatusRollbackInProgress {
		r.Status = types.InstanceRefreshStatusRollbackSuccessful
		return
	}
	r.Status = types.InstanceRefreshStatusSuccessful
	if r.Explicit {
		g.Template = r.Wanted
	}
}
