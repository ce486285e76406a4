package autoscaling

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

const (
	defaultCooldown = 300 // seconds
	maximumTags     = 50
)

var terminationPolicies = []string{"Default", "OldestInstance", "NewestInstance", "OldestLaunchTemplate", "OldestLaunchConfiguration", "ClosestToNextInstanceHour", "AllocationStrategy"}

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
	err := s.store.Update(func(tx *cloud.Tx) error {
		if existing, err := groups.Get(tx, region, name); err != nil {
			return err
		} else if existing != nil {
			return cloud.Errorf("AlreadyExists", "AutoScalingGroup by this name already exists - A group with the name %s already exists", name)
		}
		settings := settings{
			template: in.LaunchTemplate, desired: in.DesiredCapacity, cooldown: in.DefaultCooldown, warmup: in.DefaultInstanceWarmup,
			health: in.HealthCheckType, grace: in.HealthCheckGracePeriod, subnets: in.VPCZoneIdentifier, policies: in.TerminationPolicies,
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
		made.Reason = fmt.Sprintf("At %s a user request created an AutoScalingGroup changing the desired capacity from 0 to %d.", stamp(made.Created), made.Desired)
		return made.put(tx)
	})
	return &autoscaling.CreateAutoScalingGroupOutput{}, err
}

// settings are what create and update have in common; nil leaves a setting as it is.
type settings struct {
	template                *types.LaunchTemplateSpecification
	min, max, desired       *int32
	cooldown, warmup, grace *int32
	health, subnets         *string
	policies                []string
	protectedFromScaleIn    *bool
}

func (s *Service) apply(tx *cloud.Tx, g *group, wanted settings) error {
	if wanted.template != nil {
		given := template{ID: text(wanted.template.LaunchTemplateId), Name: text(wanted.template.LaunchTemplateName), Version: text(wanted.template.Version)}
		resolved, err := s.resolve(tx, g.Region, given)
		if err != nil {
			return err
		}
		given.ID, given.Name = resolved.ID, resolved.Name
		if given.Version == "" {
			given.Version = "$Default"
		}
		g.Template = given
	}
	if err := g.setSize(wanted); err != nil {
		return err
	}
	if wanted.subnets != nil {
		if err := s.setSubnets(tx, g, *wanted.subnets); err != nil {
			return err
		}
	}
	return g.setRest(wanted)
}

func (g *group) setSize(wanted settings) error {
	old := g.Desired
	if wanted.min != nil {
		g.Min = *wanted.min
	}
	if wanted.max != nil {
		g.Max = *wanted.max
	}
	if wanted.desired != nil {
		g.Desired = *wanted.desired
	} else {
		g.Desired = min(max(g.Desired, g.Min), g.Max)
	}
	switch {
	case g.Min < 0 || g.Max < g.Min:
		return invalid("Max bound, %d, must be greater than or equal to min bound, %d", g.Max, g.Min)
	case g.Desired < g.Min:
		return invalid("Desired capacity:%d must be between the specified min size:%d and max size:%d", g.Desired, g.Min, g.Max)
	case g.Desired > g.Max:
		return invalid("Desired capacity:%d must be between the specified min size:%d and max size:%d", g.Desired, g.Min, g.Max)
	}
	if old != g.Desired {
		g.Reason = fmt.Sprintf("At %s a user request update of AutoScalingGroup constraints to min: %d, max: %d, desired: %d changing the desired capacity from %d to %d.", stamp(time.Now()), g.Min, g.Max, g.Desired, old, g.Desired)
	}
	return nil
}

func (g *group) setRest(wanted settings) error {
	if wanted.cooldown != nil {
		g.Cooldown = *wanted.cooldown
	}
	if wanted.warmup != nil {
		g.Warmup = wanted.warmup
		if *wanted.warmup < 0 {
			g.Warmup = nil
		}
	}
	if wanted.grace != nil {
		g.Grace = time.Duration(*wanted.grace) * time.Second
	}
	if wanted.health != nil {
		if *wanted.health != "EC2" && *wanted.health != "ELB" {
			return unsupported("the health check type " + *wanted.health + "; EC2 and ELB are")
		}
		g.Health = *wanted.health
	}
	if wanted.protectedFromScaleIn != nil {
		g.Protected = *wanted.protectedFromScaleIn
	}
	for _, p := range wanted.policies {
		if !slices.Contains(terminationPolicies, p) {
			return invalid("The termination policy %s is not one of %s", p, strings.Join(terminationPolicies, ", "))
		}
	}
	if len(wanted.policies) > 0 {
		g.Policies = wanted.policies
	}
	return nil
}

func (s *Service) setSubnets(tx *cloud.Tx, g *group, list string) error {
	g.Subnets = nil
	for _, id := range strings.Split(list, ",") {
		found, err := s.instances.Subnet(tx, g.Region, strings.TrimSpace(id))
		if err != nil {
			return invalid("The subnet ID '%s' does not exist", id)
		}
		g.Subnets = append(g.Subnets, subnet{ID: found.ID, Zone: found.Zone})
	}
	return nil
}

