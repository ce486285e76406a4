package autoscaling

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

// ExecutePolicy carries out a simple or step policy by hand, for the metric value that the caller gives.
func (s *Service) ExecutePolicy(ctx context.Context, in *autoscaling.ExecutePolicyInput) (*autoscaling.ExecutePolicyOutput, error) {
	if aws.ToBool(in.HonorCooldown) {
		return nil, unsupported("HonorCooldown: the lab keeps no cooldown yet")
	}
	region, breach := cloud.RegionOf(ctx), 0.0
	if in.MetricValue != nil && in.BreachThreshold != nil {
		breach = *in.MetricValue - *in.BreachThreshold
	}
	return &autoscaling.ExecutePolicyOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		p, err := findPolicy(tx, region, in.AutoScalingGroupName, text(in.PolicyName))
		if err != nil {
			return err
		}
		if text(p.Policy.PolicyType) == "StepScaling" && (in.MetricValue == nil || in.BreachThreshold == nil) {
			return invalid("MetricValue and BreachThreshold must be given for a StepScaling policy")
		}
		g, err := find(tx, region, p.Group)
		if err != nil {
			return err
		}
		wanted, err := adjusted(g, p.Policy, breach)
		if err != nil || wanted == g.Desired {
			return err
		}
		g.Reason = fmt.Sprintf("At %s a user request executed policy %s changing the desired capacity from %d to %d.", stamp(s.now()), text(p.Policy.PolicyName), g.Desired, wanted)
		g.Desired = wanted
		return g.put(tx)
	})
}

func findPolicy(tx *cloud.Tx, region string, group *string, name string) (*policy, error) {
	all, err := policies.List(tx, region)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(p *policy) bool {
		return text(p.Policy.PolicyARN) == name || text(p.Policy.PolicyName) == name && p.Group == text(group)
	})
	if i < 0 {
		return nil, invalid("Scaling policy name not found - policy %s not found", name)
	}
	return all[i], nil
}

// adjusted returns the desired capacity after a policy, within the group's bounds
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html).
func adjusted(g *group, p types.ScalingPolicy, breach float64) (int32, error) {
	adjustment := aws.ToInt32(p.ScalingAdjustment)
	switch text(p.PolicyType) {
	case "StepScaling":
		chosen, ok := stepFor(p.StepAdjustments, breach)
		if !ok {
			return 0, invalid("No step adjustment found for the metric value %v above the breach threshold", breach)
		}
		adjustment = chosen
	case "TargetTrackingScaling":
		return 0, invalid("Policies of type TargetTrackingScaling cannot be executed")
	}
	wanted := g.Desired
	switch text(p.AdjustmentType) {
	case "ExactCapacity":
		wanted = adjustment
	case "ChangeInCapacity":
		wanted += adjustment
	case "PercentChangeInCapacity":
		wanted += percentOf(g.Desired, adjustment, aws.ToInt32(p.MinAdjustmentMagnitude))
	}
	return min(max(wanted, g.Min), g.Max), nil
}

// percentOf rounds as AWS does: towards zero above one, and away from zero below it; magnitude is the least change.
func percentOf(desired, percent, magnitude int32) int32 {
	change := float64(desired) * float64(percent) / 100
	if math.Abs(change) < 1 && change != 0 {
		change = math.Copysign(1, change)
	}
	change = math.Trunc(change)
	if math.Abs(change) < float64(magnitude) && percent != 0 {
		change = math.Copysign(float64(magnitude), float64(percent))
	}
	return int32(change)
}

func stepFor(steps []types.StepAdjustment, breach float64) (int32, bool) {
	for _, s := range steps {
		low, high := math.Inf(-1), math.Inf(1)
		if s.MetricIntervalLowerBound != nil {
			low = *s.MetricIntervalLowerBound
		}
		if s.MetricIntervalUpperBound != nil {
			high = *s.MetricIntervalUpperBound
		}
		inside := low <= breach && breach < high
		if breach < 0 { // below the threshold the lower bound is exclusive and the upper inclusive
			inside = low < breach && breach <= high
		}
		if inside {
			return aws.ToInt32(s.ScalingAdjustment), true
		}
	}
	return 0, false
}
