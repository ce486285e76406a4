package autoscaling_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/require"

	"haven/lab/wire/wiretest"
)

func (b *bench) track(name string, edit func(*types.TargetTrackingConfiguration)) (*sdk.PutScalingPolicyOutput, error) {
	configuration := &types.TargetTrackingConfiguration{TargetValue: aws.Float64(50)}
	edit(configuration)
	return b.client.PutScalingPolicy(b.Context(), &sdk.PutScalingPolicyInput{
		AutoScalingGroupName: aws.String(web), PolicyName: &name, PolicyType: aws.String("TargetTrackingScaling"), TargetTrackingConfiguration: configuration})
}

func predefined(kind types.MetricType, label string) func(*types.TargetTrackingConfiguration) {
	return func(t *types.TargetTrackingConfiguration) {
		t.PredefinedMetricSpecification = &types.PredefinedMetricSpecification{PredefinedMetricType: kind}
		if label != "" {
			t.PredefinedMetricSpecification.ResourceLabel = &label
		}
	}
}

const label = "app/web/50dc6c495c0c9188/targetgroup/web/943f017f100becff"

// The web tier's own two declarations: by processor use and by requests for each target.
func TestTargetTrackingMakesItsAlarms(t *testing.T) {
	b := newBench(t)
	b.create(2, noWarmup)
	cpu, err := b.track("cpu", predefined(types.MetricTypeASGAverageCPUUtilization, ""))
	require.NoError(t, err)
	require.Len(t, cpu.Alarms, 2)
	high := b.watch.alarm("TargetTracking-web-AlarmHigh-")
	require.Equal(t, *cpu.Alarms[0].AlarmName, *high.AlarmName)
	require.Equal(t, []string{*cpu.PolicyARN}, high.AlarmActions)
	require.Equal(t, "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy "+*cpu.PolicyARN+".", *high.AlarmDescription)
	require.Equal(t, "AWS/EC2 CPUUtilization Average AutoScalingGroupName web",
		strings.Join([]string{*high.Namespace, *high.MetricName, string(high.Statistic), *high.Dimensions[0].Name, *high.Dimensions[0].Value}, " "))
	require.EqualValues(t, 3, *high.EvaluationPeriods)
	low := b.watch.alarm("AlarmLow")
	require.InDelta(t, 45, *low.Threshold, 1e-9)
	require.EqualValues(t, 15, *low.EvaluationPeriods)
	require.Equal(t, cwtypes.ComparisonOperatorLessThanThreshold, low.ComparisonOperator)

	requests, err := b.track("requests", predefined(types.MetricTypeALBRequestCountPerTarget, label))
	require.NoError(t, err)
	high = b.watch.alarm(*requests.Alarms[0].AlarmName)
	require.Equal(t, "AWS/ApplicationELB RequestCountPerTarget Sum app/web/50dc6c495c0c9188 targetgroup/web/943f017f100becff",
		strings.Join([]string{*high.Namespace, *high.MetricName, string(high.Statistic), *high.Dimensions[0].Value, *high.Dimensions[1].Value}, " "))

	again, err := b.track("cpu", func(c *types.TargetTrackingConfiguration) {
		predefined(types.MetricTypeASGAverageNetworkIn, "")(c)
		c.TargetValue = aws.Float64(1e6)
	})
	require.NoError(t, err)
	require.Equal(t, cpu.Alarms, again.Alarms, "a changed policy keeps its alarms")
	require.Equal(t, "NetworkIn", *b.watch.alarm(*cpu.Alarms[0].AlarmName).MetricName)
	_, err = b.client.DeletePolicy(t.Context(), &sdk.DeletePolicyInput{AutoScalingGroupName: aws.String(web), PolicyName: aws.String("cpu")})
	require.NoError(t, err)
	require.Nil(t, b.watch.alarm(*cpu.Alarms[0].AlarmName))
	_, err = b.client.DeleteAutoScalingGroup(t.Context(), &sdk.DeleteAutoScalingGroupInput{AutoScalingGroupName: aws.String(web), ForceDelete: aws.Bool(true)})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return b.watch.alarm("TargetTracking") == nil }, 20*time.Second, 20*time.Millisecond, "alarms go with their group")
}

func TestWrongPoliciesAreRefused(t *testing.T) {
	b := newBench(t)
	b.create(0)
	for name, edit := range map[string]func(*types.TargetTrackingConfiguration){
		"no metric":         func(*types.TargetTrackingConfiguration) {},
		"no label":          predefined(types.MetricTypeALBRequestCountPerTarget, ""),
		"a label of an ARN": predefined(types.MetricTypeALBRequestCountPerTarget, "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/1"),
		"a period of 7 s": func(c *types.TargetTrackingConfiguration) {
			c.CustomizedMetricSpecification = &types.CustomizedMetricSpecification{Namespace: aws.String("n"), MetricName: aws.String("m"), Statistic: types.MetricStatisticAverage, Period: aws.Int32(7)}
		},
	} {
		_, err := b.track(name, edit)
		b.refused("ValidationError", err)
	}
	step := func(low, high *float64) types.StepAdjustment {
		return types.StepAdjustment{MetricIntervalLowerBound: low, MetricIntervalUpperBound: high, ScalingAdjustment: aws.Int32(1)}
	}
	f := aws.Float64
	for name, steps := range map[string][]types.StepAdjustment{
		"none": {}, "a gap": {step(f(0), f(5)), step(f(6), nil)}, "an overlap": {step(f(0), f(5)), step(f(4), nil)}, "upside down": {step(f(5), f(0))}, "without bounds": {step(nil, nil)},
	} {
		_, err := b.client.PutScalingPolicy(t.Context(), &sdk.PutScalingPolicyInput{
			AutoScalingGroupName: aws.String(web), PolicyName: &name, PolicyType: aws.String("StepScaling"), AdjustmentType: aws.String("ChangeInCapacity"), StepAdjustments: steps})
		b.refused("ValidationError", err)
	}
}

