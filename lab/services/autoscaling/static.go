package autoscaling

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

// Quotas of an account and region
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html).
const (
	maximumGroups         = 500
	maximumConfigurations = 200
)

// DescribeAccountLimits tells the quotas and how far they are used.
func (s *Service) DescribeAccountLimits(ctx context.Context, _ *autoscaling.DescribeAccountLimitsInput) (*autoscaling.DescribeAccountLimitsOutput, error) {
	out := &autoscaling.DescribeAccountLimitsOutput{
		MaxNumberOfAutoScalingGroups: aws.Int32(maximumGroups), MaxNumberOfLaunchConfigurations: aws.Int32(maximumConfigurations), NumberOfLaunchConfigurations: aws.Int32(0),
	}
	return out, s.store.View(func(tx *cloud.Tx) error {
		all, err := groups.List(tx, cloud.RegionOf(ctx))
		out.NumberOfAutoScalingGroups = aws.Int32(int32(len(all)))
		return err
	})
}

// DescribeTags lists the tags of groups, filtered.
func (s *Service) DescribeTags(ctx context.Context, in *autoscaling.DescribeTagsInput) (*autoscaling.DescribeTagsOutput, error) {
	for _, f := range in.Filters {
		if !slices.Contains([]string{"auto-scaling-group", "key", "value", "propagate-at-launch"}, text(f.Name)) {
			return nil, invalid("Filter type %s is not correct. Allowed Filter types are: auto-scaling-group key value propagate-at-launch", text(f.Name))
		}
	}
	out := &autoscaling.DescribeTagsOutput{Tags: []types.TagDescription{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		all, err := groups.List(tx, cloud.RegionOf(ctx))
		if err != nil {
			return err
		}
		var tags []types.TagDescription
		for _, g := range all {
			tags = append(tags, g.describeTags()...)
		}
		tags = slices.DeleteFunc(tags, func(t types.TagDescription) bool { return !tagWanted(in.Filters, t) })
		out.Tags, out.NextToken, err = paged(tags, func(t types.TagDescription) string { return *t.ResourceId + "\x00" + *t.Key }, in.NextToken, in.MaxRecords, 50)
		return err
	})
}

func tagWanted(filters []types.Filter, t types.TagDescription) bool {
	facts := map[string]string{
		"auto-scaling-group": *t.ResourceId, "key": *t.Key, "value": *t.Value, "propagate-at-launch": strconv.FormatBool(aws.ToBool(t.PropagateAtLaunch)),
	}
	for _, f := range filters {
		if !slices.Contains(f.Values, facts[text(f.Name)]) {
			return false
		}
	}
	return true
}

// DescribeAdjustmentTypes lists how policies can change a capacity.
func (s *Service) DescribeAdjustmentTypes(context.Context, *autoscaling.DescribeAdjustmentTypesInput) (*autoscaling.DescribeAdjustmentTypesOutput, error) {
	out := &autoscaling.DescribeAdjustmentTypesOutput{}
	for _, name := range adjustmentTypes {
		out.AdjustmentTypes = append(out.AdjustmentTypes, types.AdjustmentType{AdjustmentType: aws.String(name)})
	}
	return out, nil
}

// DescribeAutoScalingNotificationTypes lists the events that topics can be told of.
func (s *Service) DescribeAutoScalingNotificationTypes(context.Context, *autoscaling.DescribeAutoScalingNotificationTypesInput) (*autoscaling.DescribeAutoScalingNotificationTypesOutput, error) {
	return &autoscaling.DescribeAutoScalingNotificationTypesOutput{AutoScalingNotificationTypes: notificationKinds}, nil
}

// DescribeLifecycleHookTypes lists the transitions that hooks can stop.
func (s *Service) DescribeLifecycleHookTypes(context.Context, *autoscaling.DescribeLifecycleHookTypesInput) (*autoscaling.DescribeLifecycleHookTypesOutput, error) {
	return &autoscaling.DescribeLifecycleHookTypesOutput{LifecycleHookTypes: []string{onLaunch, onTerminate}}, nil
}

// DescribeScalingProcessTypes lists the processes that can be suspended.
func (s *Service) DescribeScalingProcessTypes(context.Context, *autoscaling.DescribeScalingProcessTypesInput) (*autoscaling.DescribeScalingProcessTypesOutput, error) {
	out := &autoscaling.DescribeScalingProcessTypesOutput{}
	for _, name := range processes {
		out.Processes = append(out.Processes, types.ProcessType{ProcessName: aws.String(name)})
	}
	return out, nil
}

// DescribeTerminationPolicyTypes lists the termination policies.
func (s *Service) DescribeTerminationPolicyTypes(context.Context, *autoscaling.DescribeTerminationPolicyTypesInput) (*autoscaling.DescribeTerminationPolicyTypesOutput, error) {
	return &autoscaling.DescribeTerminationPolicyTypesOutput{TerminationPolicyTypes: terminationPolicies}, nil
}
