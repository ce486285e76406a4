package autoscaling_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/services/autoscaling"
	"haven/lab/services/ec2"
	"haven/lab/services/elasticloadbalancingv2"
	"haven/lab/wire/wiretest"
)

// stage plays EC2 and Elastic Load Balancing: instances run at once, targets are healthy at once and drain at once.
type stage struct {
	mu        sync.Mutex
	instances map[string]*ec2.Instance
	targets   map[string]elasticloadbalancingv2.Health
	launched  int
	dark      string // letters of zones that have no capacity
}

func (s *stage) Subnet(_ *cloud.Tx, _, id string) (*ec2.Subnet, error) {
	return &ec2.Subnet{ID: id, Zone: "us-east-1" + id[len(id)-1:], VPCID: "vpc-1"}, nil
}

func (s *stage) ResolveLaunchTemplate(_ *cloud.Tx, _ string, ref ec2types.LaunchTemplateSpecification) (ec2.LaunchTemplate, error) {
	version, err := strconv.ParseInt(aws.ToString(ref.Version), 10, 64)
	if err != nil {
		version = 1
	}
	return ec2.LaunchTemplate{ID: "lt-1", Name: "web", Version: version, Default: 1, Latest: 2}, nil
}

// leftovers is what Launch writes before it fails.
var leftovers = cloud.NewTable[struct{}]("test.leftovers")

func (s *stage) set(change func(*stage)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *stage) Launch(tx *cloud.Tx, region string, request ec2.LaunchRequest) (*ec2.Instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if zone := request.SubnetID[len(request.SubnetID)-1:]; strings.Contains(s.dark, zone) {
		if err := leftovers.Put(tx, region, "interface", &struct{}{}); err != nil {
			return nil, err
		}
		return nil, cloud.Errorf("InsufficientInstanceCapacity", "We currently do not have sufficient t3.micro capacity in the Availability Zone you requested (us-east-1%s).", zone)
	}
	s.launched++
	made := &ec2.Instance{ID: fmt.Sprintf("i-%02d", s.launched), Type: "t3.micro", Zone: "us-east-1" + request.SubnetID[len(request.SubnetID)-1:], SubnetID: request.SubnetID,
		State: ec2types.InstanceStateNameRunning, LaunchedAt: time.Now()}
	s.instances[made.ID] = made
	return made, nil
}

func (s *stage) Terminate(_ *cloud.Tx, _, id, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ended := *s.instances[id]
	ended.State = ec2types.InstanceStateNameTerminated
	s.instances[id] = &ended
	return nil
}

func (s *stage) Instance(_ *cloud.Tx, _, id string) (*ec2.Instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.instances[id], nil
}

func (s *stage) CheckTargetGroup(*cloud.Tx, string, string) error { return nil }

func (s *stage) Register(_ *cloud.Tx, _, _, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.targets[id] = elasticloadbalancingv2.Health{State: elbtypes.TargetHealthStateEnumHealthy}
	return nil
}

func (s *stage) Deregister(_ *cloud.Tx, _, _, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.targets, id)
	return nil
}

func (s *stage) TargetHealth(*cloud.Tx, string, string) (map[string]elasticloadbalancingv2.Health, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]elasticloadbalancingv2.Health{}
	for id, health := range s.targets {
		all[id] = health
	}
	return all, nil
}

type bench struct {
	*testing.T
	stage  *stage
	client *sdk.Client
	post   *post
	watch  *watch
	store  *cloud.Store
}

