package autoscaling

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

// mostRefreshes is how many past refreshes of a group are kept.
const mostRefreshes = 20

// StartInstanceRefresh begins to replace the group's instances.
func (s *Service) StartInstanceRefresh(ctx context.Context, in *autoscaling.StartInstanceRefreshInput) (*autoscaling.StartInstanceRefreshOutput, error) {
	if in.Strategy != "" && in.Strategy != types.RefreshStrategyRolling {
		return nil, unsupported("the refresh strategy " + string(in.Strategy))
	}
	if err := checkPreferences(in.Preferences); err != nil {
		return nil, err
	}
	out := &autoscaling.StartInstanceRefreshOutput{}
	return out, s.change(ctx, in.AutoScalingGroupName, func(tx *cloud.Tx, g *group) error {
		if g.Refresh != nil && g.Refresh.active() {
			return cloud.Errorf("InstanceRefreshInProgress", "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.")
		}
		made, err := s.newRefresh(tx, g, in.DesiredConfiguration, in.Preferences)
		if err != nil {
			return err
		}
		g.archive()
		g.Refresh, out.InstanceRefreshId = made, aws.String(made.ID)
		return nil
	})
}

func checkPreferences(p *types.RefreshPreferences) error {
	if p == nil {
		return nil
	}
	least, most := orInt(p.MinHealthyPercentage, 90), orInt(p.MaxHealthyPercentage, 100)
	switch {
	case len(p.CheckpointPercentages) > 0:
		return unsupported("checkpoints of an instance refresh")
	case p.AlarmSpecification != nil && len(p.AlarmSpecification.Alarms) > 0:
		return unsupported("alarms of an instance refresh")
	case aws.ToInt32(p.BakeTime) > 0:
		return unsupported("the bake time of an instance refresh")
	case p.ScaleInProtectedInstances == types.ScaleInProtectedInstancesRefresh || p.ScaleInProtectedInstances == types.ScaleInProtectedInstancesWait:
		return unsupported("refreshing or waiting for protected instances; Ignore is")
	case most < 100 || most > 200 || least < 0 || least > 100 || most-least > 100:
		return invalid("MinHealthyPercentage %d and MaxHealthyPercentage %d: the least is 0 to 100, the greatest 100 to 200, and they differ by 100 at most", least, most)
	}
	return nil
}

func orInt(n *int32, standard int) int {
	if n == nil {
		return standard
	}
	return int(*n)
}

func (s *Service) newRefresh(tx *cloud.Tx, g *group, configuration *types.DesiredConfiguration, preferences *types.RefreshPreferences) (*refresh, error) {
	given, explicit := g.Template, false
	if configuration != nil {
		if configuration.MixedInstancesPolicy != nil {
			return nil, unsupported("mixed instances")
		}
		t := configuration.LaunchTemplate
		given, explicit = template{ID: text(t.LaunchTemplateId), Name: text(t.LaunchTemplateName), Version: text(t.Version)}, true
	}
	wanted, err := s.resolve(tx, g.Region, given)
	if err != nil {
		return nil, err
	}
	p := types.RefreshPreferences{}
	if preferences != nil {
		p = *preferences
	}
	now := s.now().UTC()
	made := &refresh{
		ID: cloud.NewUUID(), Status: types.InstanceRefreshStatusPending, Started: now, Begun: now, Wanted: wanted, Explicit: explicit, Preference: p,
		Min: orInt(p.MinHealthyPercentage, 90), Max: orInt(p.MaxHealthyPercentage, 100), Skip: aws.ToBool(p.SkipMatching), Rollback: aws.ToBool(p.AutoRollback),
		Warmup: time.Duration(orInt(p.InstanceWarmup, orInt(g.Warmup, int(g.Grace.Seconds())))) * time.Second,
	}
	if explicit {
		if made.Before, err = s.resolve(tx, g.Region, g.Template); err != nil {
			return nil, err
		}
	}
	for _, m := range g.Members {
		if m.alive() && made.outdated(m) {
			made.ToReplace++
		}
	}
	return made, nil
}

