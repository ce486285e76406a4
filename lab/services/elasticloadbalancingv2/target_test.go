package elasticloadbalancingv2_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/realm/balancer"
	lab "haven/lab/services/elasticloadbalancingv2"
)

func (b *bench) register(group *string, ids ...string) error {
	var wanted []types.TargetDescription
	for _, id := range ids {
		wanted = append(wanted, types.TargetDescription{Id: aws.String(id)})
	}
	_, err := b.client.RegisterTargets(b.Context(), &elb.RegisterTargetsInput{TargetGroupArn: group, Targets: wanted})
	return err
}

func (b *bench) becomes(group *string, id, want string) {
	b.Helper()
	last := ""
	require.Eventually(b, func() bool { last = b.health(group)[id]; return last == want }, waitLimit, waitStep, "%s should be %q", id, want)
}

func TestTargetHealthIsWhatTheNodesSay(t *testing.T) {
	b := newBench(t, true)
	arn, group := b.balancer("web").LoadBalancerArn, b.targetGroup("app").TargetGroupArn
	b.instance("i-1", "us-east-1a", "10.0.0.5")
	b.instance("i-2", "us-east-1c", "10.0.2.5")
	require.NoError(t, b.register(group, "i-1", "i-2"))
	require.Equal(t, map[string]string{"i-1": "unused Target.NotInUse", "i-2": "unused Target.NotInUse"}, b.health(group))
	b.listener(arn, group, 80)
	require.Equal(t, "initial Elb.RegistrationInProgress", b.health(group)["i-1"])
	require.Equal(t, "unused Target.NotInUse", b.health(group)["i-2"], "its zone is not enabled")
	b.run()
	b.becomes(group, "i-1", "initial Elb.InitialHealthChecking")
	for verdict, want := range map[balancer.TargetHealth]string{
		{Verdict: balancer.VerdictHealthy}:                                                 "healthy ",
		{Verdict: balancer.VerdictUnhealthy, Reason: balancer.ReasonTimeout}:               "unhealthy Target.Timeout",
		{Verdict: balancer.VerdictUnhealthy, Reason: balancer.ReasonMismatch, Status: 503}: "unhealthy Target.ResponseCodeMismatch",
		{Verdict: balancer.VerdictUnhealthy, Reason: balancer.ReasonFailed}:                "unhealthy Target.FailedHealthChecks",
	} {
		b.realm.say(func() { b.realm.verdicts["i-1"] = verdict })
		b.becomes(group, "i-1", want)
	}
	b.realm.say(func() {
		b.realm.verdicts["i-1"] = balancer.TargetHealth{Verdict: balancer.VerdictUnhealthy}
		b.realm.differ["us-east-1a"] = map[string]balancer.TargetHealth{"i-1": {Verdict: balancer.VerdictHealthy}}
	})
	b.becomes(group, "i-1", "healthy ")
	b.realm.say(func() { b.realm.down["us-east-1a"] = true })
	b.becomes(group, "i-1", "unhealthy Target.FailedHealthChecks")
	b.network.mu.Lock()
	stopped := *b.network.instances["i-1"]
	stopped.State = ec2types.InstanceStateNameStopped
	b.network.instances["i-1"] = &stopped
	b.network.mu.Unlock()
	b.becomes(group, "i-1", "unused Target.InvalidState")
	b.network.mu.Lock()
	delete(b.network.instances, "i-1")
	b.network.mu.Unlock()
	b.becomes(group, "i-1", "")
}