// newBench serves the API and keeps groups; join changes what the service depends on before it runs.
func newBench(t *testing.T, join ...func(*bench)) *bench {
	t.Helper()
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	b := &bench{T: t, stage: &stage{instances: map[string]*ec2.Instance{}, targets: map[string]elasticloadbalancingv2.Health{}}, post: &post{}, watch: newWatch(), store: store}
	service := autoscaling.New(store, b.stage, b.stage, slog.Default(), autoscaling.WithAlarms(b.watch), autoscaling.WithNotifier(b.post), autoscaling.WithMetrics(b.watch), autoscaling.WithTimeline(b.watch.tell))
	b.watch.service = service
	for _, apply := range join {
		apply(b)
	}
	b.client = sdk.NewFromConfig(wiretest.New(t, map[string]any{"autoscaling": service}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return b
}

const web = "web"

func (b *bench) create(desired int32, edit ...func(*sdk.CreateAutoScalingGroupInput)) {
	b.Helper()
	in := &sdk.CreateAutoScalingGroupInput{
		AutoScalingGroupName: aws.String(web), MinSize: aws.Int32(0), MaxSize: aws.Int32(4), DesiredCapacity: &desired, VPCZoneIdentifier: aws.String("subnet-a,subnet-b"),
		LaunchTemplate: &types.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt-1"), Version: aws.String("1")}, TargetGroupARNs: []string{"arn:tg"},
	}
	for _, change := range edit {
		change(in)
	}
	_, err := b.client.CreateAutoScalingGroup(b.Context(), in)
	require.NoError(b, err)
}

func (b *bench) group() types.AutoScalingGroup {
	b.Helper()
	out, err := b.client.DescribeAutoScalingGroups(b.Context(), &sdk.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{web}})
	require.NoError(b, err)
	require.Len(b, out.AutoScalingGroups, 1)
	return out.AutoScalingGroups[0]
}

// states counts the members by their lifecycle state.
func (b *bench) states() map[types.LifecycleState]int {
	b.Helper()
	count := map[types.LifecycleState]int{}
	for _, instance := range b.group().Instances {
		count[instance.LifecycleState]++
	}
	return count
}

func (b *bench) become(want map[types.LifecycleState]int) {
	b.Helper()
	last := ""
	if !assert.Eventually(b, func() bool { last = fmt.Sprint(b.states()); return last == fmt.Sprint(want) }, time.Minute, 20*time.Millisecond) {
		b.Fatalf("members should be %v, they are %s", want, last)
	}
}

func inService(n int) map[types.LifecycleState]int {
	return map[types.LifecycleState]int{types.LifecycleStateInService: n}
}

func (b *bench) refused(code string, err error) {
	b.Helper()
	var api smithy.APIError
	require.ErrorAs(b, err, &api)
	require.Equal(b, code, api.ErrorCode(), "%v", err)
}

func (b *bench) hook(name, transition, standard string) {
	b.Helper()
	_, err := b.client.PutLifecycleHook(b.Context(), &sdk.PutLifecycleHookInput{
		AutoScalingGroupName: aws.String(web), LifecycleHookName: &name, LifecycleTransition: &transition, DefaultResult: &standard, HeartbeatTimeout: aws.Int32(30)})
	require.NoError(b, err)
}

func (b *bench) finish(name, instance, result string) error {
	_, err := b.client.CompleteLifecycleAction(b.Context(), &sdk.CompleteLifecycleActionInput{
		AutoScalingGroupName: aws.String(web), LifecycleHookName: &name, InstanceId: &instance, LifecycleActionResult: &result})
	return err
}

func (b *bench) resize(n int32) {
	b.Helper()
	_, err := b.client.SetDesiredCapacity(b.Context(), &sdk.SetDesiredCapacityInput{AutoScalingGroupName: aws.String(web), DesiredCapacity: &n})
	require.NoError(b, err)
}

func TestAGroupGrowsShrinksAndGoes(t *testing.T) {
	b := newBench(t)
	b.create(3)
	b.become(inService(3))
	require.Equal(t, []string{"us-east-1a", "us-east-1b"}, b.group().AvailabilityZones)
	b.resize(1)
	b.become(inService(1))
	_, err := b.client.DeleteAutoScalingGroup(t.Context(), &sdk.DeleteAutoScalingGroupInput{AutoScalingGroupName: aws.String(web)})
	b.refused("ResourceInUse", err)
	_, err = b.client.DeleteAutoScalingGroup(t.Context(), &sdk.DeleteAutoScalingGroupInput{AutoScalingGroupName: aws.String(web), ForceDelete: aws.Bool(true)})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		out, err := b.client.DescribeAutoScalingGroups(t.Context(), &sdk.DescribeAutoScalingGroupsInput{})
		return err == nil && len(out.AutoScalingGroups) == 0
	}, 20*time.Second, 20*time.Millisecond)
}