func TestAnAlarmScalesTheGroup(t *testing.T) {
	b := newBench(t)
	b.create(2, noWarmup)
	b.become(inService(2))
	_, err := b.track("cpu", predefined(types.MetricTypeASGAverageCPUUtilization, ""))
	require.NoError(t, err)
	high, low := b.watch.alarm("AlarmHigh"), b.watch.alarm("AlarmLow")
	b.watch.ring(t, high, 70)
	b.become(inService(3))
	launched := b.activity("Launching a new EC2 instance: i-03")
	require.Contains(t, *launched.Cause, "a monitor alarm "+*high.AlarmName+" in state ALARM triggered policy cpu changing the desired capacity from 2 to 3.  At ")
	require.Contains(t, *launched.Cause, "an instance was started in response to a difference between desired and actual capacity, increasing the capacity from 2 to 3.")
	require.Contains(t, *launched.Details, `"InvokingAlarms":[{"AlarmArn":"arn:`+*high.AlarmName)

	requests, err := b.track("requests", predefined(types.MetricTypeALBRequestCountPerTarget, label))
	require.NoError(t, err)
	b.watch.ring(t, low, 20)
	require.EqualValues(t, 3, *b.group().DesiredCapacity, "the other policy is not ready to shrink")
	b.watch.ring(t, b.watch.alarm(*requests.Alarms[1].AlarmName), 30)
	b.become(inService(2))
	require.EqualValues(t, 2, *b.group().DesiredCapacity, "the larger of what the two want: 3 × 30/50 and 3 × 20/50")

	suspend := &sdk.SuspendProcessesInput{AutoScalingGroupName: aws.String(web), ScalingProcesses: []string{"AlarmNotification"}}
	_, err = b.client.SuspendProcesses(t.Context(), suspend)
	require.NoError(t, err)
	b.watch.ring(t, high, 100)
	require.EqualValues(t, 2, *b.group().DesiredCapacity)
}

func TestSimpleScalingCoolsDown(t *testing.T) {
	b := newBench(t)
	b.create(1, func(in *sdk.CreateAutoScalingGroupInput) { in.DefaultCooldown = aws.Int32(600) })
	b.become(inService(1))
	put, err := b.client.PutScalingPolicy(t.Context(), &sdk.PutScalingPolicyInput{
		AutoScalingGroupName: aws.String(web), PolicyName: aws.String("one-more"), AdjustmentType: aws.String("ChangeInCapacity"), ScalingAdjustment: aws.Int32(1), Cooldown: aws.Int32(1)})
	require.NoError(t, err)
	alarm, err := b.track("cpu", predefined(types.MetricTypeASGAverageCPUUtilization, ""))
	require.NoError(t, err)
	ring := *b.watch.alarm(*alarm.Alarms[0].AlarmName)
	ring.AlarmActions, ring.AlarmName = []string{*put.PolicyARN}, aws.String("mine")
	_, err = b.watch.PutAlarm(nil, wiretest.Region, &ring)
	require.NoError(t, err)
	told, err := b.client.DescribePolicies(t.Context(), &sdk.DescribePoliciesInput{AutoScalingGroupName: aws.String(web), PolicyNames: []string{"one-more"}})
	require.NoError(t, err)
	require.Equal(t, "mine", *told.ScalingPolicies[0].Alarms[0].AlarmName, "the user's alarm that invokes it")
	b.watch.ring(t, &ring, 99)
	b.watch.ring(t, &ring, 99)
	require.EqualValues(t, 2, *b.group().DesiredCapacity, "the first activity goes on")
	b.become(inService(2))
	require.Eventually(t, func() bool {
		b.watch.ring(t, &ring, 99)
		return *b.group().DesiredCapacity == 3
	}, 20*time.Second, 100*time.Millisecond, "after the cooldown it scales again")
	_, err = b.client.SetDesiredCapacity(t.Context(), &sdk.SetDesiredCapacityInput{AutoScalingGroupName: aws.String(web), DesiredCapacity: aws.Int32(1), HonorCooldown: aws.Bool(true)})
	b.refused("ScalingActivityInProgress", err)
}

func TestAggregatesOnlyWhatHasWarmedUp(t *testing.T) {
	b := newBench(t)
	b.create(1, func(in *sdk.CreateAutoScalingGroupInput) { in.DefaultInstanceWarmup = aws.Int32(3600) })
	b.become(inService(1))
	group, counts := b.aggregates("i-01")
	require.Equal(t, web, group)
	require.False(t, counts)
	_, err := b.client.UpdateAutoScalingGroup(t.Context(), &sdk.UpdateAutoScalingGroupInput{AutoScalingGroupName: aws.String(web), DefaultInstanceWarmup: aws.Int32(0)})
	require.NoError(t, err)
	_, counts = b.aggregates("i-01")
	require.True(t, counts)
	group, _ = b.aggregates("i-99")
	require.Empty(t, group)
}

func (b *bench) aggregates(id string) (group string, counts bool) {
	b.Helper()
	require.NoError(b, b.view(func(tx viewer) (err error) {
		group, counts, err = b.watch.service.Aggregates(tx, wiretest.Region, id)
		return err
	}))
	return group, counts
}
