package autoscaling

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

const (
	defaultCooldown = 300 // seconds
)

// CreateAutoScalingGroup declares a group; the reconciler launches its instances.
func (s *Service) CreateAutoScalingGroup(ctx context.Context, in *autoscaling.CreateAutoScalingGroupInput) (*autoscaling.CreateAutoScalingGroupOutput, error) {
	region, name := cloud.RegionOf(ctx), text(in.AutoScalingGroupName)
	made := &group{
		Name: name, Region: region, Created: s.now().UTC(), Min: *in.MinSize, Max: *in.MaxSize, Desired: *in.MinSize, Cooldown: defaultCooldown, Health: "EC2",
		Protected: aws.ToBool(in.NewInstancesProtectedFromScaleIn), Policies: []string{"Default"},
		ARN: cloud.ARN("autoscaling", region, "autoScalingGroup:"+cloud.NewUUID()+":autoScalingGroupName/"+name),
	}
	_ = in.ServiceLinkedRoleARN // the lab's service needs no role
	_ = in.DesiredCapacityType  // "units", the only one without mixed instances
	_ = in.CapacityRebalance    // for Spot Instances, which the lab does not launch
	if in.LaunchTemplate == nil {
		return nil, unsupported("a group without a launch template")
	}
	if err := s.testHooks(ctx, made, in.LifecycleHookSpecificationList); err != nil {
		return nil, err
	}
	err := s.store.Update(func(tx *cloud.Tx) error {
		if existing, err := groups.Get(tx, region, name); err != nil {
			return err
		} else if existing != nil {
			return cloud.Errorf("AlreadyExists", "AutoScalingGroup by this name already exists - A group with the name %s already exists", name)
		}
		settings := settings{
			template: in.LaunchTemplate, desired: in.DesiredCapacity, cooldown: in.DefaultCooldown, warmup: in.DefaultInstanceWarmup,
			health: in.HealthCheckType, grace: in.HealthCheckGracePeriod, subnets: in.VPCZoneIdentifier, policies: in.TerminationPolicies,
			distribution: in.AvailabilityZoneDistribution, maintenance: in.InstanceMaintenancePolicy,
		}
		if err := s.apply(tx, made, settings); err != nil {
			return err
		}
		if len(made.Subnets) == 0 {
			return invalid("At least one Availability Zone or VPC Subnet is required.")
		}
		if err := s.attach(tx, made, in.TargetGroupARNs); err != nil {
			return err
		}
		made.setTags(in.Tags)
		for _, h := range in.LifecycleHookSpecificationList {
			if err := made.putHook(hook{
				Name: text(h.LifecycleHookName), Transition: text(h.LifecycleTransition), Heartbeat: aws.ToInt32(h.HeartbeatTimeout), Default: text(h.DefaultResult),
				Target: text(h.NotificationTargetARN), Role: text(h.RoleARN), Metadata: text(h.NotificationMetadata),
			}); err != nil {
				return err
			}
		}
		made.Reason = sentence(made.Created, "a user request created an AutoScalingGroup changing the desired capacity from 0 to %d", made.Desired)
		return made.put(tx)
	})
	return &autoscaling.CreateAutoScalingGroupOutput{}, err
}

// UpdateAutoScalingGroup changes a group; what is not given stays.
func (s *Service) UpdateAutoScalingGroup(ctx context.Context, in *autoscaling.UpdateAutoScalingGroupInput) (*autoscaling.UpdateAutoScalingGroupOutput, error) {
	_ = in.ServiceLinkedRoleARN // the lab's service needs no role
	_ = in.DesiredCapacityType  // "units", the only one without mixed instances
	_ = in.CapacityRebalance    // for Spot Instances, which the lab does not launch
	wanted := settings{
		template: in.LaunchTemplate, min: in.MinSize, max: in.MaxSize, desired: in.DesiredCapacity, cooldown: in.DefaultCooldown, warmup: in.DefaultInstanceWarmup,
		health: in.HealthCheckType, grace: in.HealthCheckGracePeriod, subnets: in.VPCZoneIdentifier, policies: in.TerminationPolicies,
		protectedFromScaleIn: in.NewInstancesProtectedFromScaleIn, distribution: in.AvailabilityZoneDistribution, maintenance: in.InstanceMaintenancePolicy,
	}
	return &autoscaling.UpdateAutoScalingGroupOutput{}, s.change(ctx, in.AutoScalingGroupName, func(tx *cloud.Tx, g *group) error {
		return s.apply(tx, g, wanted)
	})
}

// DeleteAutoScalingGroup removes a group without instances, or, forced, ends them first.
func (s *Service) DeleteAutoScalingGroup(ctx context.Context, in *autoscaling.DeleteAutoScalingGroupInput) (*autoscaling.DeleteAutoScalingGroupOutput, error) {
	return &autoscaling.DeleteAutoScalingGroupOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		found, err := find(tx, cloud.RegionOf(ctx), text(in.AutoScalingGroupName))
		if err != nil {
			return err
		}
		if len(found.Members) > 0 && !aws.ToBool(in.ForceDelete) {
			return cloud.Errorf("ResourceInUse", "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.")
		}
		if len(found.Members) > 0 {
			found.Deleting, found.Desired, found.Min, found.Suspended = true, 0, 0, nil
			found.Reason, found.Alarm, found.Maintenance = sentence(s.now(), "a user request force-deleted the AutoScalingGroup"), nil, nil
			if found.Refresh != nil && found.Refresh.active() {
				found.Refresh.end(found, types.InstanceRefreshStatusCancelled, "The Auto Scaling group is being deleted.", s.now())
			}
			return found.put(tx)
		}
		return s.erase(tx, found)
	})
}

// erase removes a group with what belongs to it.
func (s *Service) erase(tx *cloud.Tx, g *group) error {
	prefix := g.Name + "/"
	mine, err := policies.ListPrefix(tx, g.Region, prefix)
	if err != nil {
		return err
	}
	for _, p := range mine {
		if err := s.dropPolicy(tx, g.Region, p); err != nil {
			return err
		}
	}
	for _, drop := range []func() error{
		func() error { return dropAll(schedules, tx, g.Region, prefix, (*scheduled).key) },
		func() error { return dropAll(notifications, tx, g.Region, prefix, (*notification).key) },
	} {
		if err := drop(); err != nil {
			return err
		}
	}
	return groups.Delete(tx, g.Region, g.Name)
}

func paged[T any](items []T, key func(T) string, token *string, limit *int32, standard int) ([]T, *string, error) {
	most := standard
	if limit != nil {
		most = int(*limit)
	}
	page, next, err := cloud.Page(items, key, text(token), most)
	if err != nil {
		return nil, nil, cloud.Errorf("InvalidNextToken", "The token %q is invalid", text(token))
	}
	if next == "" {
		return page, nil, nil
	}
	return page, &next, nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
