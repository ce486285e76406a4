package autoscaling

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// DescribeInstanceRefreshes returns a group's refreshes, newest first.
func (s *Service) DescribeInstanceRefreshes(ctx context.Context, in *autoscaling.DescribeInstanceRefreshesInput) (*autoscaling.DescribeInstanceRefreshesOutput, error) {
	out := &autoscaling.DescribeInstanceRefreshesOutput{InstanceRefreshes: []types.InstanceRefresh{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		g, err := find(tx, cloud.RegionOf(ctx), text(in.AutoScalingGroupName))
		if err != nil {
			return err
		}
		seen, err := s.observe(tx, g)
		if err != nil {
			return err
		}
		var all []refresh
		if g.Refresh != nil {
			all = append(all, *g.Refresh)
		}
		all = append(all, g.Refreshes...)
		if len(in.InstanceRefreshIds) > 0 {
			all = slices.DeleteFunc(all, func(r refresh) bool { return !slices.Contains(in.InstanceRefreshIds, r.ID) })
		}
		if most := orInt(in.MaxRecords, 50); len(all) > most {
			all = all[:most]
		}
		_ = in.NextToken // at most 21 refreshes are kept: one page
		for _, r := range all {
			out.InstanceRefreshes = append(out.InstanceRefreshes, r.describe(g, seen, s.now()))
		}
		return nil
	})
}

func (r *refresh) describe(g *group, seen map[string]observed, now time.Time) types.InstanceRefresh {
	left, percent := r.progress(g, seen, now)
	described := types.InstanceRefresh{
		AutoScalingGroupName: aws.String(g.Name), InstanceRefreshId: aws.String(r.ID), Status: r.Status, StartTime: &r.Started, EndTime: r.Ended, Strategy: types.RefreshStrategyRolling,
		InstancesToUpdate: aws.Int32(left), PercentageComplete: aws.Int32(percent), Preferences: &r.Preference, StatusReason: optional(r.reason(g, seen, now)),
	}
	if r.Explicit {
		wanted := r.Wanted
		if r.Back != nil {
			wanted = r.Before
		}
		described.DesiredConfiguration = &types.DesiredConfiguration{LaunchTemplate: wanted.describe()}
	}
	if r.Back != nil {
		described.RollbackDetails = &types.RollbackDetails{
			RollbackReason: aws.String(r.Back.Reason), RollbackStartTime: &r.Back.Started,
			PercentageCompleteOnRollback: aws.Int32(r.Back.Percent), InstancesToUpdateOnRollback: aws.Int32(r.Back.Left),
		}
	}
	return described
}

// progress tells how many instances are left to update, and how much is done: an instance is updated when its
// replacement serves and has warmed up. On the way back the percentage falls towards zero (API_InstanceRefresh).
func (r *refresh) progress(g *group, seen map[string]observed, now time.Time) (left, percent int32) {
	if !r.active() {
		return r.final()
	}
	pending := len(r.left(g))
	for _, m := range g.Members {
		if m.alive() && m.Launched.After(r.Begun) && (!wellServing(g, m, seen[m.ID]) || m.warming(r.Warmup, now)) {
			pending++
		}
	}
	pending = min(pending, r.ToReplace)
	if r.Back == nil {
		return int32(pending), r.percent(pending)
	}
	return r.Back.Left, r.Back.Percent * (100 - r.percent(pending)) / 100
}

// final is the progress of a refresh that is over.
func (r *refresh) final() (left, percent int32) {
	switch {
	case r.Status == types.InstanceRefreshStatusSuccessful:
		return 0, 100
	case r.Back != nil:
		return r.Back.Left, 0
	}
	return r.Left, r.Percent
}

// reason tells why a refresh has its status, or what it waits for.
func (r *refresh) reason(g *group, seen map[string]observed, now time.Time) string {
	if r.Reason != "" || !r.rolling() {
		return r.Reason
	}
	if !r.Resume.IsZero() {
		return fmt.Sprintf("Checkpoint of %d percent reached. Waiting for the checkpoint delay until %s.", r.Preference.CheckpointPercentages[r.Checkpoint-1], stamp(r.Resume))
	}
	if waiting := r.obstacles(g); !r.Obstacles.IsZero() && len(waiting) > 0 {
		return fmt.Sprintf("Waiting for instances that are protected from scale in or in standby. For example: %s.", waiting[0].ID)
	}
	id := r.unready(g, seen, now)
	switch m := g.member(id); {
	case m == nil:
		return ""
	case m.State == types.LifecycleStateInService && wellServing(g, *m, seen[id]):
		return fmt.Sprintf("Waiting for instances to warm up before continuing. For example: %s is warming up.", id)
	case seen[id].State == ec2types.InstanceStateNameRunning:
		return fmt.Sprintf("Waiting for remaining instances to be available. For example: %s has insufficient data to evaluate its health with Elastic Load Balancing.", id)
	}
	return fmt.Sprintf("Waiting for remaining instances to be available. For example: %s has insufficient data to evaluate its health with Amazon EC2.", id)
}
