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

	"haven/lab/cloud"
	"haven/lab/timeline"
	"haven/lab/wire/wiretest"
)

type viewer = *cloud.Tx

func (b *bench) view(read func(tx viewer) error) error { return b.store.View(read) }

// activity waits for an activity whose description begins so.
func (b *bench) activity(description string) (found types.Activity) {
	b.Helper()
	require.Eventually(b, func() bool {
		out, err := b.client.DescribeScalingActivities(b.Context(), &sdk.DescribeScalingActivitiesInput{AutoScalingGroupName: aws.String(web)})
		require.NoError(b, err)
		for _, a := range out.Activities {
			if strings.HasPrefix(*a.Description, description) {
				found = a
				return true
			}
		}
		return false
	}, 20*time.Second, 20*time.Millisecond, "there should be an activity %q", description)
	return found
}

func (b *bench) told(member, value string) (message map[string]any) {
	b.Helper()
	require.Eventually(b, func() bool { message = b.post.find(member, value); return message != nil }, 20*time.Second, 20*time.Millisecond, "a message with %s %q", member, value)
	return message
}

func TestTopicsAreToldOfLaunchesAndTerminations(t *testing.T) {
	b := newBench(t)
	b.create(0)
	_, err := b.client.PutNotificationConfiguration(t.Context(), &sdk.PutNotificationConfigurationInput{AutoScalingGroupName: aws.String(web), TopicARN: aws.String(topic), NotificationTypes: []string{
		"autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_TERMINATE", "autoscaling:EC2_INSTANCE_LAUNCH_ERROR"}})
	require.NoError(t, err)
	require.Equal(t, `Auto Scaling: test notification for group "web"`, b.told("Event", "autoscaling:TEST_NOTIFICATION")["Subject"])
	b.resize(1)
	launched := b.told("Event", "autoscaling:EC2_INSTANCE_LAUNCH")
	require.Equal(t, `Auto Scaling: launch for group "web"`, launched["Subject"])
	for member, want := range map[string]string{
		"EC2InstanceId": "i-01", "Service": "AWS Auto Scaling", "AccountId": cloud.Account, "Description": "Launching a new EC2 instance: i-01", "Origin": "EC2", "Destination": "AutoScalingGroup",
		"AutoScalingGroupName": web, "AutoScalingGroupARN": *b.group().AutoScalingGroupARN, "StatusCode": "InProgress", "StatusMessage": "",
	} {
		require.Equal(t, want, launched[member], member)
	}
	require.Equal(t, "us-east-1a", launched["Details"].(map[string]any)["Availability Zone"])
	require.Equal(t, "subnet-a", launched["Details"].(map[string]any)["Subnet ID"])
	require.Contains(t, launched["Cause"], "increasing the capacity from 0 to 1.")
	b.resize(0)
	ended := b.told("Event", "autoscaling:EC2_INSTANCE_TERMINATE")
	require.Equal(t, `Auto Scaling: termination for group "web"`, ended["Subject"])
	require.Equal(t, "EC2", ended["Destination"])
	b.stage.set(func(s *stage) { s.dark = "ab" })
	b.resize(1)
	failed := b.told("Event", "autoscaling:EC2_INSTANCE_LAUNCH_ERROR")
	require.Contains(t, failed["StatusMessage"], "We currently do not have sufficient t3.micro capacity")
	require.Equal(t, "Failed", failed["StatusCode"])
}

func TestHooksAskTheirTopics(t *testing.T) {
	b := newBench(t)
	b.create(0)
	put := func(target string) error {
		_, err := b.client.PutLifecycleHook(t.Context(), &sdk.PutLifecycleHookInput{
			AutoScalingGroupName: aws.String(web), LifecycleHookName: aws.String("ready"), LifecycleTransition: aws.String("autoscaling:EC2_INSTANCE_LAUNCHING"),
			NotificationTargetARN: &target, RoleARN: aws.String("arn:aws:iam::000000000000:role/hooks"), NotificationMetadata: aws.String("blue")})
		return err
	}
	b.refused("ValidationError", put("arn:aws:sqs:us-east-1:000000000000:queue"))
	b.refused("ValidationError", put("arn:aws:sns:us-east-1:000000000000:nowhere"))
	require.NoError(t, put(topic))
	b.resize(1)
	asked := b.told("LifecycleTransition", "autoscaling:EC2_INSTANCE_LAUNCHING")
	require.Equal(t, "Auto Scaling:  Lifecycle action 'LAUNCHING' for instance i-01 in progress.", asked["Subject"])
	require.Equal(t, "blue", asked["NotificationMetadata"])
	token := asked["LifecycleActionToken"].(string)
	_, err := b.client.CompleteLifecycleAction(t.Context(), &sdk.CompleteLifecycleActionInput{
		AutoScalingGroupName: aws.String(web), LifecycleHookName: aws.String("ready"), LifecycleActionToken: &token, LifecycleActionResult: aws.String("CONTINUE")})
	require.NoError(t, err)
	b.become(inService(1))
}