// archive puts the newest refresh to the past ones.
func (g *group) archive() {
	if g.Refresh == nil {
		return
	}
	g.Refreshes = append([]refresh{*g.Refresh}, g.Refreshes...)
	if len(g.Refreshes) > mostRefreshes {
		g.Refreshes = g.Refreshes[:mostRefreshes]
	}
	g.Refresh = nil
}

// CancelInstanceRefresh ends a refresh where it is; instances that are starting or ending go on.
func (s *Service) CancelInstanceRefresh(ctx context.Context, in *autoscaling.CancelInstanceRefreshInput) (*autoscaling.CancelInstanceRefreshOutput, error) {
	_ = in.WaitForTransitioningInstances // a cancelled refresh starts nothing more; what is under way is told by the group
	out := &autoscaling.CancelInstanceRefreshOutput{}
	return out, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		if g.Refresh == nil || !g.Refresh.active() {
			return cloud.Errorf("ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found for Auto Scaling group %s", g.Name)
		}
		now := s.now().UTC()
		g.Refresh.Status, g.Refresh.Ended, g.Refresh.Reason = types.InstanceRefreshStatusCancelled, &now, "Cancelled due to user request."
		out.InstanceRefreshId = aws.String(g.Refresh.ID)
		return nil
	})
}

// RollbackInstanceRefresh goes back to the template before a refresh that is under way.
func (s *Service) RollbackInstanceRefresh(ctx context.Context, in *autoscaling.RollbackInstanceRefreshInput) (*autoscaling.RollbackInstanceRefreshOutput, error) {
	out := &autoscaling.RollbackInstanceRefreshOutput{}
	return out, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		r := g.Refresh
		if r == nil || r.Status != types.InstanceRefreshStatusInProgress {
			return cloud.Errorf("ActiveInstanceRefreshNotFound", "No in progress Instance Refresh found for Auto Scaling group %s", g.Name)
		}
		if r.Before.Version == "" {
			return cloud.Errorf("IrreversibleInstanceRefresh", "The instance refresh was started without a desired configuration, so there is nothing to go back to.")
		}
		r.Status, r.Reason, r.Wanted, r.Begun = types.InstanceRefreshStatusRollbackInProgress, "A user requested a rollback.", r.Before, s.now().UTC()
		out.InstanceRefreshId = aws.String(r.ID)
		return nil
	})
}

// DescribeInstanceRefreshes returns a group's refreshes, newest first.
func (s *Service) DescribeInstanceRefreshes(ctx context.Context, in *autoscaling.DescribeInstanceRefreshesInput) (*autoscaling.DescribeInstanceRefreshesOutput, error) {
	out := &autoscaling.DescribeInstanceRefreshesOutput{InstanceRefreshes: []types.InstanceRefresh{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		g, err := find(tx, cloud.RegionOf(ctx), text(in.AutoScalingGroupName))
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
			out.InstanceRefreshes = append(out.InstanceRefreshes, r.describe(g))
		}
		return nil
	})
}

func (r *refresh) describe(g *group) types.InstanceRefresh {
	left := 0
	for _, m := range g.Members {
		if m.alive() && r.outdated(m) && r.active() {
			left++
		}
	}
	percent := int32(100)
	if r.ToReplace > 0 {
		percent = int32(100 * max(0, r.ToReplace-left) / r.ToReplace)
	}
	described := types.InstanceRefresh{
		AutoScalingGroupName: aws.String(g.Name), InstanceRefreshId: aws.String(r.ID), Status: r.Status, StartTime: &r.Started, EndTime: r.Ended, Strategy: types.RefreshStrategyRolling,
		InstancesToUpdate: aws.Int32(int32(left)), PercentageComplete: aws.Int32(percent), Preferences: &r.Preference,
	}
	if r.Explicit {
		described.DesiredConfiguration = &types.DesiredConfiguration{LaunchTemplate: r.Wanted.describe()}
	}
	if r.Reason != "" {
		described.StatusReason = aws.String(r.Reason)
	}
	return described
}