func TestLifecycleHooksHoldInstances(t *testing.T) {
	b := newBench(t)
	b.create(0)
	b.hook("ready", "autoscaling:EC2_INSTANCE_LAUNCHING", "ABANDON")
	b.hook("bye", "autoscaling:EC2_INSTANCE_TERMINATING", "CONTINUE")
	b.resize(1)
	waiting := map[types.LifecycleState]int{types.LifecycleStatePendingWait: 1}
	b.become(waiting)
	b.refused("ValidationError", b.finish("ready", "i-99", "CONTINUE"))
	_, err := b.client.RecordLifecycleActionHeartbeat(t.Context(), &sdk.RecordLifecycleActionHeartbeatInput{AutoScalingGroupName: aws.String(web), LifecycleHookName: aws.String("ready"), InstanceId: aws.String("i-01")})
	require.NoError(t, err)
	require.NoError(t, b.finish("ready", "i-01", "CONTINUE"))
	b.become(inService(1))

	b.resize(2)
	b.become(map[types.LifecycleState]int{types.LifecycleStateInService: 1, types.LifecycleStatePendingWait: 1})
	require.NoError(t, b.finish("ready", "i-02", "ABANDON"))
	b.become(map[types.LifecycleState]int{types.LifecycleStateInService: 1, types.LifecycleStatePendingWait: 1, types.LifecycleStateTerminatingWait: 1})
	require.NoError(t, b.finish("bye", "i-02", "CONTINUE"))
	b.become(map[types.LifecycleState]int{types.LifecycleStateInService: 1, types.LifecycleStatePendingWait: 1})
	require.NoError(t, b.finish("ready", "i-03", "CONTINUE"))
	b.become(inService(2))

	b.resize(0)
	b.become(map[types.LifecycleState]int{types.LifecycleStateTerminatingWait: 2})
	b.stage.mu.Lock()
	require.Equal(t, ec2types.InstanceStateNameRunning, b.stage.instances["i-01"].State, "it runs while its hook is waited for")
	b.stage.mu.Unlock()
	_, err = b.client.DeleteLifecycleHook(t.Context(), &sdk.DeleteLifecycleHookInput{AutoScalingGroupName: aws.String(web), LifecycleHookName: aws.String("bye")})
	require.NoError(t, err)
	b.become(map[types.LifecycleState]int{})
	hooks, err := b.client.DescribeLifecycleHooks(t.Context(), &sdk.DescribeLifecycleHooksInput{AutoScalingGroupName: aws.String(web)})
	require.NoError(t, err)
	require.Len(t, hooks.LifecycleHooks, 1)
	require.EqualValues(t, 3000, *hooks.LifecycleHooks[0].GlobalTimeout)
}

func TestScheduledActionsResize(t *testing.T) {
	b := newBench(t)
	b.create(0)
	put := func(edit func(*sdk.PutScheduledUpdateGroupActionInput)) error {
		in := &sdk.PutScheduledUpdateGroupActionInput{AutoScalingGroupName: aws.String(web), ScheduledActionName: aws.String("grow"), DesiredCapacity: aws.Int32(2)}
		edit(in)
		_, err := b.client.PutScheduledUpdateGroupAction(t.Context(), in)
		return err
	}
	b.refused("ValidationError", put(func(in *sdk.PutScheduledUpdateGroupActionInput) {}))
	b.refused("ValidationError", put(func(in *sdk.PutScheduledUpdateGroupActionInput) { in.StartTime = aws.Time(time.Now().Add(-time.Hour)) }))
	b.refused("ValidationError", put(func(in *sdk.PutScheduledUpdateGroupActionInput) { in.Recurrence = aws.String("every day") }))
	require.NoError(t, put(func(in *sdk.PutScheduledUpdateGroupActionInput) {
		in.StartTime = aws.Time(time.Now().Add(2 * time.Second))
	}))
	require.NoError(t, put(func(in *sdk.PutScheduledUpdateGroupActionInput) {
		in.ScheduledActionName, in.Recurrence, in.TimeZone = aws.String("nightly"), aws.String("30 3 * * *"), aws.String("Europe/Zurich")
	}))
	b.become(inService(2))
	out, err := b.client.DescribeScheduledActions(t.Context(), &sdk.DescribeScheduledActionsInput{AutoScalingGroupName: aws.String(web)})
	require.NoError(t, err)
	require.Len(t, out.ScheduledUpdateGroupActions, 1, "the one that is over is forgotten")
	require.Equal(t, 30, out.ScheduledUpdateGroupActions[0].StartTime.Minute())
	_, err = b.client.DeleteScheduledAction(t.Context(), &sdk.DeleteScheduledActionInput{AutoScalingGroupName: aws.String(web), ScheduledActionName: aws.String("nightly")})
	require.NoError(t, err)
}

