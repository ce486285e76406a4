package conformance_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
	"haven/lab/faults"
)

// ASG-16: an instance that is killed, and one that is terminated, are replaced; the activities say why.
func TestLostInstancesAreReplaced(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	g := newGroup(t, w.Network(t, "a", "b"), 2)
	g.await("the group to come up", map[string]int{"a": 1, "b": 1})
	first := g.serving()

	_, err := w.EC2.TerminateInstances(context.Background(), &ec2.TerminateInstancesInput{InstanceIds: first["a"]})
	require.NoError(t, err)
	g.activity("Terminating EC2 instance: "+first["a"][0], "an instance was taken out of service in response to an EC2 health check indicating it has been terminated or stopped.")
	g.activity("Launching a new EC2 instance: i-", "an instance was started in response to a difference between desired and actual capacity, increasing the capacity from 1 to 2.")
	g.await("the group to be back at its size", map[string]int{"a": 1, "b": 1})

	kill(t, w, first["b"][0])
	g.activity("Terminating EC2 instance: "+first["b"][0], "an instance was taken out of service in response to an EC2 ")
	g.await("the group to be back at its size", map[string]int{"a": 1, "b": 1})
	require.NotContains(t, g.ids(), first["a"][0])
	require.NotContains(t, g.ids(), first["b"][0])
}

// An instance that the balancer finds unhealthy is replaced when its grace period is over and not before; a group that
// looks at EC2's checks only keeps it.
func TestTheBalancersVerdictCountsAfterTheGracePeriod(t *testing.T) {
	t.Parallel()
	const grace = 25 * time.Second
	w := world.Open(t)
	n := w.Network(t, "a", "b")
	behind := func(health string) (*group, *world.Balancer) {
		b := n.Balancer(t)
		_, err := w.ELB.ModifyTargetGroupAttributes(context.Background(), &elasticloadbalancingv2.ModifyTargetGroupAttributesInput{
			TargetGroupArn: &b.Group, Attributes: []elbtypes.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("0")}}})
		require.NoError(t, err)
		return newGroup(t, n, 1, func(in *autoscaling.CreateAutoScalingGroupInput) {
			in.HealthCheckType, in.HealthCheckGracePeriod, in.TargetGroupARNs = &health, aws.Int32(int32(grace.Seconds())), []string{b.Group}
		}), b
	}
	watched, _ := behind("ELB")
	careless, its := behind("EC2")
	watched.size("the watched group to come up", 1)
	careless.size("the other group to come up", 1)
	sick, kept := watched.ids()[0], careless.ids()[0]
	launched := watched.activity("Launching a new EC2 instance: "+sick, "")
	w.MustShell(t, sick, "touch /run/sick")
	w.MustShell(t, kept, "touch /run/sick")

	ended := watched.activity("Terminating EC2 instance: "+sick, "an instance was taken out of service in response to an ELB system health check failure.")
	require.GreaterOrEqual(t, ended.StartTime.Sub(*launched.EndTime), grace-time.Second, "not within the grace period")
	watched.size("the replacement to serve", 1)
	require.NotContains(t, watched.ids(), sick)
	its.AwaitHealth(t, kept, elbtypes.TargetHealthStateEnumUnhealthy)
	world.Never(t, "EC2's checks replace what only the balancer finds unhealthy", 5*time.Second, func() bool { return !slices.Contains(careless.ids(), kept) })
}

