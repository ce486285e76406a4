package autoscaling

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// mostFailures ends a refresh: so many replacements did not become healthy.
const mostFailures = 3

// settleRefresh moves a refresh on: over its checkpoints, into its bake time, to its end, or back. ringing names an
// alarm that fails it.
func settleRefresh(g *group, seen map[string]observed, ringing string, now time.Time) {
	r := g.Refresh
	if r == nil || !r.active() {
		return
	}
	now = now.UTC()
	switch {
	case r.Status == types.InstanceRefreshStatusCancelling:
		if !slices.ContainsFunc(g.Members, inTransit) {
			r.end(g, types.InstanceRefreshStatusCancelled, cancelled, now)
		}
		return
	case r.Status == types.InstanceRefreshStatusPending:
		r.Status = types.InstanceRefreshStatusInProgress
	}
	r.waitForObstacles(g, now)
	switch {
	case ringing != "" && r.forward():
		r.fail(g, fmt.Sprintf("The CloudWatch alarm %s is in the ALARM state.", ringing), now)
	case r.Failures >= mostFailures:
		r.fail(g, fmt.Sprintf("%d replacement instances did not become healthy.", r.Failures), now)
	case !r.Obstacles.IsZero() && now.Sub(r.Obstacles) >= longestObstacles:
		r.fail(g, "Instances that are protected from scale in or in standby were waited for longer than an hour.", now)
	default:
		r.proceed(g, seen, now)
	}
}

func inTransit(m member) bool {
	return m.State != types.LifecycleStateInService && m.State != types.LifecycleStateStandby
}

// waitForObstacles notes since when only protected and standby members are left.
func (r *refresh) waitForObstacles(g *group, now time.Time) {
	waiting := r.obstacles(g)
	left := slices.DeleteFunc(r.left(g), func(m member) bool { return m.Protected })
	switch {
	case len(waiting) == 0 || len(left) > 0:
		r.Obstacles = time.Time{}
	case r.Obstacles.IsZero():
		r.Obstacles = now
	}
}

// proceed passes checkpoints and ends.
func (r *refresh) proceed(g *group, seen map[string]observed, now time.Time) {
	switch {
	case r.Status == types.InstanceRefreshStatusBaking:
		if !now.Before(r.Bake) {
			r.succeed(g, now)
		}
		return
	case !r.Resume.IsZero():
		if !now.Before(r.Resume) {
			r.Resume = time.Time{}
		}
		return
	case !r.settled(g, seen, now):
		return
	}
	if left := len(r.left(g)); left > 0 || r.standsBy(g) {
		points := r.Preference.CheckpointPercentages
		if len(points) == 0 || r.Back != nil || r.ToReplace-left < r.allowed() || len(r.obstacles(g)) == left {
			return
		}
		if r.Checkpoint++; r.Checkpoint < len(points) {
			r.Resume = now.Add(time.Duration(aws.ToInt32(r.Preference.CheckpointDelay)) * time.Second)
			return
		}
	}
	if r.bakeTime() > 0 && r.Back == nil {
		r.Status, r.Bake = types.InstanceRefreshStatusBaking, now.Add(r.bakeTime())
		return
	}
	r.succeed(g, now)
}

// standsBy reports whether members in standby are waited for.
func (r *refresh) standsBy(g *group) bool {
	return slices.ContainsFunc(r.obstacles(g), func(m member) bool { return m.State == types.LifecycleStateStandby })
}

// settled reports whether as many members as desired serve, the new ones warmed up, and none is unhealthy.
func (r *refresh) settled(g *group, seen map[string]observed, now time.Time) bool {
	alive, sick := split(g)
	return len(sick) == 0 && len(alive) == int(g.Desired) && allServing(g, alive, seen) && r.unready(g, seen, now) == ""
}

// unready names a new member that does not serve or warms up; empty when there is none.
func (r *refresh) unready(g *group, seen map[string]observed, now time.Time) string {
	for _, m := range g.Members {
		if m.alive() && m.Launched.After(r.Begun) && (!wellServing(g, m, seen[m.ID]) || m.warming(r.Warmup, now)) {
			return m.ID
		}
	}
	return ""
}

// fail ends a refresh, or turns it back if it was told to and can.
func (r *refresh) fail(g *group, why string, now time.Time) {
	switch {
	case r.Back != nil:
		r.end(g, types.InstanceRefreshStatusRollbackFailed, why, now)
	case r.Rollback && r.reversible() == nil:
		r.back(g, why, now)
	default:
		r.end(g, types.InstanceRefreshStatusFailed, why, now)
	}
}

// back begins the rollback: members of the new template are what is to be replaced now.
func (r *refresh) back(g *group, why string, now time.Time) {
	r.Back = &rollback{Reason: why, Started: now.UTC(), Percent: r.percent(len(r.left(g))), Left: int32(len(r.left(g)))}
	r.Status, r.Wanted, r.Failures, r.Begun, r.Resume, r.Bake = types.InstanceRefreshStatusRollbackInProgress, r.Before, 0, now.UTC(), time.Time{}, time.Time{}
	r.ToReplace = len(r.left(g))
}

func (r *refresh) end(g *group, status types.InstanceRefreshStatus, why string, now time.Time) {
	ended, left := now.UTC(), len(r.left(g))
	r.Left, r.Percent = int32(left), r.percent(left)
	r.Status, r.Reason, r.Ended = status, why, &ended
}

func (r *refresh) succeed(g *group, now time.Time) {
	if r.Back != nil {
		r.end(g, types.InstanceRefreshStatusRollbackSuccessful, "", now)
		return
	}
	r.end(g, types.InstanceRefreshStatusSuccessful, "", now)
	if r.Explicit {
		g.Template = r.Wanted
	}
}

// percent is how much is done when so many members are left to replace.
func (r *refresh) percent(left int) int32 {
	if r.ToReplace == 0 {
		return 100
	}
	return int32(100 * max(0, r.ToReplace-left) / r.ToReplace)
}
