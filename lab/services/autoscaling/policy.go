package autoscaling

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

func (p *policy) key() string { return p.Group + "/" + text(p.Policy.PolicyName) }

// PutScalingPolicy keeps a policy. Nothing evaluates it yet, so it has no alarms.
func (s *Service) PutScalingPolicy(ctx context.Context, in *autoscaling.PutScalingPolicyInput) (*autoscaling.PutScalingPolicyOutput, error) {
	kind := text(in.PolicyType)
	if kind == "" {
		kind = "SimpleScaling"
	}
	if err := checkPolicy(kind, in); err != nil {
		return nil, err
	}
	region, enabled := cloud.RegionOf(ctx), in.Enabled == nil || *in.Enabled
	made := types.ScalingPolicy{
		AutoScalingGroupName: in.AutoScalingGroupName, PolicyName: in.PolicyName, PolicyType: &kind, Enabled: &enabled, Alarms: []types.Alarm{},
		AdjustmentType: in.AdjustmentType, ScalingAdjustment: in.ScalingAdjustment, Cooldown: in.Cooldown, MinAdjustmentMagnitude: in.MinAdjustmentMagnitude,
		StepAdjustments: in.StepAdjustments, MetricAggregationType: in.MetricAggregationType, EstimatedInstanceWarmup: in.EstimatedInstanceWarmup,
		TargetTrackingConfiguration: in.TargetTrackingConfiguration,
	}
	if t := made.TargetTrackingConfiguration; t != nil && t.DisableScaleIn == nil {
		t.DisableScaleIn = aws.Bool(false)
	}
	err := s.store.Update(func(tx *cloud.Tx) error {
		if _, err := find(tx, region, text(in.AutoScalingGroupName)); err != nil {
			return err
		}
		key := text(in.AutoScalingGroupName) + "/" + text(in.PolicyName)
		existing, err := policies.Get(tx, region, key)
		if err != nil {
			return err
		}
		made.PolicyARN = aws.String(cloud.ARN("autoscaling", region, "scalingPolicy:"+cloud.NewUUID()+":autoScalingGroupName/"+text(in.AutoScalingGroupName)+":policyName/"+text(in.PolicyName)))
		if existing != nil {
			made.PolicyARN = existing.Policy.PolicyARN
		}
		return policies.Put(tx, region, key, &policy{Group: text(in.AutoScalingGroupName), Policy: made})
	})
	return &autoscaling.PutScalingPolicyOutput{PolicyARN: made.PolicyARN, Alarms: []types.Alarm{}}, err
}

func checkPolicy(kind string, in *autoscaling.PutScalingPolicyInput) error {
	switch {
	case kind == "PredictiveScaling":
		return unsupported("predictive scaling")
	case kind == "TargetTrackingScaling" && in.TargetTrackingConfiguration == nil:
		return invalid("TargetTrackingConfiguration is required for the policy type TargetTrackingScaling")
	case kind == "StepScaling" && len(in.StepAdjustments) == 0:
		return invalid("At least one StepAdjustment must be specified.")
	case kind == "SimpleScaling" && (in.ScalingAdjustment == nil || in.AdjustmentType == nil):
		return invalid("ScalingAdjustment and AdjustmentType are required for the policy type SimpleScaling")
	case !slices.Contains([]string{"TargetTrackingScaling", "StepScaling", "SimpleScaling"}, kind):
		return invalid("Policy type %s is not supported", kind)
	}
	return nil
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
		page, next, err := paged(all, func(p *policy) string { return p.Group + "/" + text(p.Policy.PolicyName) }, in.NextToken, in.MaxRecords, 50)
		for _, p := range page {
			out.ScalingPolicies = append(out.ScalingPolicies, p.Policy)
		}
		out.NextToken = next
		return err
	})
}

// DeletePolicy forgets a policy.
func (s *Service) DeletePolicy(ctx context.Context, in *autoscaling.DeletePolicyInput) (*autoscaling.DeletePolicyOutput, error) {
	region := cloud.RegionOf(ctx)
	return &autoscaling.DeletePolicyOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		all, err := policies.List(tx, region)
		if err != nil {
			return err
		}
		for _, p := range all {
			named := text(p.Policy.PolicyName) == text(in.PolicyName) && p.Group == text(in.AutoScalingGroupName)
			if named || text(p.Policy.PolicyARN) == text(in.PolicyName) {
				return policies.Delete(tx, region, p.Group+"/"+text(p.Policy.PolicyName))
			}
		}
		return invalid("Scaling policy name not found - policy %s not found", text(in.PolicyName))
	})
}
