package autoscaling

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

func (p *policy) key() string { return p.Group + "/" + text(p.Policy.PolicyName) }

// PutScalingPolicy makes or replaces a policy. A target tracking policy brings its own alarms; those of the others are
// the user's, who names the policy among their actions.
func (s *Service) PutScalingPolicy(ctx context.Context, in *autoscaling.PutScalingPolicyInput) (*autoscaling.PutScalingPolicyOutput, error) {
	kind := text(in.PolicyType)
	if kind == "" {
		kind = simple
	}
	if err := checkPolicy(kind, in); err != nil {
		return nil, err
	}
	region, made := cloud.RegionOf(ctx), newPolicy(kind, in)
	err := s.store.Update(func(tx *cloud.Tx) error {
		if _, err := find(tx, region, text(in.AutoScalingGroupName)); err != nil {
			return err
		}
		existing, err := policies.Get(tx, region, made.key())
		if err != nil {
			return err
		}
		made.Policy.PolicyARN = aws.String(cloud.ARN("autoscaling", region, "scalingPolicy:"+cloud.NewUUID()+":autoScalingGroupName/"+made.Group+":policyName/"+text(in.PolicyName)))
		if existing != nil {
			made.Policy.PolicyARN, made.Policy.Alarms = existing.Policy.PolicyARN, existing.Policy.Alarms
		}
		if err := s.putAlarms(tx, region, &made.Policy); err != nil {
			return err
		}
		return policies.Put(tx, region, made.key(), made)
	})
	return &autoscaling.PutScalingPolicyOutput{PolicyARN: made.Policy.PolicyARN, Alarms: made.Policy.Alarms}, err
}

func newPolicy(kind string, in *autoscaling.PutScalingPolicyInput) *policy {
	enabled := in.Enabled == nil || *in.Enabled
	made := types.ScalingPolicy{
		AutoScalingGroupName: in.AutoScalingGroupName, PolicyName: in.PolicyName, PolicyType: &kind, Enabled: &enabled, Alarms: []types.Alarm{},
		AdjustmentType: in.AdjustmentType, ScalingAdjustment: in.ScalingAdjustment, Cooldown: in.Cooldown, MinAdjustmentMagnitude: in.MinAdjustmentMagnitude,
		StepAdjustments: in.StepAdjustments, MetricAggregationType: in.MetricAggregationType, EstimatedInstanceWarmup: in.EstimatedInstanceWarmup,
		TargetTrackingConfiguration: in.TargetTrackingConfiguration,
	}
	if t := made.TargetTrackingConfiguration; t != nil && t.DisableScaleIn == nil {
		t.DisableScaleIn = aws.Bool(false)
	}
	if kind == steps && made.MetricAggregationType == nil {
		made.MetricAggregationType = aws.String("Average")
	}
	return &policy{Group: text(in.AutoScalingGroupName), Policy: made}
}

// DescribePolicies returns policies by group, name and type.
func (s *Service) DescribePolicies(ctx context.Context, in *autoscaling.DescribePoliciesInput) (*autoscaling.DescribePoliciesOutput, error) {
	out := &autoscaling.DescribePoliciesOutput{ScalingPolicies: []types.ScalingPolicy{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		all, err := policies.List(tx, cloud.RegionOf(ctx))
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(p *policy) bool {
			return in.AutoScalingGroupName != nil && p.Group != *in.AutoScalingGroupName ||
				len(in.PolicyNames) > 0 && !slices.Contains(in.PolicyNames, text(p.Policy.PolicyName)) && !slices.Contains(in.PolicyNames, text(p.Policy.PolicyARN)) ||
				len(in.PolicyTypes) > 0 && !slices.Contains(in.PolicyTypes, text(p.Policy.PolicyType))
		})
		page, next, err := paged(all, (*policy).key, in.NextToken, in.MaxRecords, 50)
		for _, p := range page {
			described, err := s.withAlarms(tx, cloud.RegionOf(ctx), p.Policy)
			if err != nil {
				return err
			}
			out.ScalingPolicies = append(out.ScalingPolicies, described)
		}
		out.NextToken = next
		return err
	})
}

// withAlarms adds the user's alarms that invoke a policy; target tracking knows its own.
func (s *Service) withAlarms(tx *cloud.Tx, region string, p types.ScalingPolicy) (types.ScalingPolicy, error) {
	if s.alarms == nil || text(p.PolicyType) == tracking {
		return p, nil
	}
	users, err := s.alarms.AlarmsFor(tx, region, text(p.PolicyARN))
	p.Alarms = []types.Alarm{}
	for _, name := range slices.Sorted(maps.Keys(users)) {
		p.Alarms = append(p.Alarms, types.Alarm{AlarmName: aws.String(name), AlarmARN: aws.String(users[name])})
	}
	return p, err
}

// DeletePolicy forgets a policy; the alarms of a target tracking policy go with it.
func (s *Service) DeletePolicy(ctx context.Context, in *autoscaling.DeletePolicyInput) (*autoscaling.DeletePolicyOutput, error) {
	region := cloud.RegionOf(ctx)
	return &autoscaling.DeletePolicyOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		p, err := findPolicy(tx, region, in.AutoScalingGroupName, text(in.PolicyName))
		if err != nil {
			return err
		}
		return s.dropPolicy(tx, region, p)
	})
}

func (s *Service) dropPolicy(tx *cloud.Tx, region string, p *policy) error {
	if text(p.Policy.PolicyType) == tracking {
		if err := s.dropAlarms(tx, region, p.Policy.Alarms); err != nil {
			return err
		}
	}
	return policies.Delete(tx, region, p.key())
}
