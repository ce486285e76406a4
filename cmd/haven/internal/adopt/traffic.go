package adopt

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"
	firewalltypes "github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
)

func loadBalancer(ctx context.Context, q question) (string, error) {
	out, err := elb.NewFromConfig(q.config).DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{q.in.Text("name")}})
	if err != nil || len(out.LoadBalancers) == 0 {
		return "", err
	}
	return aws.ToString(out.LoadBalancers[0].LoadBalancerArn), nil
}

func targetGroup(ctx context.Context, q question) (string, error) {
	out, err := elb.NewFromConfig(q.config).DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{Names: []string{q.in.Text("name")}})
	if err != nil || len(out.TargetGroups) == 0 {
		return "", err
	}
	return aws.ToString(out.TargetGroups[0].TargetGroupArn), nil
}

func listener(ctx context.Context, q question) (string, error) {
	out, err := elb.NewFromConfig(q.config).DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: aws.String(q.in.Text("loadBalancerArn"))})
	if err != nil {
		return "", err
	}
	for _, one := range out.Listeners {
		if decimal(one.Port) == q.in.Text("port") {
			return aws.ToString(one.ListenerArn), nil
		}
	}
	return "", nil
}

func ruleGroup(ctx context.Context, q question) (string, error) {
	out, err := networkfirewall.NewFromConfig(q.config).DescribeRuleGroup(ctx, &networkfirewall.DescribeRuleGroupInput{
		RuleGroupName: aws.String(q.in.Text("name")), Type: firewalltypes.RuleGroupType(q.in.Text("type")),
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.RuleGroupResponse.RuleGroupArn), nil
}

func firewallPolicy(ctx context.Context, q question) (string, error) {
	out, err := networkfirewall.NewFromConfig(q.config).DescribeFirewallPolicy(ctx,
		&networkfirewall.DescribeFirewallPolicyInput{FirewallPolicyName: aws.String(q.in.Text("name"))})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.FirewallPolicyResponse.FirewallPolicyArn), nil
}

func firewall(ctx context.Context, q question) (string, error) {
	out, err := networkfirewall.NewFromConfig(q.config).DescribeFirewall(ctx, &networkfirewall.DescribeFirewallInput{FirewallName: aws.String(q.in.Text("name"))})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Firewall.FirewallArn), nil
}

func firewallLogging(ctx context.Context, q question) (string, error) {
	arn := q.in.Text("firewallArn")
	out, err := networkfirewall.NewFromConfig(q.config).DescribeLoggingConfiguration(ctx, &networkfirewall.DescribeLoggingConfigurationInput{FirewallArn: &arn})
	if err != nil || out.LoggingConfiguration == nil || len(out.LoggingConfiguration.LogDestinationConfigs) == 0 {
		return "", err
	}
	return arn, nil
}

func webACL(ctx context.Context, q question) (string, error) {
	out, err := wafv2.NewFromConfig(q.config).ListWebACLs(ctx, &wafv2.ListWebACLsInput{Scope: waftypes.Scope(q.in.Text("scope"))})
	if err != nil {
		return "", err
	}
	for _, one := range out.WebACLs {
		if aws.ToString(one.Name) == q.in.Text("name") {
			return aws.ToString(one.Id), nil
		}
	}
	return "", nil
}
