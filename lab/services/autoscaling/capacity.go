package autoscaling

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

// SetDesiredCapacity changes the size.
func (s *Service) SetDesiredCapacity(ctx context.Context, in *autoscaling.SetDesiredCapacityInput) (*autoscaling.SetDesiredCapacityOutput, error) {
	_ = in.HonorCooldown // no policy scales yet, so nothing cools down
	return &autoscaling.SetDesiredCapacityOutput{}, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		wanted := *in.DesiredCapacity
		switch {
		case wanted > g.Max:
			return invalid("New SetDesiredCapacity value %d is above max value %d for the AutoScalingGroup.", wanted, g.Max)
		case wanted < g.Min:
			return invalid("New SetDesiredCapacity value %d is below min value %d for the AutoScalingGroup.", wanted, g.Min)
		}
		g.Reason = fmt.Sprintf("At %s a user request explicitly set group desired capacity changing the desired capacity from %d to %d.", stamp(s.now()), g.Desired, wanted)
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
		if !m.alive() {
			return cloud.Errorf("ScalingActivityInProgress", "Instance %s is already %s.", m.ID, m.State)
		}
		if aws.ToBool(in.ShouldDecrementDesiredCapacity) {
			if g.Desired <= g.Min {
				return invalid("Currently, desiredSize equals minSize (%d). Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.", g.Min)
			}
			g.Desired--
		}
		g.Reason = fmt.Sprintf("At %s instance %s was taken out of service in response to a user request.", stamp(s.now()), m.ID)
		if err := s.end(tx, g, m, "an instance was taken out of service in response to a user request"); err != nil {
			return err
		}
		a, err := activities.Get(tx, g.Region, m.Activity)
		if err != nil || a == nil {
			return err
		}
		described := a.describe()
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
			m.Unhealthy = "user health-check override"
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

// processes can be suspended; "all" of them when none is named.
var processes = []string{"AddToLoadBalancer", "AlarmNotification", "AZRebalance", "HealthCheck", "InstanceRefresh", "Launch", "ReplaceUnhealthy", "ScheduledActions", "Terminate"}

func namedProcesses(names []string) ([]string, error) {
	if len(names) == 0 {
		return processes, nil
	}
	for _, name := range names {
		if !slices.Contains(processes, name) {
			return nil, invalid("Invalid process name %s; the processes are %v", name, processes)
		}
	}
	return names, nil
}

// SuspendProcesses stops processes of a group.
func (s *Service) SuspendProcesses(ctx context.Context, in *autoscaling.SuspendProcessesInput) (*autoscaling.SuspendProcessesOutput, error) {
	names, err := namedProcesses(in.ScalingProcesses)
	if err != nil {
		return nil, err
	}
	return &autoscaling.SuspendProcessesOutput{}, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		g.Suspended = union(g.Suspended, names)
		return nil
	})
}

// ResumeProcesses lets processes of a group go on.
func (s *Service) ResumeProcesses(ctx context.Context, in *autoscaling.ResumeProcessesInput) (*autoscaling.ResumeProcessesOutput, error) {
	names, err := namedProcesses(in.ScalingProcesses)
	if err != nil {
		return nil, err
	}
	return &autoscaling.ResumeProcessesOutput{}, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		g.Suspended = slices.DeleteFunc(g.Suspended, func(p string) bool { return slices.Contains(names, p) })
		return nil
	})
}

func union(a, b []string) []string {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// groupMetrics are all that a group can publish without a warm pool
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html).
var groupMetrics = []string{
	"GroupAndWarmPoolDesiredCapacity", "GroupAndWarmPoolTotalCapacity", "GroupDesiredCapacity", "GroupInServiceCapacity", "GroupInServiceInstances", "GroupMaxSize", "GroupMinSize",
	"GroupPendingCapacity", "GroupPendingInstances", "GroupStandbyCapacity", "GroupStandbyInstances", "GroupTerminatingCapacity", "GroupTerminatingInstances", "GroupTotalCapacity",
	"GroupTotalInstances", "WarmPoolDesiredCapacity", "WarmPoolMinSize", "WarmPoolPendingCapacity", "WarmPoolTerminatingCapacity", "WarmPoolTotalCapacity", "WarmPoolWarmedCapacity",
}