func TestStandbyDetachAndAttach(t *testing.T) {
	b := newBench(t)
	b.create(2)
	b.become(inService(2))
	_, err := b.client.EnterStandby(t.Context(), &sdk.EnterStandbyInput{AutoScalingGroupName: aws.String(web), InstanceIds: []string{"i-01"}, ShouldDecrementDesiredCapacity: aws.Bool(true)})
	require.NoError(t, err)
	b.become(map[types.LifecycleState]int{types.LifecycleStateStandby: 1, types.LifecycleStateInService: 1})
	_, err = b.client.ExitStandby(t.Context(), &sdk.ExitStandbyInput{AutoScalingGroupName: aws.String(web), InstanceIds: []string{"i-01"}})
	require.NoError(t, err)
	b.become(inService(2))
	_, err = b.client.DetachInstances(t.Context(), &sdk.DetachInstancesInput{AutoScalingGroupName: aws.String(web), InstanceIds: []string{"i-01"}, ShouldDecrementDesiredCapacity: aws.Bool(true)})
	require.NoError(t, err)
	b.become(inService(1))
	_, err = b.client.AttachInstances(t.Context(), &sdk.AttachInstancesInput{AutoScalingGroupName: aws.String(web), InstanceIds: []string{"i-01"}})
	require.NoError(t, err)
	b.become(inService(2))
	require.EqualValues(t, 2, *b.group().DesiredCapacity)
	_, err = b.client.AttachInstances(t.Context(), &sdk.AttachInstancesInput{AutoScalingGroupName: aws.String(web), InstanceIds: []string{"i-01"}})
	b.refused("ValidationError", err)
}

func TestPoliciesCanBeExecuted(t *testing.T) {
	b := newBench(t)
	b.create(2, noWarmup)
	put := func(in *sdk.PutScalingPolicyInput) {
		in.AutoScalingGroupName = aws.String(web)
		_, err := b.client.PutScalingPolicy(t.Context(), in)
		require.NoError(t, err)
	}
	put(&sdk.PutScalingPolicyInput{PolicyName: aws.String("double"), AdjustmentType: aws.String("PercentChangeInCapacity"), ScalingAdjustment: aws.Int32(100)})
	put(&sdk.PutScalingPolicyInput{PolicyName: aws.String("steps"), PolicyType: aws.String("StepScaling"), AdjustmentType: aws.String("ChangeInCapacity"), StepAdjustments: []types.StepAdjustment{
		{MetricIntervalLowerBound: aws.Float64(0), MetricIntervalUpperBound: aws.Float64(10), ScalingAdjustment: aws.Int32(-1)}, {MetricIntervalLowerBound: aws.Float64(10), ScalingAdjustment: aws.Int32(-3)}}})
	execute := func(in *sdk.ExecutePolicyInput) error {
		in.AutoScalingGroupName = aws.String(web)
		_, err := b.client.ExecutePolicy(t.Context(), in)
		return err
	}
	require.NoError(t, execute(&sdk.ExecutePolicyInput{PolicyName: aws.String("double")}))
	require.EqualValues(t, 4, *b.group().DesiredCapacity)
	require.NoError(t, execute(&sdk.ExecutePolicyInput{PolicyName: aws.String("double")}))
	require.EqualValues(t, 4, *b.group().DesiredCapacity, "the greatest size bounds it")
	b.refused("ScalingActivityInProgress", execute(&sdk.ExecutePolicyInput{PolicyName: aws.String("double"), HonorCooldown: aws.Bool(true)}))
	b.become(inService(4))
	b.refused("ValidationError", execute(&sdk.ExecutePolicyInput{PolicyName: aws.String("steps")}))
	require.NoError(t, execute(&sdk.ExecutePolicyInput{PolicyName: aws.String("steps"), MetricValue: aws.Float64(75), BreachThreshold: aws.Float64(50)}))
	require.EqualValues(t, 1, *b.group().DesiredCapacity)
	b.refused("ValidationError", execute(&sdk.ExecutePolicyInput{PolicyName: aws.String("steps"), MetricValue: aws.Float64(40), BreachThreshold: aws.Float64(50)}))
	b.refused("ValidationError", execute(&sdk.ExecutePolicyInput{PolicyName: aws.String("none")}))
}

