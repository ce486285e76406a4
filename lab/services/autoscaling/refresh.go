package autoscaling

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

const (
	mostRefreshes    = 20   // how many past refreshes of a group are kept
	defaultHealthy   = 90   // percent
	defaultMost      = 100  // percent
	defaultDelay     = 3600 // seconds, between checkpoints
	longestObstacles = time.Hour
)

// StartInstanceRefresh begins to replace the group's instances.
func (s *Service) StartInstanceRefresh(ctx context.Context, in *autoscaling.StartInstanceRefreshInput) (*autoscaling.StartInstanceRefreshOutput, error) {
	if in.Strategy != "" && in.Strategy != types.RefreshStrategyRolling {
		return nil, unsupported("the refresh strategy " + string(in.Strategy))
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

// preferencesOf completes what was asked for with the defaults: the group's maintenance policy, or AWS's own
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/understand-instance-refresh-default-values.html).
func preferencesOf(g *group, given *types.RefreshPreferences) types.RefreshPreferences {
	p := types.RefreshPreferences{}
	if given != nil {
		p = *given
	}
	least, most := defaultHealthy, defaultMost
	if g.Maintenance != nil {
		least, most = g.Maintenance.Min, g.Maintenance.Max
	}
	p.MinHealthyPercentage = aws.Int32(int32(orInt(p.MinHealthyPercentage, least)))
	p.MaxHealthyPercentage = aws.Int32(int32(orInt(p.MaxHealthyPercentage, most)))
	warmup, ok := g.warmup()
	if !ok {
		warmup = g.Grace
	}
	p.InstanceWarmup = aws.Int32(int32(orInt(p.InstanceWarmup, int(warmup.Seconds()))))
	if len(p.CheckpointPercentages) > 0 {
		p.CheckpointDelay = aws.Int32(int32(orInt(p.CheckpointDelay, defaultDelay)))
	}
	if p.ScaleInProtectedInstances == "" {
		p.ScaleInProtectedInstances = types.ScaleInProtectedInstancesWait
	}
	if p.StandbyInstances == "" {
		p.StandbyInstances = types.StandbyInstancesWait
	}
	p.SkipMatching, p.AutoRollback = aws.Bool(aws.ToBool(p.SkipMatching)), aws.Bool(aws.ToBool(p.AutoRollback))
	return p
}

func checkPreferences(p types.RefreshPreferences, explicit bool) error {
	switch {
	case p.CheckpointDelay != nil && len(p.CheckpointPercentages) == 0:
		return invalid("CheckpointDelay needs CheckpointPercentages")
	case !slices.IsSorted(p.CheckpointPercentages) || len(slices.Compact(slices.Clone(p.CheckpointPercentages))) != len(p.CheckpointPercentages):
		return invalid("CheckpointPercentages %v must be unique and in ascending order", p.CheckpointPercentages)
	case aws.ToBool(p.AutoRollback) && !explicit:
		return invalid("The AutoRollback parameter cannot be set to true when the DesiredConfiguration parameter is empty")
	}
	return checkPercentages(orInt(p.MinHealthyPercentage, defaultHealthy), orInt(p.MaxHealthyPercentage, defaultMost))
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
		if configuration.MixedInstancesPolicy != nil || configuration.LaunchTemplate == nil {
			return nil, unsupported("a desired configuration that is no launch template")
		}
		t := configuration.LaunchTemplate
		given, explicit = template{ID: text(t.LaunchTemplateId), Name: text(t.LaunchTemplateName), Version: text(t.Version)}, true
	}
	p := preferencesOf(g, preferences)
	if err := checkPreferences(p, explicit); err != nil {
		return nil, err
	}
	wanted, err := s.resolve(tx, g.Region, given)
	if err != nil {
		return nil, err
	}
	now := s.now().UTC()
	made := &refresh{
		ID: cloud.NewUUID(), Status: types.InstanceRefreshStatusPending, Started: now, Begun: now, Wanted: wanted, Explicit: explicit, Preference: p,
		Min: orInt(p.MinHealthyPercentage, defaultHealthy), Max: orInt(p.MaxHealthyPercentage, defaultMost), Skip: aws.ToBool(p.SkipMatching), Rollback: aws.ToBool(p.AutoRollback),
		Warmup: time.Duration(orInt(p.InstanceWarmup, 0)) * time.Second, Template: g.Template,
	}
	if explicit {
		if made.Before, err = s.resolve(tx, g.Region, g.Template); err != nil {
			return nil, err
		}
	}
	made.ToReplace = len(made.left(g))
	ringing, err := s.ringingOf(tx, g.Region, made)
	if err == nil && ringing != "" {
		err = invalid("The instance refresh can't be started because the CloudWatch alarm %s is in the ALARM state.", ringing)
	}
	return made, err
}