func TestDrainingEndsWhenNothingIsInFlight(t *testing.T) {
	b := newBench(t, true)
	arn, group := b.balancer("web").LoadBalancerArn, b.targetGroup("app").TargetGroupArn
	b.listener(arn, group, 80)
	b.instance("i-1", "us-east-1a", "10.0.0.5")
	require.NoError(t, b.register(group, "i-1"))
	b.run()
	b.realm.say(func() { b.realm.verdicts["i-1"] = balancer.TargetHealth{Verdict: balancer.VerdictHealthy} })
	b.becomes(group, "i-1", "healthy ")
	_, err := b.client.DeregisterTargets(t.Context(), &elb.DeregisterTargetsInput{TargetGroupArn: group, Targets: []types.TargetDescription{{Id: aws.String("i-1")}}})
	require.NoError(t, err)
	b.becomes(group, "i-1", "draining Target.DeregistrationInProgress")
	b.eventually("the nodes know", func() bool { return b.realm.spec("us-east-1a").Groups[0].Targets[0].Draining })
	b.realm.say(func() {
		b.realm.differ["us-east-1a"] = map[string]balancer.TargetHealth{"i-1": {Verdict: balancer.VerdictHealthy, Quiet: true}}
	})
	require.Never(t, func() bool { return b.health(group)["i-1"] == "" }, quietTime, waitStep, "the other node still has requests in flight")
	b.realm.say(func() { b.realm.verdicts["i-1"] = balancer.TargetHealth{Quiet: true} })
	b.eventually("it is deregistered for those who wait for it", func() bool { return len(b.registered(*group)) == 0 })
	require.Equal(t, "draining Target.DeregistrationInProgress", b.health(group)["i-1"], "it is shown until the delay is over")
	b.eventually("the nodes forget it", func() bool { return len(b.realm.spec("us-east-1a").Groups[0].Targets) == 0 })
	b.attributes(group, "deregistration_delay.timeout_seconds", "1")
	b.becomes(group, "i-1", "")
	require.NoError(t, b.register(group, "i-1"))
	b.becomes(group, "i-1", "healthy ")
}

// registered is what the lab's other services see of a group.
func (b *bench) registered(group string) (all map[string]lab.Health) {
	require.NoError(b, b.store.View(func(tx *cloud.Tx) (err error) {
		all, err = b.service.TargetHealth(tx, region, group)
		return err
	}))
	return all
}

// attributes sets attributes of a target group, given as keys and values.
func (b *bench) attributes(group *string, pairs ...string) {
	b.Helper()
	var wanted []types.TargetGroupAttribute
	for i := 0; i < len(pairs); i += 2 {
		wanted = append(wanted, types.TargetGroupAttribute{Key: &pairs[i], Value: &pairs[i+1]})
	}
	_, err := b.client.ModifyTargetGroupAttributes(b.Context(), &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: group, Attributes: wanted})
	require.NoError(b, err)
}

func TestARestartForgetsWhatNodesOnceSaid(t *testing.T) {
	b := newBench(t, true)
	arn, group := b.balancer("web").LoadBalancerArn, b.targetGroup("app").TargetGroupArn
	b.listener(arn, group, 80)
	b.instance("i-1", "us-east-1a", "10.0.0.5")
	require.NoError(t, b.register(group, "i-1"))
	b.realm.say(func() { b.realm.verdicts["i-1"] = balancer.TargetHealth{Verdict: balancer.VerdictHealthy} })
	t.Run("first life", func(t *testing.T) {
		first := *b
		first.T = t
		first.run()
		first.becomes(group, "i-1", "healthy ")
	})
	require.Equal(t, "healthy ", b.health(group)["i-1"])
	b.realm.say(func() { b.realm.down = map[string]bool{"us-east-1a": true, "us-east-1b": true} })
	b.run()
	b.becomes(group, "i-1", "initial Elb.RegistrationInProgress")
}

func TestRegistrationIsRefusedWhereItCanNotWork(t *testing.T) {
	b := newBench(t, false)
	group := b.targetGroup("app").TargetGroupArn
	b.refused("InvalidTarget", b.register(group, "i-none"))
	b.instance("i-1", "us-east-1a", "10.0.0.5")
	b.network.instances["i-1"].State = ec2types.InstanceStateNameTerminated
	b.refused("InvalidTarget", b.register(group, "i-1"))
	b.instance("i-2", "us-east-1a", "10.0.0.6")
	b.network.instances["i-2"].VPCID = "vpc-other"
	b.refused("InvalidTarget", b.register(group, "i-2"))
	b.refused("TargetGroupNotFound", b.register(aws.String(*group+"0"), "i-2"))
	health, err := b.client.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: group, Targets: []types.TargetDescription{{Id: aws.String("i-9")}}})
	require.NoError(t, err)
	require.Equal(t, types.TargetHealthReasonEnumNotRegistered, health.TargetHealthDescriptions[0].TargetHealth.Reason)
}

