package autoscaling

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// EnterStandby takes members out of service without ending them.
func (s *Service) EnterStandby(ctx context.Context, in *autoscaling.EnterStandbyInput) (*autoscaling.EnterStandbyOutput, error) {
	out := &autoscaling.EnterStandbyOutput{}
	return out, s.change(ctx, in.AutoScalingGroupName, func(tx *cloud.Tx, g *group) error {
		return s.takeOut(tx, g, in.InstanceIds, aws.ToBool(in.ShouldDecrementDesiredCapacity), "Moving EC2 instance to Standby: ", "was moved to standby in response to a user request", &out.Activities,
			func(m *member) { m.State = types.LifecycleStateStandby })
	})
}

// DetachInstances lets members go: they run on, outside of the group.
func (s *Service) DetachInstances(ctx context.Context, in *autoscaling.DetachInstancesInput) (*autoscaling.DetachInstancesOutput, error) {
	out := &autoscaling.DetachInstancesOutput{}
	return out, s.change(ctx, in.AutoScalingGroupName, func(tx *cloud.Tx, g *group) error {
		err := s.takeOut(tx, g, in.InstanceIds, aws.ToBool(in.ShouldDecrementDesiredCapacity), "Detaching EC2 instance: ", "was detached in response to a user request", &out.Activities,
			func(m *member) { m.State = types.LifecycleStateDetached })
		g.Members = slices.DeleteFunc(g.Members, func(m member) bool { return m.State == types.LifecycleStateDetached })
		return err
	})
}

// takeOut takes members in service away from the balancers and lets move say where they go.
func (s *Service) takeOut(tx *cloud.Tx, g *group, ids []string, decrement bool, description, cause string, told *[]types.Activity, move func(*member)) error {
	if len(ids) == 0 {
		return invalid("At least one instance id must be given")
	}
	if decrement {
		if g.Desired-int32(len(ids)) < g.Min {
			return invalid("AutoScalingGroup %s has min-size=%d, max-size=%d, and desired-size=%d. To place into standby or detach %d instance, please update the AutoScalingGroup sizes appropriately.", g.Name, g.Min, g.Max, g.Desired, len(ids))
		}
		g.Desired -= int32(len(ids))
	}
	for _, id := range ids {
		m := g.member(id)
		if m == nil || m.State != types.LifecycleStateInService {
			return invalid("The instance %s is not in InService of Auto Scaling group %s.", id, g.Name)
		}
		for _, arn := range g.Targets {
			if err := s.targets.Deregister(tx, g.Region, arn, id); err != nil {
				return err
			}
		}
		move(m)
		if err := s.tell(tx, g, m, description+id, "instance "+id+" "+cause, told); err != nil {
			return err
		}
	}
	return nil
}

// tell records an activity that is over with its beginning.
func (s *Service) tell(tx *cloud.Tx, g *group, m *member, description, cause string, told *[]types.Activity) error {
	now := s.now().UTC()
	a := newActivity(g, description, sentence(now, "%s", cause), m.ID, m.Subnet, m.Zone, now)
	a.Ended, a.Status = &now, types.ScalingActivityStatusCodeSuccessful
	*told = append(*told, a.describe(""))
	return a.put(tx, g.Region)
}

// ExitStandby brings members back into service; the group grows by them.
func (s *Service) ExitStandby(ctx context.Context, in *autoscaling.ExitStandbyInput) (*autoscaling.ExitStandbyOutput, error) {
	out := &autoscaling.ExitStandbyOutput{}
	return out, s.change(ctx, in.AutoScalingGroupName, func(tx *cloud.Tx, g *group) error {
		if err := g.grow(len(in.InstanceIds)); err != nil {
			return err
		}
		for _, id := range in.InstanceIds {
			m := g.member(id)
			if m == nil || m.State != types.LifecycleStateStandby {
				return invalid("The instance %s is not in Standby.", id)
			}
			m.State, m.Unhealthy = types.LifecycleStatePending, ""
			if err := s.tell(tx, g, m, "Moving EC2 instance out of Standby: "+id, "instance "+id+" was moved out of standby in response to a user request", &out.Activities); err != nil {
				return err
			}
		}
		return nil
	})
}

func (g *group) grow(by int) error {
	if g.Desired+int32(by) > g.Max {
		return invalid("AutoScalingGroup %s has min-size=%d, max-size=%d, and desired-size=%d. To add %d instances, please update the AutoScalingGroup sizes appropriately.", g.Name, g.Min, g.Max, g.Desired, by)
	}
	g.Desired += int32(by)
	return nil
}

// AttachInstances takes running instances into the group, which grows by them.
func (s *Service) AttachInstances(ctx context.Context, in *autoscaling.AttachInstancesInput) (*autoscaling.AttachInstancesOutput, error) {
	return &autoscaling.AttachInstancesOutput{}, s.change(ctx, in.AutoScalingGroupName, func(tx *cloud.Tx, g *group) error {
		if err := g.grow(len(in.InstanceIds)); err != nil {
			return err
		}
		others, err := groups.List(tx, g.Region)
		if err != nil {
			return err
		}
		for _, id := range in.InstanceIds {
			if slices.ContainsFunc(others, func(o *group) bool { return o.member(id) != nil }) {
				return invalid("Instance %s is already part of an Auto Scaling group.", id)
			}
			if err := s.attachOne(tx, g, id); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) attachOne(tx *cloud.Tx, g *group, id string) error {
	found, err := s.instances.Instance(tx, g.Region, id)
	if err != nil {
		return err
	}
	if found == nil || found.State != ec2types.InstanceStateNameRunning || !slices.Contains(g.zones(), found.Zone) {
		return invalid("Invalid Instance ID(s): [%s]. It must be running, in a zone of the group.", id)
	}
	now := s.now()
	g.Reason = ""
	a := newActivity(g, "Attaching an existing EC2 instance: "+id, sentence(now, "an instance was added in response to user request. Keeping the capacity at the new %d", g.Desired), id, found.SubnetID, found.Zone, now)
	g.Members = append(g.Members, member{
		ID: id, Type: found.Type, Zone: found.Zone, Subnet: found.SubnetID, State: types.LifecycleStatePending, Launched: found.LaunchedAt, Activity: a.key(),
		Template: template{ID: text(found.Template.LaunchTemplateId), Version: text(found.Template.Version)},
	})
	return a.put(tx, g.Region)
}