func TestRecordsAndLists(t *testing.T) {
	b := newBench(t)
	b.create(0, func(in *sdk.CreateAutoScalingGroupInput) {
		in.Tags = []types.Tag{{Key: aws.String("Name"), Value: aws.String("web"), PropagateAtLaunch: aws.Bool(true)}}
		in.LifecycleHookSpecificationList = []types.LifecycleHookSpecification{{LifecycleHookName: aws.String("h"), LifecycleTransition: aws.String("autoscaling:EC2_INSTANCE_LAUNCHING")}}
	})
	tags, err := b.client.DescribeTags(t.Context(), &sdk.DescribeTagsInput{Filters: []types.Filter{{Name: aws.String("key"), Values: []string{"Name"}}}})
	require.NoError(t, err)
	require.Len(t, tags.Tags, 1)
	_, err = b.client.DescribeTags(t.Context(), &sdk.DescribeTagsInput{Filters: []types.Filter{{Name: aws.String("colour"), Values: []string{"red"}}}})
	b.refused("ValidationError", err)

	topic := aws.String(topic)
	_, err = b.client.PutNotificationConfiguration(t.Context(), &sdk.PutNotificationConfigurationInput{AutoScalingGroupName: aws.String(web), TopicARN: topic, NotificationTypes: []string{"autoscaling:EC2_INSTANCE_LAUNCH"}})
	require.NoError(t, err)
	_, err = b.client.PutNotificationConfiguration(t.Context(), &sdk.PutNotificationConfigurationInput{AutoScalingGroupName: aws.String(web), TopicARN: topic, NotificationTypes: []string{"birthday"}})
	b.refused("ValidationError", err)
	listed, err := b.client.DescribeNotificationConfigurations(t.Context(), &sdk.DescribeNotificationConfigurationsInput{AutoScalingGroupNames: []string{web}})
	require.NoError(t, err)
	require.Len(t, listed.NotificationConfigurations, 1)

	sources, err := b.client.DescribeTrafficSources(t.Context(), &sdk.DescribeTrafficSourcesInput{AutoScalingGroupName: aws.String(web)})
	require.NoError(t, err)
	require.Equal(t, "arn:tg", *sources.TrafficSources[0].Identifier)
	limits, err := b.client.DescribeAccountLimits(t.Context(), &sdk.DescribeAccountLimitsInput{})
	require.NoError(t, err)
	require.EqualValues(t, 1, *limits.NumberOfAutoScalingGroups)
	kinds, err := b.client.DescribeTerminationPolicyTypes(t.Context(), &sdk.DescribeTerminationPolicyTypesInput{})
	require.NoError(t, err)
	require.Contains(t, kinds.TerminationPolicyTypes, "OldestInstance")

	_, err = b.client.DeleteAutoScalingGroup(t.Context(), &sdk.DeleteAutoScalingGroupInput{AutoScalingGroupName: aws.String(web)})
	require.NoError(t, err)
	listed, err = b.client.DescribeNotificationConfigurations(t.Context(), &sdk.DescribeNotificationConfigurationsInput{})
	require.NoError(t, err)
	require.Empty(t, listed.NotificationConfigurations, "what belonged to the group is gone with it")
}
