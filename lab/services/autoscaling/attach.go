package autoscaling

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

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
