package autoscaling

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"haven/lab/cloud"
)

// SetDesiredCapacity changes the size.
func (s *Service) SetDesiredCapacity(ctx context.Context, in *autoscaling.SetDesiredCapacityInput) (*autoscaling.SetDesiredCapacityOutput, error) {
	return &autoscaling.SetDesiredCapacityOutput{}, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		wanted := *in.DesiredCapacity
		switch {
		case aws.ToBool(in.HonorCooldown) && g.cools(s.now()):
			return scalingInProgress(g)
		case wanted > g.Max:
			return invalid("New SetDesiredCapacity value %d is above max value %d for the AutoScalingGroup.", wanted, g.Max)
		case wanted < g.Min:
			return invalid("New SetDesiredCapacity value %d is below min value %d for the AutoScalingGroup.", wanted, g.Min)
		}
		if wanted != g.Desired {
			g.Reason, g.Alarm = sentence(s.now(), "a user request explicitly set group desired capacity changing the desired capacity from %d to %d", g.Desired, wanted), nil
		}
		g.Desired = wanted
		return nil
	})
}

// ofInstance applies one change to the group that an instance is in.
func (s *Service) ofInstance(ctx context.Context, id string, apply func(tx *cloud.Tx, g *group, m *member) error) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		all, err := groups.List(tx, cloud.RegionOf(ctx))
		if err != nil {
			return err
		}
		for _, g := range all {
			if m := g.member(id); m != nil {
				if err := apply(tx, g, m); err != nil {
					return err
				}
				return g.put(tx)
			}
		}
		return invalid("Instance Id not found - No managed instance found for instance ID: %s", id)
	})
}

// TerminateInstanceInAutoScalingGroup ends a member, with or without a replacement.
func (s *Service) TerminateInstanceInAutoScalingGroup(ctx context.Context, in *autoscaling.TerminateInstanceInAutoScalingGroupInput) (*autoscaling.TerminateInstanceInAutoScalingGroupOutput, error) {
	out := &autoscaling.TerminateInstanceInAutoScalingGroupOutput{}
	return out, s.ofInstance(ctx, text(in.InstanceId), func(tx *cloud.Tx, g *group, m *member) error {
		if m.ending() {
			return cloud.Errorf("ScalingActivityInProgress", "Instance %s is already %s.", m.ID, m.State)
		}
		if aws.ToBool(in.ShouldDecrementDesiredCapacity) {
			if g.Desired <= g.Min {
				return invalid("Currently, desiredSize equals minSize (%d). Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.", g.Min)
			}
			g.Desired--
		}
		now := s.now()
		if err := s.end(tx, g, m, ending{Cause: sentence(now, "instance %s was taken out of service in response to a user request", m.ID)}, now); err != nil {
			return err
		}
		a, err := activities.Get(tx, g.Region, m.Activity)
		if err != nil || a == nil {
			return err
		}
		described := a.describe("")
		out.Activity = &described
		return nil
	})
}

// SetInstanceHealth overrules what checks say of a member.
func (s *Service) SetInstanceHealth(ctx context.Context, in *autoscaling.SetInstanceHealthInput) (*autoscaling.SetInstanceHealthOutput, error) {
	return &autoscaling.SetInstanceHealthOutput{}, s.ofInstance(ctx, text(in.InstanceId), func(_ *cloud.Tx, g *group, m *member) error {
		respect := in.ShouldRespectGracePeriod == nil || *in.ShouldRespectGracePeriod
		switch text(in.HealthStatus) {
		case "Healthy":
			m.Unhealthy = ""
		case "Unhealthy":
			if respect && s.now().Sub(m.InService) < g.Grace {
				return nil
			}
			m.Unhealthy = "a user health-check"
		default:
			return invalid("HealthStatus is %q; it is Healthy or Unhealthy", text(in.HealthStatus))
		}
		return nil
	})
}

// SetInstanceProtection protects members from scale-in, or no longer.
func (s *Service) SetInstanceProtection(ctx context.Context, in *autoscaling.SetInstanceProtectionInput) (*autoscaling.SetInstanceProtectionOutput, error) {
	return &autoscaling.SetInstanceProtectionOutput{}, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		for _, id := range in.InstanceIds {
			m := g.member(id)
			if m == nil {
				return invalid("The instance %s is not part of Auto Scaling group %s.", id, g.Name)
			}
			m.Protected = aws.ToBool(in.ProtectedFromScaleIn)
		}
		return nil
	})
}
