package autoscaling

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// refresh is an instance refresh: a rolling replacement of every member that is not of the wanted template.
type refresh struct {
	ID         string
	Status     types.InstanceRefreshStatus
	Reason     string // why it has its status; empty: what it waits for is told
	Started    time.Time
	Ended      *time.Time
	Min        int // percent of the desired capacity that stays healthy
	Max        int // percent of the desired capacity that may be there at most
	Warmup     time.Duration
	Skip       bool // members that match already stay
	Rollback   bool // go back to the template before when it fails
	Wanted     template
	Before     template // the template to go back to, with the number of its version
	Template   template // the group's when it began
	Explicit   bool     // the wanted template was given with the refresh and becomes the group's when it succeeds
	ToReplace  int      // at its start, or at the start of the rollback
	Failures   int      // replacements that were found unhealthy
	Begun      time.Time
	Checkpoint int       // how many checkpoints were passed
	Resume     time.Time // when it goes on after the checkpoint; zero: it is at none
	Bake       time.Time // when the bake time ends; zero: it has not begun
	Back       *rollback `json:",omitempty"`
	Obstacles  time.Time // since when it waits for protected or standby instances; zero: for none
	Left       int32     // how many were not updated when it ended
	Percent    int32     // how much was done when it ended
	Preference types.RefreshPreferences
}

// rollback is how far a refresh was when it turned back.
type rollback struct {
	Reason  string
	Started time.Time
	Percent int32
	Left    int32
}

func (r *refresh) active() bool {
	return r.rolling() || r.Status == types.InstanceRefreshStatusBaking || r.Status == types.InstanceRefreshStatusCancelling
}

// rolling reports whether the refresh replaces members now.
func (r *refresh) rolling() bool {
	return r.Status == types.InstanceRefreshStatusPending || r.Status == types.InstanceRefreshStatusInProgress || r.Status == types.InstanceRefreshStatusRollbackInProgress
}

// forward reports whether the refresh is under way and not on its way back.
func (r *refresh) forward() bool {
	return r.Status == types.InstanceRefreshStatusPending || r.Status == types.InstanceRefreshStatusInProgress || r.Status == types.InstanceRefreshStatusBaking
}

// wantedTemplate is what new members are launched from.
func (g *group) wantedTemplate() template {
	if g.Refresh != nil && (g.Refresh.rolling() || g.Refresh.Status == types.InstanceRefreshStatusBaking) {
		return g.Refresh.Wanted
	}
	return g.Template
}

// outdated reports whether a refresh has to replace a member. On the way back only members of the new template are.
func (r *refresh) outdated(m member) bool {
	if r.Skip || r.Back != nil || m.Launched.After(r.Begun) {
		return m.Template.ID != r.Wanted.ID || m.Template.Version != r.Wanted.Version
	}
	return true
}

// left are the members that the refresh still has to replace: protected ones only when it is told to replace or to wait
// for them.
func (r *refresh) left(g *group) (members []member) {
	for _, m := range g.Members {
		if m.alive() && r.outdated(m) && !(m.Protected && r.Preference.ScaleInProtectedInstances == types.ScaleInProtectedInstancesIgnore) {
			members = append(members, m)
		}
	}
	return members
}

// allowed is how many members the refresh may have replaced by now: up to its next checkpoint.
func (r *refresh) allowed() int {
	share := 100
	if points := r.Preference.CheckpointPercentages; len(points) > 0 && r.Back == nil {
		index := min(r.Checkpoint, len(points)-1)
		if !r.Resume.IsZero() {
			index = max(0, r.Checkpoint-1) // it waits at the one that it reached
		}
		share = int(points[index])
	}
	return (r.ToReplace*share + 99) / 100
}

