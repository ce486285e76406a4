package autoscaling

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

const targetGroupSource = "elbv2"

// targetGroupARNs returns the target groups among traffic sources; the lab has no other kind.
func targetGroupARNs(sources []types.TrafficSourceIdentifier) ([]string, error) {
	var arns []string
	for _, source := range sources {
		if kind := text(source.Type); kind != "" && kind != targetGroupSource {
			return nil, unsupported("traffic sources of type " + kind + "; elbv2 is")
		}
		arns = append(arns, text(source.Identifier))
	}
	return arns, nil
}

// AttachTrafficSources adds target groups.
func (s *Service) AttachTrafficSources(ctx context.Context, in *autoscaling.AttachTrafficSourcesInput) (*autoscaling.AttachTrafficSourcesOutput, error) {
	_ = in.SkipZonalShiftValidation // no zonal shift is ever refused
	arns, err := targetGroupARNs(in.TrafficSources)
	if err != nil {
		return nil, err
	}
	_, err = s.AttachLoadBalancerTargetGroups(ctx, &autoscaling.AttachLoadBalancerTargetGroupsInput{AutoScalingGroupName: in.AutoScalingGroupName, TargetGroupARNs: arns})
	return &autoscaling.AttachTrafficSourcesOutput{}, err
}

// DetachTrafficSources takes target groups away.
func (s *Service) DetachTrafficSources(ctx context.Context, in *autoscaling.DetachTrafficSourcesInput) (*autoscaling.DetachTrafficSourcesOutput, error) {
	arns, err := targetGroupARNs(in.TrafficSources)
	if err != nil {
		return nil, err
	}
	_, err = s.DetachLoadBalancerTargetGroups(ctx, &autoscaling.DetachLoadBalancerTargetGroupsInput{AutoScalingGroupName: in.AutoScalingGroupName, TargetGroupARNs: arns})
	return &autoscaling.DetachTrafficSourcesOutput{}, err
}

// DescribeTrafficSources lists a group's target groups.
func (s *Service) DescribeTrafficSources(ctx context.Context, in *autoscaling.DescribeTrafficSourcesInput) (*autoscaling.DescribeTrafficSourcesOutput, error) {
	out := &autoscaling.DescribeTrafficSourcesOutput{TrafficSources: []types.TrafficSourceState{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		g, err := find(tx, cloud.RegionOf(ctx), text(in.AutoScalingGroupName))
		if err != nil {
			return err
		}
		arns := g.Targets
		if kind := text(in.TrafficSourceType); kind != "" && kind != targetGroupSource {
			arns = nil
		}
		page, next, err := paged(arns, func(arn string) string { return arn }, in.NextToken, in.MaxRecords, 50)
		for _, arn := range page {
			out.TrafficSources = append(out.TrafficSources, types.TrafficSourceState{Identifier: aws.String(arn), TrafficSource: aws.String(arn), Type: aws.String(targetGroupSource), State: aws.String("InService")})
		}
		out.NextToken = next
		return err
	})
}

// DescribeLoadBalancers lists a group's classic load balancers: the lab has none.
func (s *Service) DescribeLoadBalancers(ctx context.Context, in *autoscaling.DescribeLoadBalancersInput) (*autoscaling.DescribeLoadBalancersOutput, error) {
	_, _ = in.MaxRecords, in.NextToken // there is never more than one page
	return &autoscaling.DescribeLoadBalancersOutput{LoadBalancers: []types.LoadBalancerState{}}, s.exists(ctx, in.AutoScalingGroupName)
}

// DescribeWarmPool tells that a group has no warm pool: the lab makes none.
func (s *Service) DescribeWarmPool(ctx context.Context, in *autoscaling.DescribeWarmPoolInput) (*autoscaling.DescribeWarmPoolOutput, error) {
	_, _ = in.MaxRecords, in.NextToken // there is never more than one page
	return &autoscaling.DescribeWarmPoolOutput{Instances: []types.Instance{}}, s.exists(ctx, in.AutoScalingGroupName)
}

func (s *Service) exists(ctx context.Context, name *string) error {
	return s.store.View(func(tx *cloud.Tx) error {
		_, err := find(tx, cloud.RegionOf(ctx), text(name))
		return err
	})
}
