package autoscaling

import (
	"cmp"
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

var adjustmentTypes = []string{"ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"}

// checkPolicy refuses a policy whose members do not fit its type
// (https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScalingPolicy.html).
func checkPolicy(kind string, in *autoscaling.PutScalingPolicyInput) error {
	if in.MinAdjustmentStep != nil {
		return unsupported("MinAdjustmentStep; MinAdjustmentMagnitude is its successor")
	}
	if in.PredictiveScalingConfiguration != nil || kind == "PredictiveScaling" {
		return unsupported("predictive scaling")
	}
	if kind != tracking && in.TargetTrackingConfiguration != nil {
		return invalid("TargetTrackingConfiguration is only valid for the policy type TargetTrackingScaling")
	}
	switch kind {
	case simple:
		return checkSimple(in)
	case steps:
		return checkSteps(in)
	case tracking:
		return checkTracking(in)
	}
	return invalid("Policy type %s is not supported", kind)
}

func checkSimple(in *autoscaling.PutScalingPolicyInput) error {
	switch {
	case in.ScalingAdjustment == nil || in.AdjustmentType == nil:
		return invalid("ScalingAdjustment and AdjustmentType are required for the policy type SimpleScaling")
	case len(in.StepAdjustments) > 0 || in.MetricAggregationType != nil || in.EstimatedInstanceWarmup != nil:
		return invalid("StepAdjustments, MetricAggregationType and EstimatedInstanceWarmup are not valid for the policy type SimpleScaling")
	}
	return checkAdjustment(in, *in.ScalingAdjustment)
}

func checkAdjustment(in *autoscaling.PutScalingPolicyInput, adjustments ...int32) error {
	switch {
	case !slices.Contains(adjustmentTypes, text(in.AdjustmentType)):
		return invalid("AdjustmentType %q is not one of %v", text(in.AdjustmentType), adjustmentTypes)
	case in.MinAdjustmentMagnitude != nil && text(in.AdjustmentType) != "PercentChangeInCapacity":
		return invalid("MinAdjustmentMagnitude is only valid for the adjustment type PercentChangeInCapacity")
	case text(in.AdjustmentType) == "ExactCapacity" && slices.Min(adjustments) < 0:
		return invalid("An ExactCapacity adjustment must not be negative")
	}
	return nil
}

func checkSteps(in *autoscaling.PutScalingPolicyInput) error {
	switch {
	case len(in.StepAdjustments) == 0:
		return invalid("At least one StepAdjustment must be specified.")
	case in.ScalingAdjustment != nil || in.Cooldown != nil:
		return invalid("ScalingAdjustment and Cooldown are not valid for the policy type StepScaling")
	case in.MetricAggregationType != nil && !slices.Contains([]string{"Minimum", "Maximum", "Average"}, *in.MetricAggregationType):
		return invalid("MetricAggregationType %q is not Minimum, Maximum or Average", *in.MetricAggregationType)
	}
	var adjustments []int32
	for _, s := range in.StepAdjustments {
		adjustments = append(adjustments, aws.ToInt32(s.ScalingAdjustment))
	}
	if err := checkAdjustment(in, adjustments...); err != nil {
		return err
	}
	return checkIntervals(in.StepAdjustments)
}

// checkIntervals wants steps that neither overlap nor leave a gap, and at most one without each bound.
func checkIntervals(given []types.StepAdjustment) error {
	ordered := slices.Clone(given)
	slices.SortFunc(ordered, func(a, b types.StepAdjustment) int { return cmp.Compare(lower(a), lower(b)) })
	for i, s := range ordered {
		switch {
		case lower(s) >= upper(s):
			return invalid("StepAdjustment interval lower bound %v must be less than upper bound %v", lower(s), upper(s))
		case math.IsInf(lower(s), -1) && math.IsInf(upper(s), 1):
			return invalid("At least one of MetricIntervalLowerBound and MetricIntervalUpperBound must be given in a StepAdjustment")
		case i > 0 && lower(s) < upper(ordered[i-1]):
			return invalid("StepAdjustment intervals can't overlap")
		case i > 0 && lower(s) > upper(ordered[i-1]):
			return invalid("There is a gap between the intervals of StepAdjustments, from %v to %v", upper(ordered[i-1]), lower(s))
		}
	}
	return nil
}

func checkTracking(in *autoscaling.PutScalingPolicyInput) error {
	t := in.TargetTrackingConfiguration
	switch {
	case t == nil || t.TargetValue == nil:
		return invalid("TargetTrackingConfiguration is required for the policy type TargetTrackingScaling")
	case in.AdjustmentType != nil || in.ScalingAdjustment != nil || len(in.StepAdjustments) > 0 || in.Cooldown != nil || in.MinAdjustmentMagnitude != nil || in.MetricAggregationType != nil:
		return invalid("Only TargetTrackingConfiguration and EstimatedInstanceWarmup are valid for the policy type TargetTrackingScaling")
	case (t.PredefinedMetricSpecification == nil) == (t.CustomizedMetricSpecification == nil):
		return invalid("Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be given")
	case *t.TargetValue <= 0:
		return invalid("TargetValue %v must be greater than 0", *t.TargetValue)
	}
	custom := t.CustomizedMetricSpecification
	if custom == nil {
		return nil
	}
	if custom.Period != nil && !slices.Contains([]int32{10, 30, 60}, *custom.Period) {
		return invalid("The period %d of the metric is not 10, 30 or 60 seconds", *custom.Period)
	}
	if single := custom.MetricName != nil && custom.Namespace != nil && custom.Statistic != ""; single == (len(custom.Metrics) > 0) {
		return invalid("A customized metric is either MetricName, Namespace and Statistic, or Metrics")
	}
	return nil
}
