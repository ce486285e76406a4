package autoscaling

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
)

// Types of policies.
const (
	simple   = "SimpleScaling"
	steps    = "StepScaling"
	tracking = "TargetTrackingScaling"
)

// ExecutePolicy carries out a simple or step policy by hand, for the metric value that the caller gives.
func (s *Service) ExecutePolicy(ctx context.Context, in *autoscaling.ExecutePolicyInput) (*autoscaling.ExecutePolicyOutput, error) {
	region, now := cloud.RegionOf(ctx), s.now()
	return &autoscaling.ExecutePolicyOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		p, err := findPolicy(tx, region, in.AutoScalingGroupName, text(in.PolicyName))
		if err != nil {
			return err
		}
		g, err := find(tx, region, p.Group)
		if err != nil {
			return err
		}
		if err := executable(g, p.Policy, in, now); err != nil {
			return err
		}
		wanted, err := s.decide(tx, g, p, Breach{Value: aws.ToFloat64(in.MetricValue), Threshold: aws.ToFloat64(in.BreachThreshold)}, now)
		if err != nil || wanted == g.Desired {
			return err
		}
		g.Reason, g.Alarm = sentence(now, "a user request executed policy %s changing the desired capacity from %d to %d", text(p.Policy.PolicyName), g.Desired, wanted), nil
		g.resized(p.Policy, wanted)
		return g.put(tx)
	})
}

func executable(g *group, p types.ScalingPolicy, in *autoscaling.ExecutePolicyInput, now time.Time) error {
	switch kind := text(p.PolicyType); {
	case kind == tracking:
		return invalid("Policies of type TargetTrackingScaling cannot be executed")
	case kind == steps && (in.MetricValue == nil || in.BreachThreshold == nil):
		return invalid("MetricValue and BreachThreshold must be given for a StepScaling policy")
	case kind == steps && aws.ToBool(in.HonorCooldown):
		return invalid("HonorCooldown is not supported for policies of type StepScaling")
	case kind == simple && (in.MetricValue != nil || in.BreachThreshold != nil):
		return invalid("MetricValue and BreachThreshold are only valid for policies of type StepScaling")
	case aws.ToBool(in.HonorCooldown) && g.cools(now):
		return scalingInProgress(g)
	}
	return nil
}

func scalingInProgress(g *group) error {
	return cloud.Errorf("ScalingActivityInProgress", "There is a scaling activity or its cooldown in progress for AutoScalingGroup %s, and HonorCooldown was set.", g.Name)
}

// ExecuteAlarm carries out a policy for an alarm that has the policy among its actions. It may be called again and
// again while the alarm lasts.
func (s *Service) ExecuteAlarm(_ context.Context, region, policyARN string, breach Breach) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		p, err := findPolicy(tx, region, nil, policyARN)
		if err != nil {
			return err
		}
		g, err := find(tx, region, p.Group)
		if err != nil {
			return err
		}
		now := s.now()
		if !aws.ToBool(p.Policy.Enabled) || g.suspended("AlarmNotification") || text(p.Policy.PolicyType) == simple && g.cools(now) {
			return nil
		}
		wanted, err := s.decide(tx, g, p, breach, now)
		if err != nil || wanted == g.Desired {
			return err
		}
		g.Reason = sentence(now, "a monitor alarm %s in state %s triggered policy %s changing the desired capacity from %d to %d",
			breach.AlarmName, breach.New, text(p.Policy.PolicyName), g.Desired, wanted)
		g.Alarm = &invokingAlarm{
			AlarmArn: breach.AlarmARN, AlarmName: breach.AlarmName, AWSAccountID: cloud.Account, Region: region,
			OldStateValue: breach.Old, NewStateValue: breach.New, StateChangeTime: breach.At.UnixMilli(),
		}
		g.resized(p.Policy, wanted)
		return g.put(tx)
	})
}

// resized sets a desired capacity that a policy decided; simple scaling cools down after it.
func (g *group) resized(p types.ScalingPolicy, wanted int32) {
	g.Desired = wanted
	if text(p.PolicyType) != simple {
		return
	}
	g.Cooling = &cooling{Seconds: g.Cooldown}
	if p.Cooldown != nil {
		g.Cooling.Seconds = *p.Cooldown
	}
}

// decide returns the desired capacity after a policy.
func (s *Service) decide(tx *cloud.Tx, g *group, p *policy, breach Breach, now time.Time) (int32, error) {
	switch text(p.Policy.PolicyType) {
	case simple:
		return g.within(adjusted(g.Desired, p.Policy, aws.ToInt32(p.Policy.ScalingAdjustment))), nil
	case steps:
		return stepped(g, p.Policy, breach.aggregated(text(p.Policy.MetricAggregationType))-breach.Threshold, now)
	}
	return s.track(tx, g, p, breach.Value, now)
}

// track decides for target tracking. A group with several such policies grows when any of them wants it to, and
// shrinks only when all of them that may scale in are ready to, to the largest capacity that one of them wants
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html#target-tracking-multiple-policies).
func (s *Service) track(tx *cloud.Tx, g *group, p *policy, value float64, now time.Time) (int32, error) {
	wanted := tracked(g, p.Policy, value, now)
	if value >= aws.ToFloat64(p.Policy.TargetTrackingConfiguration.TargetValue) {
		return wanted, nil
	}
	p.Low = &reading{Value: value, At: now.UTC()}
	if err := policies.Put(tx, g.Region, p.key(), p); err != nil {
		return 0, err
	}
	others, err := policies.ListPrefix(tx, g.Region, g.Name+"/")
	if err != nil {
		return 0, err
	}
	for _, other := range others {
		if other.key() == p.key() || !other.scalesIn() {
			continue
		}
		low, err := s.isLow(tx, g.Region, other)
		if err != nil {
			return 0, err
		}
		if !low {
			return g.Desired, nil
		}
		wanted = max(wanted, tracked(g, other.Policy, other.Low.Value, now))
	}
	return wanted, nil
}

// scalesIn reports whether the policy is a target tracking one that has a say when the group is to shrink.
func (p *policy) scalesIn() bool {
	return text(p.Policy.PolicyType) == tracking && aws.ToBool(p.Policy.Enabled) && !aws.ToBool(p.Policy.TargetTrackingConfiguration.DisableScaleIn)
}

// isLow reports whether the policy's lower alarm rings, and has told its metric's value.
func (s *Service) isLow(tx *cloud.Tx, region string, p *policy) (bool, error) {
	i := slices.IndexFunc(p.Policy.Alarms, func(a types.Alarm) bool { return isLowAlarm(p.Group, text(a.AlarmName)) })
	if i < 0 || p.Low == nil || s.alarms == nil {
		return false, nil
	}
	state, found, err := s.alarms.AlarmState(tx, region, text(p.Policy.Alarms[i].AlarmName))
	return found && state == cwtypes.StateValueAlarm, err
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
		return nil, missingPolicy(name)
	}
	return all[i], nil
}

func missingPolicy(name string) error {
	return invalid("Scaling policy name not found - policy %s not found", name)
}