// resolve looks up a launch template and its version now.
func (s *Service) resolve(tx *cloud.Tx, region string, given template) (template, error) {
	ref := ec2types.LaunchTemplateSpecification{}
	if given.ID != "" {
		ref.LaunchTemplateId = &given.ID
	} else {
		ref.LaunchTemplateName = &given.Name
	}
	if given.Version != "" {
		ref.Version = &given.Version
	}
	found, err := s.instances.ResolveLaunchTemplate(tx, region, ref)
	if err != nil {
		return template{}, invalid("You must use a valid fully-formed launch template. %v", err)
	}
	return template{ID: found.ID, Name: found.Name, Version: strconv.FormatInt(found.Version, 10)}, nil
}

// UpdateAutoScalingGroup changes a group; what is not given stays.
func (s *Service) UpdateAutoScalingGroup(ctx context.Context, in *autoscaling.UpdateAutoScalingGroupInput) (*autoscaling.UpdateAutoScalingGroupOutput, error) {
	_ = in.ServiceLinkedRoleARN // the lab's service needs no role
	_ = in.DesiredCapacityType  // "units", the only one without mixed instances
	_ = in.CapacityRebalance    // for Spot Instances, which the lab does not launch
	wanted := settings{
		template: in.LaunchTemplate, min: in.MinSize, max: in.MaxSize, desired: in.DesiredCapacity, cooldown: in.DefaultCooldown, warmup: in.DefaultInstanceWarmup,
		health: in.HealthCheckType, grace: in.HealthCheckGracePeriod, subnets: in.VPCZoneIdentifier, policies: in.TerminationPolicies,
		protectedFromScaleIn: in.NewInstancesProtectedFromScaleIn,
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
			found.Reason = fmt.Sprintf("At %s a user request force-deleted the AutoScalingGroup.", stamp(s.now()))
			return found.put(tx)
		}
		return erase(tx, found)
	})
}

// erase removes a group with what belongs to it.
func erase(tx *cloud.Tx, g *group) error {
	prefix := g.Name + "/"
	for _, drop := range []func() error{
		func() error { return dropAll(policies, tx, g.Region, prefix, (*policy).key) },
		func() error { return dropAll(schedules, tx, g.Region, prefix, (*scheduled).key) },
		func() error { return dropAll(notifications, tx, g.Region, prefix, (*notification).key) },
	} {
		if err := drop(); err != nil {
			return err
		}
	}
	return groups.Delete(tx, g.Region, g.Name)
}

// attach registers the group's instances with target groups, now and later.
func (s *Service) attach(tx *cloud.Tx, g *group, arns []string) error {
	for _, arn := range arns {
		if err := s.targets.CheckTargetGroup(tx, g.Region, arn); err != nil {
			return invalid("Provided Target Groups may not be valid. Please ensure they exist and try again: %v", err)
		}
		if slices.Contains(g.Targets, arn) {
			continue
		}
		g.Targets = append(g.Targets, arn)
		for _, m := range g.Members {
			if m.State != types.LifecycleStateInService {
				continue
			}
			if err := s.targets.Register(tx, g.Region, arn, m.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// AttachLoadBalancerTargetGroups adds target groups.
func (s *Service) AttachLoadBalancerTargetGroups(ctx context.Context, in *autoscaling.AttachLoadBalancerTargetGroupsInput) (*autoscaling.AttachLoadBalancerTargetGroupsOutput, error) {
	return &autoscaling.AttachLoadBalancerTargetGroupsOutput{}, s.change(ctx, in.AutoScalingGroupName, func(tx *cloud.Tx, g *group) error {
		return s.attach(tx, g, in.TargetGroupARNs)
	})
}

// DetachLoadBalancerTargetGroups takes target groups away; the instances drain there.
func (s *Service) DetachLoadBalancerTargetGroups(ctx context.Context, in *autoscaling.DetachLoadBalancerTargetGroupsInput) (*autoscaling.DetachLoadBalancerTargetGroupsOutput, error) {
	return &autoscaling.DetachLoadBalancerTargetGroupsOutput{}, s.change(ctx, in.AutoScalingGroupName, func(tx *cloud.Tx, g *group) error {
		for _, arn := range in.TargetGroupARNs {
			if !slices.Contains(g.Targets, arn) {
				return invalid("Trying to remove Target Groups that are not part of the group: %s", arn)
			}
			g.Targets = slices.DeleteFunc(g.Targets, func(a string) bool { return a == arn })
			for _, m := range g.Members {
				if err := s.targets.Deregister(tx, g.Region, arn, m.ID); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// DescribeLoadBalancerTargetGroups returns a group's target groups; each change is in force at once.
func (s *Service) DescribeLoadBalancerTargetGroups(ctx context.Context, in *autoscaling.DescribeLoadBalancerTargetGroupsInput) (*autoscaling.DescribeLoadBalancerTargetGroupsOutput, error) {
	out := &autoscaling.DescribeLoadBalancerTargetGroupsOutput{LoadBalancerTargetGroups: []types.LoadBalancerTargetGroupState{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		found, err := find(tx, cloud.RegionOf(ctx), text(in.AutoScalingGroupName))
		if err != nil {
			return err
		}
		page, next, err := paged(found.Targets, func(arn string) string { return arn }, in.NextToken, in.MaxRecords, 100)
		for _, arn := range page {
			out.LoadBalancerTargetGroups = append(out.LoadBalancerTargetGroups, types.LoadBalancerTargetGroupState{LoadBalancerTargetGroupARN: aws.String(arn), State: aws.String("Added")})
		}
		out.NextToken = next
		return err
	})
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