func TestALaunchThatIsRefusedLeavesNothingBehind(t *testing.T) {
	b := newBench(t)
	b.stage.set(func(s *stage) { s.dark = "b" })
	b.create(2)
	b.become(inService(2))
	for _, i := range b.group().Instances {
		require.Equal(t, "us-east-1a", *i.AvailabilityZone, "the other zone carries the capacity")
	}
	failed := b.activity("Launching a new EC2 instance.  Status Reason: We currently do not have sufficient t3.micro capacity in the Availability Zone you requested (us-east-1b).")
	require.Equal(t, types.ScalingActivityStatusCodeFailed, failed.StatusCode)
	require.True(t, strings.HasSuffix(*failed.StatusMessage, "Launching EC2 instance failed."), *failed.StatusMessage)
	require.NotNil(t, failed.EndTime)
	require.NoError(t, b.view(func(tx viewer) error {
		rows, err := leftovers.List(tx, wiretest.Region)
		require.Empty(t, rows, "what EC2 wrote before it refused is undone")
		return err
	}))
	b.stage.set(func(s *stage) { s.dark = "" })
	require.Eventually(t, func() bool {
		zones := map[string]int{}
		for _, i := range b.group().Instances {
			if i.LifecycleState == types.LifecycleStateInService {
				zones[*i.AvailabilityZone]++
			}
		}
		return zones["us-east-1a"] == 1 && zones["us-east-1b"] == 1
	}, 60*time.Second, 100*time.Millisecond, "the group is balanced when the zone is back")
	balanced := b.activity("Launching a new EC2 instance: i-03")
	require.Contains(t, *balanced.Cause, "availability zones us-east-1a us-east-1b had 2 0 instances respectively. An instance was launched to aid in balancing the group's zones.")
	require.Contains(t, *b.activity("Terminating").Cause, "instances were launched to balance instances in zones us-east-1b with other zones resulting in more than desired number of instances in the group.")
}

func TestMetricsAndTimeline(t *testing.T) {
	b := newBench(t)
	b.create(2)
	b.become(inService(2))
	_, err := b.client.EnableMetricsCollection(t.Context(), &sdk.EnableMetricsCollectionInput{AutoScalingGroupName: aws.String(web), Granularity: aws.String("1Minute"), Metrics: []string{"GroupDesiredCapacity", "GroupInServiceInstances"}})
	require.NoError(t, err)
	b.watch.mu.Lock()
	require.Equal(t, map[string]float64{"AWS/AutoScaling/GroupDesiredCapacity": 2, "AWS/AutoScaling/GroupInServiceInstances": 2}, b.watch.data)
	b.watch.mu.Unlock()
	require.Eventually(t, func() bool {
		b.watch.mu.Lock()
		defer b.watch.mu.Unlock()
		good := 0
		for _, e := range b.watch.events {
			if e.Severity == timeline.Good && e.Subject == web && e.Source == "autoscaling" {
				good++
			}
		}
		return good == 2
	}, 20*time.Second, 20*time.Millisecond, "each launch that succeeded is told once")
}

