package autoscaling

import (
	"math"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// Breach is what an alarm tells of the metric when it invokes a policy.
type Breach struct {
	AlarmName string
	AlarmARN  string
	Old, New  string    // the alarm's states
	Value     float64   // the newest breaching datapoint
	Values    []float64 // all of them in the alarm's evaluated periods; empty: Value alone
	Threshold float64   // the alarm's
	At        time.Time // when the alarm came into its state
}

// aggregated is the breaching datapoints' average, least or greatest, as the policy says.
func (b Breach) aggregated(how string) float64 {
	if len(b.Values) == 0 {
		return b.Value
	}
	sum := 0.0
	for _, v := range b.Values {
		sum += v
	}
	switch how {
	case "Minimum":
		return slices.Min(b.Values)
	case "Maximum":
		return slices.Max(b.Values)
	}
	return sum / float64(len(b.Values))
}

// warmupOf is how long after it came into service an instance counts for a policy: the policy's own time, the group's
// default instance warm-up, or its default cooldown
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-default-instance-warmup.html).
func warmupOf(g *group, p types.ScalingPolicy) time.Duration {
	if p.EstimatedInstanceWarmup != nil {
		return time.Duration(*p.EstimatedInstanceWarmup) * time.Second
	}
	if d, ok := g.warmup(); ok {
		return d
	}
	return time.Duration(g.Cooldown) * time.Second
}

// warming counts the members that are on their way into service or have not warmed up.
func warming(g *group, warmup time.Duration, now time.Time) (n int32) {
	for _, m := range g.Members {
		if m.alive() && m.Unhealthy == "" && m.warming(warmup, now) {
			n++
		}
	}
	return n
}

func (g *group) terminating() (n int32) {
	for _, m := range g.Members {
		if m.ending() {
			n++
		}
	}
	return n
}

func (g *group) within(capacity int32) int32 { return min(max(capacity, g.Min), g.Max) }

// tracked returns the desired capacity that target tracking wants for a value of its metric, which is in inverse
// proportion to the capacity. It rounds up, both out and in, so that too few are never added and too many never
// removed. Members that warm up are not yet part of the capacity that the value was measured with: a value that stays
// the same adds nothing more. While any of them warms up, nothing is removed
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html#target-tracking-considerations).
func tracked(g *group, p types.ScalingPolicy, value float64, now time.Time) int32 {
	target := aws.ToFloat64(p.TargetTrackingConfiguration.TargetValue)
	young := warming(g, warmupOf(g, p), now)
	switch {
	case value > target:
		wanted := proportional(g.Desired-young, value, target)
		return max(g.Desired, g.within(wanted))
	case value < target && young == 0 && !aws.ToBool(p.TargetTrackingConfiguration.DisableScaleIn):
		return min(g.Desired, g.within(proportional(g.Desired, value, target)))
	}
	return g.Desired
}

// proportional is the capacity at which the value would be the target.
func proportional(capacity int32, value, target float64) int32 {
	exact := float64(max(0, capacity)) * value / target
	return int32(min(math.Ceil(exact-1e-9), math.MaxInt32))
}

// stepped returns the desired capacity after a step policy for a breach of so much. Scaling out, members that warm up
// do not count, so that breaches of the same step add up to one; scaling in, members that end count, so that no more
// than necessary end, and nothing begins while others warm up
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html#as-step-scaling-warmup).
func stepped(g *group, p types.ScalingPolicy, breach float64, now time.Time) (int32, error) {
	adjustment, ok := stepFor(p.StepAdjustments, breach)
	if !ok {
		return 0, invalid("No step adjustment found for metric value breaching the threshold by %v", breach)
	}
	young := warming(g, warmupOf(g, p), now)
	if out := g.within(adjusted(g.Desired-young, p, adjustment)); out > g.Desired-young && adjustment > 0 {
		return max(g.Desired, out), nil
	}
	if young > 0 {
		return g.Desired, nil
	}
	return min(g.Desired, g.within(adjusted(g.Desired+g.terminating(), p, adjustment))), nil
}

// adjusted is a capacity after an adjustment of the policy's type.
func adjusted(capacity int32, p types.ScalingPolicy, adjustment int32) int32 {
	switch text(p.AdjustmentType) {
	case "ExactCapacity":
		return adjustment
	case "PercentChangeInCapacity":
		return capacity + percentOf(capacity, adjustment, aws.ToInt32(p.MinAdjustmentMagnitude))
	}
	return capacity + adjustment
}

// percentOf rounds as AWS does: towards zero above one, and away from zero below it; magnitude is the least change
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html#as-scaling-adjustment).
func percentOf(capacity, percent, magnitude int32) int32 {
	change := float64(capacity) * float64(percent) / 100
	if math.Abs(change) < 1 && change != 0 {
		change = math.Copysign(1, change)
	}
	change = math.Trunc(change)
	if math.Abs(change) < float64(magnitude) && percent != 0 {
		change = math.Copysign(float64(magnitude), float64(percent))
	}
	return int32(change)
}

// stepFor finds the adjustment of the step that a breach lies in. Above the threshold the lower bound belongs to a
// step, below it the upper one; at the threshold either does (API_StepAdjustment).
func stepFor(steps []types.StepAdjustment, breach float64) (int32, bool) {
	for _, s := range steps {
		low, high := lower(s), upper(s)
		if breach >= 0 && low <= breach && breach < high || breach <= 0 && low < breach && breach <= high {
			return aws.ToInt32(s.ScalingAdjustment), true
		}
	}
	return 0, false
}

func lower(s types.StepAdjustment) float64 {
	if s.MetricIntervalLowerBound == nil {
		return math.Inf(-1)
	}
	return *s.MetricIntervalLowerBound
}

func upper(s types.StepAdjustment) float64 {
	if s.MetricIntervalUpperBound == nil {
		return math.Inf(1)
	}
	return *s.MetricIntervalUpperBound
}

// cools reports whether simple scaling has to wait: its last activity goes on, or its cooldown has not ended
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scaling-cooldowns.html).
func (g *group) cools(now time.Time) bool {
	return g.Cooling != nil && (g.Cooling.Until.IsZero() || now.Before(g.Cooling.Until))
}

// cool begins the cooldown when the activity of simple scaling has ended, and forgets it when it is over.
func (g *group) cool(now time.Time) {
	if g.Cooling == nil {
		return
	}
	if g.Cooling.Until.IsZero() && g.atRest() {
		g.Cooling.Until = now.Add(time.Duration(g.Cooling.Seconds) * time.Second).UTC()
	}
	if !g.Cooling.Until.IsZero() && !now.Before(g.Cooling.Until) {
		g.Cooling = nil
	}
}

// atRest reports whether as many members as desired are in service and none is on its way in or out.
func (g *group) atRest() bool {
	serving := int32(0)
	for _, m := range g.Members {
		switch m.State {
		case types.LifecycleStateInService:
			serving++
		case types.LifecycleStateStandby:
		default:
			return false
		}
	}
	return serving == g.Desired
}
