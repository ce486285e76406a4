package elasticloadbalancingv2_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/realm/dns"
	lab "haven/lab/services/elasticloadbalancingv2"
)

func TestABalancerHasANodePerZoneAndANameForThem(t *testing.T) {
	b := newBench(t, true)
	made := b.balancer("web")
	require.Equal(t, types.LoadBalancerStateEnumProvisioning, made.State.Code)
	require.Regexp(t, `^arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/[0-9a-f]{16}$`, *made.LoadBalancerArn)
	require.Regexp(t, `^web-\d{10}\.us-east-1\.elb\.amazonaws\.com$`, *made.DNSName)
	require.Equal(t, "Z35SXDOTRQ7X7K", *made.CanonicalHostedZoneId)
	require.Len(t, made.AvailabilityZones, 2)
	b.run()
	b.eventually("it is active", func() bool {
		out, err := b.client.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{Names: []string{"web"}})
		return err == nil && out.LoadBalancers[0].State.Code == types.LoadBalancerStateEnumActive
	})
	var nodes []lab.Node
	var names []dns.Record
	require.NoError(t, b.store.View(func(tx *cloud.Tx) (err error) {
		nodes, err = b.service.Nodes(tx)
		require.NoError(t, err)
		names, err = b.service.Names(tx)
		return err
	}))
	require.Len(t, nodes, 2)
	for _, node := range nodes {
		require.True(t, node.Private.IsValid() && node.Public.IsValid() && node.Running, "%+v", node)
		facts := b.spec(node.Zone)
		require.Equal(t, node.Interface, facts)
	}
	require.Len(t, names, 1)
	require.Equal(t, 60, names[0].TTL)
	require.ElementsMatch(t, []string{nodes[0].Public.String(), nodes[1].Public.String()}, names[0].Values)
}

func (b *bench) spec(zone string) string { return b.realm.spec(zone).Interface }

func TestTheNameLeavesOutANodeThatDoesNotRunButNeverAll(t *testing.T) {
	b := newBench(t, true)
	b.balancer("web")
	b.run()
	values := func() int {
		var names []dns.Record
		require.NoError(t, b.store.View(func(tx *cloud.Tx) (err error) { names, err = b.service.Names(tx); return err }))
		return len(names[0].Values)
	}
	b.eventually("both", func() bool { return values() == 2 })
	b.realm.say(func() { b.realm.down["us-east-1a"] = true })
	b.eventually("one", func() bool { return values() == 1 })
	b.realm.say(func() { b.realm.down["us-east-1b"] = true })
	b.eventually("both again, as none is healthy", func() bool { return values() == 2 })
}

func TestCreatingABalancerAgainAndWrongly(t *testing.T) {
	b := newBench(t, false)
	first := b.balancer("web")
	require.Equal(t, types.LoadBalancerStateEnumActive, first.State.Code, "without a realm there are records only")
	require.Equal(t, *first.LoadBalancerArn, *b.balancer("web").LoadBalancerArn)
	create := func(name string, edit func(*elb.CreateLoadBalancerInput)) error {
		in := &elb.CreateLoadBalancerInput{Name: aws.String(name), Subnets: []string{b.subnets["a"], b.subnets["b"]}, SecurityGroups: []string{b.group}}
		edit(in)
		_, err := b.client.CreateLoadBalancer(t.Context(), in)
		return err
	}
	b.refused("DuplicateLoadBalancerName", create("web", func(in *elb.CreateLoadBalancerInput) { in.Scheme = types.LoadBalancerSchemeEnumInternal }))
	b.refused("ValidationError", create("one", func(in *elb.CreateLoadBalancerInput) { in.Subnets = in.Subnets[:1] }))
	b.refused("InvalidConfigurationRequest", create("same", func(in *elb.CreateLoadBalancerInput) { in.Subnets = []string{b.subnets["a"], b.subnets["a"]} }))
	b.refused("SubnetNotFound", create("none", func(in *elb.CreateLoadBalancerInput) {
		in.Subnets = []string{b.subnets["a"], "subnet-12345678901234567"}
	}))
	b.refused("InvalidSecurityGroup", create("group", func(in *elb.CreateLoadBalancerInput) { in.SecurityGroups = []string{"sg-12345678901234567"} }))
	b.refused("ValidationError", create("internal-x", func(in *elb.CreateLoadBalancerInput) {}))
	b.refused("UnsupportedOperation", create("net", func(in *elb.CreateLoadBalancerInput) { in.Type = types.LoadBalancerTypeEnumNetwork }))
	_, err := b.client.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{Names: []string{"missing"}})
	b.refused("LoadBalancerNotFound", err)
}