// ASG-11: with a maintenance policy that launches before it terminates, an unhealthy instance stays until its
// replacement serves, however long that takes.
func TestAnUnhealthyInstanceStaysUntilItsReplacementServes(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a", "b")
	b := n.Balancer(t)
	_, err := w.ELB.ModifyTargetGroupAttributes(context.Background(), &elasticloadbalancingv2.ModifyTargetGroupAttributesInput{
		TargetGroupArn: &b.Group, Attributes: []elbtypes.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("0")}}})
	require.NoError(t, err)
	g := newGroup(t, n, 1, func(in *autoscaling.CreateAutoScalingGroupInput) {
		in.HealthCheckType, in.TargetGroupARNs = aws.String("ELB"), []string{b.Group}
		in.HealthCheckGracePeriod = aws.Int32(30) // a new one that boots is not unhealthy yet
		in.InstanceMaintenancePolicy = &types.InstanceMaintenancePolicy{MinHealthyPercentage: aws.Int32(100), MaxHealthyPercentage: aws.Int32(200)}
	})
	g.size("the group to come up", 1)
	sick := g.ids()[0]
	launching := &autoscaling.SuspendProcessesInput{AutoScalingGroupName: &g.name, ScalingProcesses: []string{"Launch"}}
	_, err = w.AutoScaling.SuspendProcesses(context.Background(), launching)
	require.NoError(t, err)
	w.MustShell(t, sick, "touch /run/sick")
	unhealthy := func() error {
		i := g.describe().Instances[0]
		if *i.InstanceId != sick || i.LifecycleState != types.LifecycleStateInService || *i.HealthStatus != "Unhealthy" {
			return fmt.Errorf("%s is %s and %s", *i.InstanceId, i.LifecycleState, *i.HealthStatus)
		}
		return nil
	}
	world.Wait(t, "the group to find its instance unhealthy", scalingLimit, unhealthy)
	world.Never(t, "an unhealthy instance is terminated without a replacement", 5*time.Second, func() bool { return unhealthy() != nil })

	_, err = w.AutoScaling.ResumeProcesses(context.Background(), &autoscaling.ResumeProcessesInput{AutoScalingGroupName: &g.name, ScalingProcesses: launching.ScalingProcesses})
	require.NoError(t, err)
	ended := g.activity("Terminating EC2 instance: "+sick, "an instance was taken out of service in response to an ELB system health check failure.")
	g.size("the replacement to serve alone", 1)
	launched := g.activity("Launching a new EC2 instance: "+g.ids()[0], "")
	require.True(t, launched.EndTime.Before(*ended.StartTime), "launched at %s, terminated at %s", launched.EndTime, ended.StartTime)
}

// ASG-12: a refresh stops at its checkpoint, goes on after the delay, keeps what matches, and never serves with fewer
// than it was told to keep.
func TestARefreshPassesCheckpointsAndSkipsWhatMatches(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	g := newGroup(t, w.Network(t, "a", "b"), 2)
	g.size("the group to come up", 2)
	first := g.ids()
	_, err := w.EC2.CreateLaunchTemplateVersion(context.Background(), &ec2.CreateLaunchTemplateVersionInput{LaunchTemplateId: &g.template, LaunchTemplateData: g.data("second")})
	require.NoError(t, err)
	refresh := func(p types.RefreshPreferences) {
		_, err := w.AutoScaling.StartInstanceRefresh(context.Background(), &autoscaling.StartInstanceRefreshInput{
			AutoScalingGroupName: &g.name, Preferences: &p,
			DesiredConfiguration: &types.DesiredConfiguration{LaunchTemplate: &types.LaunchTemplateSpecification{LaunchTemplateId: &g.template, Version: aws.String("2")}},
		})
		require.NoError(t, err)
	}
	least := 2
	await := func(what string, done func(types.InstanceRefresh) bool) {
		world.Wait(t, what, scalingLimit, func() error {
			least = min(least, len(g.ids()))
			out, err := w.AutoScaling.DescribeInstanceRefreshes(context.Background(), &autoscaling.DescribeInstanceRefreshesInput{AutoScalingGroupName: &g.name})
			if err == nil && !done(out.InstanceRefreshes[0]) {
				r := out.InstanceRefreshes[0]
				err = fmt.Errorf("it is %s at %d percent: %s", r.Status, *r.PercentageComplete, aws.ToString(r.StatusReason))
			}
			return err
		})
	}
	refresh(types.RefreshPreferences{MinHealthyPercentage: aws.Int32(100), MaxHealthyPercentage: aws.Int32(150), CheckpointPercentages: []int32{50, 100}, CheckpointDelay: aws.Int32(8)})
	await("the checkpoint", func(r types.InstanceRefresh) bool {
		return *r.PercentageComplete == 50 && strings.Contains(aws.ToString(r.StatusReason), "Checkpoint")
	})
	require.Len(t, slices.DeleteFunc(g.ids(), func(id string) bool { return !slices.Contains(first, id) }), 1, "one of the old ones is left")
	successful := func(r types.InstanceRefresh) bool { return r.Status == types.InstanceRefreshStatusSuccessful }
	await("the refresh to succeed", successful)
	require.Equal(t, 2, least, "the fewest that served")
	require.Equal(t, "2", *g.describe().LaunchTemplate.Version)
	second := g.ids()
	require.Len(t, second, 2)
	for _, id := range first {
		require.NotContains(t, second, id)
	}
	refresh(types.RefreshPreferences{SkipMatching: aws.Bool(true)})
	await("the second refresh to succeed", successful)
	require.ElementsMatch(t, second, g.ids(), "what matches stays")
}

