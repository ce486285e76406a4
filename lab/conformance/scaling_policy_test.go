package conformance_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
)

// load publishes a high-resolution metric of a group, each second, until the test ends; set changes it.
func load(t *testing.T, g *group, value float64) (set func(float64)) {
	client := cloudwatch.NewFromConfig(g.World.Config)
	values, done := make(chan float64), make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			_, _ = client.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String("Test"), MetricData: []cwtypes.MetricDatum{{
				MetricName: &g.name, Value: aws.Float64(value), StorageResolution: aws.Int32(1), Timestamp: aws.Time(time.Now())}}}) // the next one follows
			select {
			case <-ctx.Done():
				return
			case value = <-values:
			case <-tick.C:
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return func(v float64) { values <- v }
}

// onAlarm has an alarm over the most of the group's load in a period of ten seconds invoke a policy: an average of a period in which the
// load changes would be of another step.
func onAlarm(t *testing.T, g *group, name string, compare cwtypes.ComparisonOperator, threshold float64, policy *autoscaling.PutScalingPolicyOutput) {
	t.Helper()
	client, full := cloudwatch.NewFromConfig(g.World.Config), g.name+"-"+name
	t.Cleanup(func() {
		_, _ = client.DeleteAlarms(context.Background(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{full}}) // the lab goes anyway
	})
	_, err := client.PutMetricAlarm(context.Background(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: &full, Namespace: aws.String("Test"), MetricName: &g.name, Statistic: cwtypes.StatisticMaximum, Period: aws.Int32(10), EvaluationPeriods: aws.Int32(1),
		ComparisonOperator: compare, Threshold: &threshold, AlarmActions: []string{*policy.PolicyARN}})
	require.NoError(t, err)
}

func (g *group) policy(in *autoscaling.PutScalingPolicyInput) *autoscaling.PutScalingPolicyOutput {
	g.t.Helper()
	in.AutoScalingGroupName = &g.name
	out, err := g.World.AutoScaling.PutScalingPolicy(context.Background(), in)
	require.NoError(g.t, err)
	return out
}

// Load over a step policy's threshold adds as many instances as its step says, and later load below another one's takes
// them away again. A policy that is not enabled does nothing.
func TestStepsFollowTheLoad(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	g := newGroup(t, w.Network(t, "a", "b"), 1)
	g.size("the group to come up", 1)
	still := newGroup(t, w.Network(t, "a"), 0)
	set := load(t, g, 50)
	f := aws.Float64
	grow := &autoscaling.PutScalingPolicyInput{
		PolicyName: aws.String("grow"), PolicyType: aws.String("StepScaling"), AdjustmentType: aws.String("ChangeInCapacity"), StepAdjustments: []types.StepAdjustment{
			{MetricIntervalLowerBound: f(0), MetricIntervalUpperBound: f(20), ScalingAdjustment: aws.Int32(1)}, {MetricIntervalLowerBound: f(20), ScalingAdjustment: aws.Int32(2)}}}
	onAlarm(t, g, "high", cwtypes.ComparisonOperatorGreaterThanThreshold, 60, g.policy(grow))
	onAlarm(t, g, "low", cwtypes.ComparisonOperatorLessThanThreshold, 20, g.policy(&autoscaling.PutScalingPolicyInput{
		PolicyName: aws.String("shrink"), PolicyType: aws.String("StepScaling"), AdjustmentType: aws.String("ExactCapacity"), StepAdjustments: []types.StepAdjustment{
			{MetricIntervalUpperBound: f(0), ScalingAdjustment: aws.Int32(1)}}}))
	disabled := *grow
	disabled.Enabled = aws.Bool(false)
	onAlarm(t, g, "ignored", cwtypes.ComparisonOperatorGreaterThanThreshold, 60, still.policy(&disabled))
	set(90)
	g.activity("Launching a new EC2 instance: i-", "a monitor alarm "+g.name+"-high in state ALARM triggered policy grow changing the desired capacity from 1 to 3.")
	g.size("two more", 3)
	set(5)
	g.activity("Terminating EC2 instance: i-", "a monitor alarm "+g.name+"-low in state ALARM triggered policy shrink changing the desired capacity from 3 to 1.")
	g.size("the group to be small again", 1)
	require.Zero(t, *still.describe().DesiredCapacity, "a disabled policy does nothing")
}

// ASG-4, ASG-5: target tracking makes its two alarms, and sizes the group in proportion.
func TestTargetTrackingFollowsTheLoad(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	g := newGroup(t, w.Network(t, "a", "b"), 2)
	g.size("the group to come up", 2)
	load(t, g, 70)
	made := g.policy(&autoscaling.PutScalingPolicyInput{
		PolicyName: aws.String("track"), PolicyType: aws.String("TargetTrackingScaling"), TargetTrackingConfiguration: &types.TargetTrackingConfiguration{
			TargetValue: aws.Float64(50), CustomizedMetricSpecification: &types.CustomizedMetricSpecification{
				Namespace: aws.String("Test"), MetricName: &g.name, Statistic: types.MetricStatisticAverage, Period: aws.Int32(10)}}})
	require.Len(t, made.Alarms, 2)
	g.activity("Launching a new EC2 instance: i-", "a monitor alarm "+*made.Alarms[0].AlarmName+" in state ALARM triggered policy track changing the desired capacity from 2 to 3.")
	g.size("one more: 2 × 70 / 50, rounded up", 3)
	_, err := w.AutoScaling.DeletePolicy(context.Background(), &autoscaling.DeletePolicyInput{AutoScalingGroupName: &g.name, PolicyName: aws.String("track")})
	require.NoError(t, err)
	alarms, err := cloudwatch.NewFromConfig(w.Config).DescribeAlarms(context.Background(), &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: aws.String("TargetTracking-" + g.name)})
	require.NoError(t, err)
	require.Empty(t, alarms.MetricAlarms, "its alarms go with it")
}