func TestAttributesHaveDefaultsAreCheckedAndProtect(t *testing.T) {
	b := newBench(t, false)
	arn := b.balancer("web").LoadBalancerArn
	modify := func(key, value string) error {
		_, err := b.client.ModifyLoadBalancerAttributes(t.Context(), &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: arn,
			Attributes: []types.LoadBalancerAttribute{{Key: &key, Value: &value}}})
		return err
	}
	b.refused("ValidationError", modify("routing.http3.enabled", "true"))
	b.refused("InvalidConfigurationRequest", modify("idle_timeout.timeout_seconds", "0"))
	b.refused("InvalidConfigurationRequest", modify("access_logs.s3.enabled", "true"))
	require.NoError(t, modify("idle_timeout.timeout_seconds", "30"))
	require.NoError(t, modify("deletion_protection.enabled", "true"))
	out, err := b.client.DescribeLoadBalancerAttributes(t.Context(), &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: arn})
	require.NoError(t, err)
	got := map[string]string{}
	for _, attribute := range out.Attributes {
		got[*attribute.Key] = *attribute.Value
	}
	require.Equal(t, "30", got["idle_timeout.timeout_seconds"])
	require.Equal(t, "true", got["routing.http2.enabled"])
	_, err = b.client.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: arn})
	b.refused("OperationNotPermitted", err)
	require.NoError(t, modify("deletion_protection.enabled", "false"))
	for range 2 { // deleting what is gone succeeds
		_, err = b.client.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: arn})
		require.NoError(t, err)
	}
}

func TestListenersRulesAndTheirRefusals(t *testing.T) {
	b := newBench(t, true)
	arn, group, other := b.balancer("web").LoadBalancerArn, b.targetGroup("one"), b.targetGroup("two")
	plain := b.listener(arn, group.TargetGroupArn, 80)
	require.Equal(t, *group.TargetGroupArn, *plain.DefaultActions[0].ForwardConfig.TargetGroups[0].TargetGroupArn)
	secure, err := b.client.CreateListener(t.Context(), &elb.CreateListenerInput{LoadBalancerArn: arn, Port: aws.Int32(443), Protocol: types.ProtocolEnumHttps,
		Certificates: []types.Certificate{{CertificateArn: &b.certificate}}, SslPolicy: aws.String("ELBSecurityPolicy-TLS13-1-2-2021-06"),
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumRedirect, RedirectConfig: &types.RedirectActionConfig{StatusCode: types.RedirectActionStatusCodeEnumHttp301, Port: aws.String("8443")}}}})
	require.NoError(t, err)
	require.Equal(t, "#{host}", *secure.Listeners[0].DefaultActions[0].RedirectConfig.Host)

	create := func(edit func(*elb.CreateListenerInput)) error {
		in := &elb.CreateListenerInput{LoadBalancerArn: arn, Port: aws.Int32(81), Protocol: types.ProtocolEnumHttp, DefaultActions: forward(group.TargetGroupArn)}
		edit(in)
		_, err := b.client.CreateListener(t.Context(), in)
		return err
	}
	b.refused("DuplicateListener", create(func(in *elb.CreateListenerInput) {
		in.Port, in.DefaultActions = aws.Int32(80), forward(other.TargetGroupArn)
	}))
	b.refused("CertificateNotFound", create(func(in *elb.CreateListenerInput) {
		in.Protocol, in.Certificates = types.ProtocolEnumHttps, []types.Certificate{{CertificateArn: aws.String("arn:aws:acm:us-east-1:000000000000:certificate/none")}}
	}))
	b.refused("SSLPolicyNotFound", create(func(in *elb.CreateListenerInput) {
		in.Protocol, in.Certificates, in.SslPolicy = types.ProtocolEnumHttps, []types.Certificate{{CertificateArn: &b.certificate}}, aws.String("weak")
	}))
	b.refused("UnsupportedProtocol", create(func(in *elb.CreateListenerInput) { in.Protocol = types.ProtocolEnumTcp }))
	b.refused("TargetGroupNotFound", create(func(in *elb.CreateListenerInput) {
		in.DefaultActions = forward(aws.String(*group.TargetGroupArn + "0"))
	}))

	rule := func(priority int32, conditions ...types.RuleCondition) (*elb.CreateRuleOutput, error) {
		return b.client.CreateRule(t.Context(), &elb.CreateRuleInput{ListenerArn: plain.ListenerArn, Priority: &priority, Conditions: conditions, Actions: forward(other.TargetGroupArn)})
	}
	path := types.RuleCondition{Field: aws.String("path-pattern"), Values: []string{"/api/*"}}
	made, err := rule(10, path)
	require.NoError(t, err)
	require.Equal(t, []string{"/api/*"}, made.Rules[0].Conditions[0].PathPatternConfig.Values)
	_, err = rule(10, path)
	b.refused("PriorityInUse", err)
	_, err = rule(11, types.RuleCondition{Field: aws.String("mood"), Values: []string{"x"}})
	b.refused("ValidationError", err)
	_, err = rule(12, path, path)
	b.refused("InvalidConfigurationRequest", err)
	_, err = rule(5, types.RuleCondition{Field: aws.String("host-header"), HostHeaderConfig: &types.HostHeaderConditionConfig{Values: []string{"a.example.com"}}})
	require.NoError(t, err)
	listed, err := b.client.DescribeRules(t.Context(), &elb.DescribeRulesInput{ListenerArn: plain.ListenerArn})
	require.NoError(t, err)
	var order []string
	for _, r := range listed.Rules {
		order = append(order, *r.Priority)
	}
	require.Equal(t, []string{"5", "10", "default"}, order)
	_, err = b.client.DeleteRule(t.Context(), &elb.DeleteRuleInput{RuleArn: listed.Rules[2].RuleArn})
	b.refused("OperationNotPermitted", err)
	_, err = b.client.SetRulePriorities(t.Context(), &elb.SetRulePrioritiesInput{RulePriorities: []types.RulePriorityPair{{RuleArn: listed.Rules[0].RuleArn, Priority: aws.Int32(10)}}})
	b.refused("PriorityInUse", err)
	_, err = b.client.SetRulePriorities(t.Context(), &elb.SetRulePrioritiesInput{RulePriorities: []types.RulePriorityPair{
		{RuleArn: listed.Rules[0].RuleArn, Priority: aws.Int32(10)}, {RuleArn: listed.Rules[1].RuleArn, Priority: aws.Int32(5)}}})
	require.NoError(t, err)

	_, err = b.client.DeleteTargetGroup(t.Context(), &elb.DeleteTargetGroupInput{TargetGroupArn: other.TargetGroupArn})
	b.refused("ResourceInUse", err)
	b.run()
	b.eventually("the nodes have it all", func() bool {
		spec := b.realm.spec("us-east-1a")
		return len(spec.Listeners) == 2 && len(spec.Listeners[0].Rules) == 3 && spec.Listeners[0].Rules[0].Conditions[0].Field == "path-pattern" &&
			strings.Contains(string(spec.Listeners[1].TLS.Certificates[0].PEM), "PRIVATE KEY")
	})
	_, err = b.client.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: arn})
	require.NoError(t, err)
	_, err = b.client.DescribeListeners(t.Context(), &elb.DescribeListenersInput{ListenerArns: []string{*plain.ListenerArn}})
	b.refused("ListenerNotFound", err)
	_, err = b.client.DeleteTargetGroup(t.Context(), &elb.DeleteTargetGroupInput{TargetGroupArn: other.TargetGroupArn})
	require.NoError(t, err)
}