func TestRefreshThroughTheAPI(t *testing.T) {
	b := newBench(t)
	b.create(2, noWarmup)
	b.become(inService(2))
	start := func(p *types.RefreshPreferences, version string) (*sdk.StartInstanceRefreshOutput, error) {
		in := &sdk.StartInstanceRefreshInput{AutoScalingGroupName: aws.String(web), Preferences: p}
		if version != "" {
			in.DesiredConfiguration = &types.DesiredConfiguration{LaunchTemplate: &types.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt-1"), Version: &version}}
		}
		return b.client.StartInstanceRefresh(t.Context(), in)
	}
	for _, p := range []types.RefreshPreferences{
		{CheckpointDelay: aws.Int32(5)}, {CheckpointPercentages: []int32{50, 20}}, {AutoRollback: aws.Bool(true)}, {MinHealthyPercentage: aws.Int32(10), MaxHealthyPercentage: aws.Int32(150)},
		{AlarmSpecification: &types.AlarmSpecification{Alarms: []string{"none"}}},
	} {
		_, err := start(&p, "")
		b.refused("ValidationError", err)
	}
	_, err := start(&types.RefreshPreferences{SkipMatching: aws.Bool(true)}, "1")
	require.NoError(t, err)
	b.refreshed(types.InstanceRefreshStatusSuccessful)
	require.Equal(t, "i-01", *b.group().Instances[0].InstanceId, "what matches is skipped")

	b.watch.set("errors", cwtypes.StateValueOk)
	_, err = start(&types.RefreshPreferences{MinHealthyPercentage: aws.Int32(100), MaxHealthyPercentage: aws.Int32(200), CheckpointPercentages: []int32{50, 100}, CheckpointDelay: aws.Int32(300),
		AutoRollback: aws.Bool(true), AlarmSpecification: &types.AlarmSpecification{Alarms: []string{"errors"}}}, "2")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return strings.HasPrefix(aws.ToString(b.refresh().StatusReason), "Checkpoint of 50 percent")
	}, 20*time.Second, 50*time.Millisecond)
	require.EqualValues(t, 50, *b.refresh().PercentageComplete)
	require.EqualValues(t, 1, *b.refresh().InstancesToUpdate)
	b.watch.set("errors", cwtypes.StateValueAlarm)
	b.refreshed(types.InstanceRefreshStatusRollbackSuccessful)
	require.EqualValues(t, 50, *b.refresh().RollbackDetails.PercentageCompleteOnRollback)
	for _, i := range b.group().Instances {
		if i.LifecycleState == types.LifecycleStateInService {
			require.Equal(t, "1", *i.LaunchTemplate.Version)
		}
	}

	_, err = start(&types.RefreshPreferences{MinHealthyPercentage: aws.Int32(100), MaxHealthyPercentage: aws.Int32(200), CheckpointPercentages: []int32{50, 100}}, "2")
	require.NoError(t, err)
	_, err = b.client.RollbackInstanceRefresh(t.Context(), &sdk.RollbackInstanceRefreshInput{AutoScalingGroupName: aws.String(web)})
	require.NoError(t, err)
	b.refreshed(types.InstanceRefreshStatusRollbackSuccessful)
	_, err = start(nil, "2")
	require.NoError(t, err)
	_, err = b.client.CancelInstanceRefresh(t.Context(), &sdk.CancelInstanceRefreshInput{AutoScalingGroupName: aws.String(web)})
	require.NoError(t, err)
	b.refreshed(types.InstanceRefreshStatusCancelled)
	_, err = b.client.CancelInstanceRefresh(t.Context(), &sdk.CancelInstanceRefreshInput{AutoScalingGroupName: aws.String(web)})
	b.refused("ActiveInstanceRefreshNotFound", err)
}

func (b *bench) refresh() types.InstanceRefresh {
	b.Helper()
	out, err := b.client.DescribeInstanceRefreshes(b.Context(), &sdk.DescribeInstanceRefreshesInput{AutoScalingGroupName: aws.String(web)})
	require.NoError(b, err)
	require.NotEmpty(b, out.InstanceRefreshes)
	return out.InstanceRefreshes[0]
}

func (b *bench) refreshed(want types.InstanceRefreshStatus) {
	b.Helper()
	var last types.InstanceRefresh
	require.Eventually(b, func() bool { last = b.refresh(); return last.Status == want }, 30*time.Second, 50*time.Millisecond, "the refresh should become %s", want)
	require.NotNil(b, last.EndTime)
}

func TestGroupSettingsRoundTrip(t *testing.T) {
	b := newBench(t)
	b.create(0, func(in *sdk.CreateAutoScalingGroupInput) {
		in.InstanceMaintenancePolicy = &types.InstanceMaintenancePolicy{MinHealthyPercentage: aws.Int32(100), MaxHealthyPercentage: aws.Int32(120)}
		in.AvailabilityZoneDistribution = &types.AvailabilityZoneDistribution{CapacityDistributionStrategy: types.CapacityDistributionStrategyBalancedOnly}
	})
	g := b.group()
	require.EqualValues(t, 120, *g.InstanceMaintenancePolicy.MaxHealthyPercentage)
	require.Equal(t, types.CapacityDistributionStrategyBalancedOnly, g.AvailabilityZoneDistribution.CapacityDistributionStrategy)
	_, err := b.client.UpdateAutoScalingGroup(t.Context(), &sdk.UpdateAutoScalingGroupInput{AutoScalingGroupName: aws.String(web), InstanceMaintenancePolicy: &types.InstanceMaintenancePolicy{
		MinHealthyPercentage: aws.Int32(-1), MaxHealthyPercentage: aws.Int32(-1)}})
	require.NoError(t, err)
	require.Nil(t, b.group().InstanceMaintenancePolicy)
	_, err = b.client.UpdateAutoScalingGroup(t.Context(), &sdk.UpdateAutoScalingGroupInput{AutoScalingGroupName: aws.String(web), InstanceMaintenancePolicy: &types.InstanceMaintenancePolicy{
		MinHealthyPercentage: aws.Int32(50), MaxHealthyPercentage: aws.Int32(200)}})
	b.refused("ValidationError", err)
}