func TestTargetGroupsAreCheckedAsAWhole(t *testing.T) {
	b := newBench(t, false)
	made := b.targetGroup("app")
	require.Equal(t, *made.TargetGroupArn, *b.targetGroup("app").TargetGroupArn)
	create := func(edit func(*elb.CreateTargetGroupInput)) error {
		in := &elb.CreateTargetGroupInput{Name: aws.String("other"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: &b.vpc}
		edit(in)
		_, err := b.client.CreateTargetGroup(t.Context(), in)
		return err
	}
	b.refused("DuplicateTargetGroupName", create(func(in *elb.CreateTargetGroupInput) { in.Name = aws.String("app") }))
	b.refused("ValidationError", create(func(in *elb.CreateTargetGroupInput) { in.HealthCheckTimeoutSeconds = aws.Int32(30) }))
	b.refused("ValidationError", create(func(in *elb.CreateTargetGroupInput) { in.HealthCheckPath = aws.String("ready") }))
	b.refused("ValidationError", create(func(in *elb.CreateTargetGroupInput) { in.Matcher = &types.Matcher{HttpCode: aws.String("200-600")} }))
	b.refused("UnsupportedOperation", create(func(in *elb.CreateTargetGroupInput) { in.Protocol = types.ProtocolEnumTcp }))
	b.refused("UnsupportedOperation", create(func(in *elb.CreateTargetGroupInput) { in.TargetType = types.TargetTypeEnumLambda }))
	b.refused("UnsupportedOperation", create(func(in *elb.CreateTargetGroupInput) { in.ProtocolVersion = aws.String("GRPC") }))

	modify := func(pairs ...string) error {
		var wanted []types.TargetGroupAttribute
		for i := 0; i < len(pairs); i += 2 {
			wanted = append(wanted, types.TargetGroupAttribute{Key: &pairs[i], Value: &pairs[i+1]})
		}
		_, err := b.client.ModifyTargetGroupAttributes(t.Context(), &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: made.TargetGroupArn, Attributes: wanted})
		return err
	}
	b.refused("InvalidConfigurationRequest", modify("slow_start.duration_seconds", "60", "load_balancing.algorithm.type", "least_outstanding_requests"))
	b.refused("InvalidConfigurationRequest", modify("stickiness.enabled", "true", "stickiness.type", "app_cookie"))
	b.refused("InvalidConfigurationRequest", modify("stickiness.enabled", "true", "stickiness.type", "app_cookie", "stickiness.app_cookie.cookie_name", "AWSALBX"))
	b.refused("InvalidConfigurationRequest", modify("stickiness.enabled", "true", "load_balancing.cross_zone.enabled", "false"))
	b.refused("InvalidConfigurationRequest", modify("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "2"))
	b.refused("InvalidConfigurationRequest", modify("deregistration_delay.timeout_seconds", "4000"))
	require.NoError(t, modify("deregistration_delay.timeout_seconds", "10", "load_balancing.algorithm.type", "least_outstanding_requests"))
	out, err := b.client.ModifyTargetGroup(t.Context(), &elb.ModifyTargetGroupInput{TargetGroupArn: made.TargetGroupArn, HealthCheckPath: aws.String("/live")})
	require.NoError(t, err)
	require.Equal(t, "/live", *out.TargetGroups[0].HealthCheckPath)
	require.EqualValues(t, 5, *out.TargetGroups[0].HealthCheckIntervalSeconds)

	require.NoError(t, b.store.View(func(tx *cloud.Tx) error {
		_, err := b.service.TargetHealth(tx, region, *made.TargetGroupArn)
		return err
	}))
}