// ringing names an alarm of the group's refresh that is in its ALARM state; empty when there is none.
func (s *Service) ringing(tx *cloud.Tx, g *group) (string, error) {
	if g.Refresh == nil || !g.Refresh.active() {
		return "", nil
	}
	return s.ringingOf(tx, g.Region, g.Refresh)
}

func (s *Service) ringingOf(tx *cloud.Tx, region string, r *refresh) (string, error) {
	for _, name := range r.alarms() {
		if s.alarms == nil {
			return "", unsupported("alarms of an instance refresh, because this lab runs without CloudWatch")
		}
		state, found, err := s.alarms.AlarmState(tx, region, name)
		switch {
		case err != nil:
			return "", err
		case !found && r.Status == types.InstanceRefreshStatusPending:
			return "", invalid("The CloudWatch alarm %s does not exist", name)
		case state == "ALARM":
			return name, nil
		}
	}
	return "", nil
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

// CancelInstanceRefresh ends a refresh where it is: nothing more is replaced, and what was stays. Unless it is told not
// to, it waits for the instances that are on their way.
func (s *Service) CancelInstanceRefresh(ctx context.Context, in *autoscaling.CancelInstanceRefreshInput) (*autoscaling.CancelInstanceRefreshOutput, error) {
	out := &autoscaling.CancelInstanceRefreshOutput{}
	return out, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		r := g.Refresh
		if r == nil || !r.active() || r.Status == types.InstanceRefreshStatusCancelling {
			return cloud.Errorf("ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found for Auto Scaling group %s", g.Name)
		}
		out.InstanceRefreshId = aws.String(r.ID)
		if in.WaitForTransitioningInstances != nil && !*in.WaitForTransitioningInstances {
			r.end(g, types.InstanceRefreshStatusCancelled, cancelled, s.now())
			return nil
		}
		r.Status, r.Reason = types.InstanceRefreshStatusCancelling, "Waiting for in-flight launches and terminations to complete before finalizing the cancellation."
		return nil
	})
}

const cancelled = "Cancelled due to user request."

// RollbackInstanceRefresh goes back to the template before a refresh that is under way.
func (s *Service) RollbackInstanceRefresh(ctx context.Context, in *autoscaling.RollbackInstanceRefreshInput) (*autoscaling.RollbackInstanceRefreshOutput, error) {
	out := &autoscaling.RollbackInstanceRefreshOutput{}
	return out, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		r := g.Refresh
		if r == nil || !r.forward() {
			return cloud.Errorf("ActiveInstanceRefreshNotFound", "No in progress Instance Refresh found for Auto Scaling group %s", g.Name)
		}
		if err := r.reversible(); err != nil {
			return err
		}
		r.back(g, "A user requested a rollback.", s.now())
		out.InstanceRefreshId = aws.String(r.ID)
		return nil
	})
}

// reversible tells why a refresh cannot be rolled back
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-rollback.html).
func (r *refresh) reversible() error {
	why := ""
	switch {
	case r.Before.Version == "":
		why = "there is no desired configuration specified for the instance refresh"
	case r.Template.Version == "$Latest" || r.Template.Version == "$Default":
		why = fmt.Sprintf("the Auto Scaling group uses the launch template's %s version", r.Template.Version)
	default:
		return nil
	}
	return cloud.Errorf("IrreversibleInstanceRefresh", "The instance refresh can't be rolled back, because %s.", why)
}