func TestSubnetsMoveAndKeepTheNodesThatStay(t *testing.T) {
	b := newBench(t, true)
	arn := b.balancer("web").LoadBalancerArn
	b.run()
	b.eventually("the nodes run", func() bool { return b.spec("us-east-1b") != "" })
	kept, gone := b.spec("us-east-1b"), b.spec("us-east-1a")
	out, err := b.client.SetSubnets(t.Context(), &elb.SetSubnetsInput{LoadBalancerArn: arn, Subnets: []string{b.subnets["b"], b.subnets["c"]}})
	require.NoError(t, err)
	require.Len(t, out.AvailabilityZones, 2)
	b.eventually("the new node runs", func() bool { return b.spec("us-east-1c") != "" && b.spec("us-east-1a") == "" })
	require.Equal(t, kept, b.spec("us-east-1b"))
	require.Error(t, b.store.View(func(tx *cloud.Tx) error { _, err := b.network.Interface(tx, region, gone); return err }))
}

func TestTagsLimitsAndPolicies(t *testing.T) {
	b := newBench(t, false)
	arn := *b.balancer("web").LoadBalancerArn
	_, err := b.client.AddTags(t.Context(), &elb.AddTagsInput{ResourceArns: []string{arn}, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")}}})
	require.NoError(t, err)
	_, err = b.client.RemoveTags(t.Context(), &elb.RemoveTagsInput{ResourceArns: []string{arn}, TagKeys: []string{"a"}})
	require.NoError(t, err)
	tags, err := b.client.DescribeTags(t.Context(), &elb.DescribeTagsInput{ResourceArns: []string{arn}})
	require.NoError(t, err)
	require.Len(t, tags.TagDescriptions[0].Tags, 1)
	policies, err := b.client.DescribeSSLPolicies(t.Context(), &elb.DescribeSSLPoliciesInput{Names: []string{"ELBSecurityPolicy-TLS13-1-3-2021-06"}})
	require.NoError(t, err)
	require.Equal(t, []string{"TLSv1.3"}, policies.SslPolicies[0].SslProtocols)
	limits, err := b.client.DescribeAccountLimits(t.Context(), &elb.DescribeAccountLimitsInput{})
	require.NoError(t, err)
	require.NotEmpty(t, limits.Limits)
}