// roll decides the next steps of a refresh: the unhealthy go, replacements start as far as the greatest size allows,
// and members of the old template end as far as the least healthy size allows. New members count as healthy when they
// have warmed up. Where the two sizes leave no room, one member at a time is replaced
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-overview.html).
func roll(g *group, seen map[string]observed, now time.Time) (steps []step) {
	r := g.Refresh
	alive, sick := split(g)
	for _, m := range sick {
		steps = append(steps, step{End: unhealthy(m, now)})
	}
	old := replaceable(g, alive)
	open := max(0, min(len(old), r.allowed()-(r.ToReplace-len(r.left(g))))) // how many may still be replaced before the checkpoint
	desired := int(g.Desired)
	least, most := percentages(desired, r.Min, r.Max)
	most = max(most, desired)
	if launchable := min(most-len(alive), desired+open-len(alive)); launchable > 0 {
		cause := because(g.Reason, sentence(now, "an instance was started in response to an instance refresh"))
		steps = append(steps, launches(g, fresh(g, alive), launchable, launch{Cause: cause}, now)...)
	}
	return append(append(steps, retire(g, alive, old, open, least, most, seen, now)...), standby(g, now)...)
}

func fresh(g *group, alive []member) []member {
	return slices.DeleteFunc(slices.Clone(alive), g.Refresh.outdated)
}

// replaceable are the old members that may be ended: protected ones only when the refresh was told so.
func replaceable(g *group, alive []member) []member {
	return slices.DeleteFunc(slices.Clone(alive), func(m member) bool {
		return !g.Refresh.outdated(m) || m.Protected && g.Refresh.Preference.ScaleInProtectedInstances != types.ScaleInProtectedInstancesRefresh
	})
}

// retire ends old members: those that carry nothing whenever something replaces them, the others as long as enough
// healthy ones remain. What is more than the greatest size goes in any case.
func retire(g *group, alive, old []member, open, least, most int, seen map[string]observed, now time.Time) (steps []step) {
	desired, over := int(g.Desired), len(alive)-most
	healthy, idle := 0, 0
	for _, m := range alive {
		outdated := slices.ContainsFunc(old, func(o member) bool { return o.ID == m.ID })
		switch well := wellServing(g, m, seen[m.ID]); {
		case well && (g.Refresh.outdated(m) || !m.warming(g.Refresh.Warmup, now)):
			healthy++
		case !well && outdated:
			idle++
		}
	}
	count := min(healthy-least, open)
	if most > desired {
		count = min(count, max(0, len(alive)-desired)) // launch before ending
	}
	count = max(count, min(idle, open, len(alive)-desired), min(over, len(old)))
	rest := old
	for range count {
		chosen := choose(g, rest, rest, seen, now)
		if chosen == nil {
			break
		}
		rest = without(rest, chosen.ID)
		alive = without(alive, chosen.ID)
		steps = append(steps, step{End: &ending{ID: chosen.ID, Cause: sentence(now, "an instance was taken out of service in response to an instance refresh")}})
	}
	if extra := len(alive) - desired - open; extra > 0 && len(steps) == 0 && allServing(g, fresh(g, alive), seen) {
		steps = append(steps, surplus(g, alive, seen, extra, now)...)
	}
	return steps
}

// standby ends members in standby when the refresh was told to.
func standby(g *group, now time.Time) (steps []step) {
	if g.Refresh.Preference.StandbyInstances != types.StandbyInstancesTerminate {
		return nil
	}
	for _, m := range g.Members {
		if m.State == types.LifecycleStateStandby && g.Refresh.outdated(m) {
			steps = append(steps, step{End: &ending{ID: m.ID, Cause: sentence(now, "an instance was taken out of service in response to an instance refresh")}})
		}
	}
	return steps
}

// obstacles are the members that a refresh waits for: protected ones and those in standby.
func (r *refresh) obstacles(g *group) (members []member) {
	for _, m := range g.Members {
		waits := m.alive() && m.Protected && r.Preference.ScaleInProtectedInstances == types.ScaleInProtectedInstancesWait ||
			m.State == types.LifecycleStateStandby && r.Preference.StandbyInstances == types.StandbyInstancesWait
		if waits && r.outdated(m) {
			members = append(members, m)
		}
	}
	return members
}

func (r *refresh) alarms() []string {
	if r.Preference.AlarmSpecification == nil {
		return nil
	}
	return r.Preference.AlarmSpecification.Alarms
}

func (r *refresh) bakeTime() time.Duration {
	return time.Duration(aws.ToInt32(r.Preference.BakeTime)) * time.Second
}