// ASG-9, ASG-10: a zone without power is avoided, its capacity goes to the others, and the group is balanced when the
// zone is back. A group that was declared in that zone alone has nothing left, and says so.
func TestAZoneWithoutPowerIsAvoidedAndFilledLater(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	spread := newGroup(t, w.Network(t, "d", "e", "f"), 3)
	wrong := newGroup(t, w.Network(t, "f"), 2)
	spread.await("the spread group to come up", map[string]int{"d": 1, "e": 1, "f": 1})
	wrong.await("the group in one zone to come up", map[string]int{"f": 2})
	survivors := append(slices.Clone(spread.serving()["d"]), spread.serving()["e"]...)

	lost, err := w.Control.Break(context.Background(), faults.Request{Kind: faults.ZonePower, Target: world.Zone("f")})
	require.NoError(t, err)
	healed := false
	heal := func() {
		if !healed {
			_, err := w.Control.Heal(context.Background(), lost.ID)
			require.NoError(t, err)
			healed = true
		}
	}
	t.Cleanup(heal)
	world.Wait(t, "the other zones to carry what the lost one cannot", scalingLimit, func() error {
		if serving := spread.serving(); len(serving["d"])+len(serving["e"]) != 3 || len(serving["f"]) > 0 {
			return fmt.Errorf("in service are %v", serving)
		}
		return nil
	})
	require.Subset(t, spread.ids(), survivors, "what serves stays")
	failed := spread.activity("Launching a new EC2 instance.  Status Reason: We currently do not have sufficient t3.micro capacity in the Availability Zone you requested (us-east-1f).", "")
	require.Equal(t, types.ScalingActivityStatusCodeFailed, failed.StatusCode)
	t.Run("a group in one zone loses everything with it", func(t *testing.T) {
		world.Wait(t, "the group in one zone to have nothing in service", scalingLimit, func() error {
			if ids := wrong.ids(); len(ids) > 0 {
				return fmt.Errorf("%v serve", ids)
			}
			return nil
		})
		failed := wrong.activity("Launching a new EC2 instance.  Status Reason: We currently do not have sufficient", "increasing the capacity from 0 to 2.")
		require.Equal(t, types.ScalingActivityStatusCodeFailed, failed.StatusCode)
		world.Never(t, "it finds room elsewhere", 3*time.Second, func() bool { return len(wrong.ids()) > 0 })
	})

	heal()
	spread.await("the group to be balanced", map[string]int{"d": 1, "e": 1, "f": 1})
	spread.activity("Launching a new EC2 instance: i-", "An instance was launched to aid in balancing the group's zones.")
	wrong.await("the group in one zone to come back", map[string]int{"f": 2})
}