func namedMetrics(names []string) ([]string, error) {
	if len(names) == 0 {
		return groupMetrics, nil
	}
	for _, name := range names {
		if !slices.Contains(groupMetrics, name) {
			return nil, invalid("%s is not a valid metric type", name)
		}
	}
	return names, nil
}

// EnableMetricsCollection records which metrics the group would publish.
func (s *Service) EnableMetricsCollection(ctx context.Context, in *autoscaling.EnableMetricsCollectionInput) (*autoscaling.EnableMetricsCollectionOutput, error) {
	names, err := namedMetrics(in.Metrics)
	if err != nil {
		return nil, err
	}
	if text(in.Granularity) != "1Minute" {
		return nil, invalid("%s is not a valid granularity; 1Minute is", text(in.Granularity))
	}
	return &autoscaling.EnableMetricsCollectionOutput{}, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		g.Metrics = union(g.Metrics, names)
		return nil
	})
}

// DisableMetricsCollection takes metrics back.
func (s *Service) DisableMetricsCollection(ctx context.Context, in *autoscaling.DisableMetricsCollectionInput) (*autoscaling.DisableMetricsCollectionOutput, error) {
	names, err := namedMetrics(in.Metrics)
	if err != nil {
		return nil, err
	}
	return &autoscaling.DisableMetricsCollectionOutput{}, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		g.Metrics = slices.DeleteFunc(g.Metrics, func(m string) bool { return slices.Contains(names, m) })
		return nil
	})
}

func (g *group) setTags(tags []types.Tag) {
	for _, t := range tags {
		made := tag{Key: text(t.Key), Value: text(t.Value), Propagate: aws.ToBool(t.PropagateAtLaunch)}
		if i := slices.IndexFunc(g.Tags, func(old tag) bool { return old.Key == made.Key }); i >= 0 {
			g.Tags[i] = made
		} else {
			g.Tags = append(g.Tags, made)
		}
	}
	slices.SortFunc(g.Tags, func(a, b tag) int { return compareText(a.Key, b.Key) })
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (g *group) describeTags() []types.TagDescription {
	tags := []types.TagDescription{}
	for _, t := range g.Tags {
		tags = append(tags, types.TagDescription{
			ResourceId: aws.String(g.Name), ResourceType: aws.String("auto-scaling-group"), Key: aws.String(t.Key), Value: aws.String(t.Value), PropagateAtLaunch: aws.Bool(t.Propagate),
		})
	}
	return tags
}

// byGroup applies tags to the groups that they name.
func (s *Service) byGroup(ctx context.Context, tags []types.Tag, apply func(g *group, t types.Tag)) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		for _, t := range tags {
			if kind := text(t.ResourceType); kind != "" && kind != "auto-scaling-group" {
				return invalid("The resource type %s is not auto-scaling-group", kind)
			}
			found, err := find(tx, cloud.RegionOf(ctx), text(t.ResourceId))
			if err != nil {
				return err
			}
			if apply(found, t); len(found.Tags) > maximumTags {
				return cloud.Errorf("LimitExceeded", "A group has at most %d tags", maximumTags)
			}
			if err := found.put(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// CreateOrUpdateTags adds tags to groups; instances get them when they are launched.
func (s *Service) CreateOrUpdateTags(ctx context.Context, in *autoscaling.CreateOrUpdateTagsInput) (*autoscaling.CreateOrUpdateTagsOutput, error) {
	return &autoscaling.CreateOrUpdateTagsOutput{}, s.byGroup(ctx, in.Tags, func(g *group, t types.Tag) { g.setTags([]types.Tag{t}) })
}

// DeleteTags removes tags from groups.
func (s *Service) DeleteTags(ctx context.Context, in *autoscaling.DeleteTagsInput) (*autoscaling.DeleteTagsOutput, error) {
	return &autoscaling.DeleteTagsOutput{}, s.byGroup(ctx, in.Tags, func(g *group, t types.Tag) {
		g.Tags = slices.DeleteFunc(g.Tags, func(old tag) bool { return old.Key == text(t.Key) })
	})
}
