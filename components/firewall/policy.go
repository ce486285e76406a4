package firewall

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/networkfirewall"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	strictOrder = "STRICT_ORDER"
	stateful    = "STATEFUL"
)

// ruleGroups makes the three groups of rules.
func (b *builder) ruleGroups() error {
	written := func(rules string) *networkfirewall.RuleGroupRuleGroupRulesSourceArgs {
		return &networkfirewall.RuleGroupRuleGroupRulesSourceArgs{RulesString: pulumi.String(rules)}
	}
	groups := []struct {
		role               string
		priority, capacity int
		source             *networkfirewall.RuleGroupRuleGroupRulesSourceArgs
	}{
		{"bad", priorityBad, capacityBad, written(badRules())},
		{"served", priorityServed, capacityServed, written(servedRules())},
	}
	if len(b.args.EgressDomains) > 0 {
		groups = append(groups, struct {
			role               string
			priority, capacity int
			source             *networkfirewall.RuleGroupRuleGroupRulesSourceArgs
		}{"egress", priorityEgress, capacityEgress, b.allowList()})
	}
	for _, group := range groups {
		arn, err := b.ruleGroup(group.role, group.capacity, group.source)
		if err != nil {
			return err
		}
		b.references = append(b.references, &networkfirewall.FirewallPolicyFirewallPolicyStatefulRuleGroupReferenceArgs{
			Priority: pulumi.Int(group.priority), ResourceArn: arn,
		})
	}
	return nil
}

// allowList is everything servers may call, by the name in the TLS handshake or
// the Host header.
// https://docs.aws.amazon.com/network-firewall/latest/developerguide/stateful-rule-groups-domain-names.html
func (b *builder) allowList() *networkfirewall.RuleGroupRuleGroupRulesSourceArgs {
	return &networkfirewall.RuleGroupRuleGroupRulesSourceArgs{
		RulesSourceList: &networkfirewall.RuleGroupRuleGroupRulesSourceRulesSourceListArgs{
			GeneratedRulesType: pulumi.String("ALLOWLIST"),
			TargetTypes:        pulumi.ToStringArray([]string{"HTTP_HOST", "TLS_SNI"}),
			Targets:            pulumi.ToStringArray(b.args.EgressDomains),
		},
	}
}

func (b *builder) ruleGroup(role string, capacity int, source *networkfirewall.RuleGroupRuleGroupRulesSourceArgs) (pulumi.StringOutput, error) {
	logical := b.name + "-" + role
	group, err := networkfirewall.NewRuleGroup(b.ctx, logical, &networkfirewall.RuleGroupArgs{
		Type:     pulumi.String(stateful),
		Capacity: pulumi.Int(capacity),
		RuleGroup: &networkfirewall.RuleGroupRuleGroupArgs{
			RuleVariables: &networkfirewall.RuleGroupRuleGroupRuleVariablesArgs{
				IpSets: networkfirewall.RuleGroupRuleGroupRuleVariablesIpSetArray{
					&networkfirewall.RuleGroupRuleGroupRuleVariablesIpSetArgs{
						Key: pulumi.String("HOME_NET"),
						IpSet: &networkfirewall.RuleGroupRuleGroupRuleVariablesIpSetIpSetArgs{
							Definitions: pulumi.StringArray{pulumi.String(b.args.Home)},
						},
					},
				},
			},
			RulesSource:         source,
			StatefulRuleOptions: &networkfirewall.RuleGroupRuleGroupStatefulRuleOptionsArgs{RuleOrder: pulumi.String(strictOrder)},
		},
		Tags: pulumi.StringMap{"Name": pulumi.String(logical)},
	}, b.child)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("creating rule group %s: %w", role, err)
	}
	return group.Arn, nil
}

// policy sends every packet to the stateful engine and drops what no rule
// passed. Only established packets are dropped by default, as a connection has
// to be opened before its host name is known.
func (b *builder) policy() error {
	policy, err := networkfirewall.NewFirewallPolicy(b.ctx, b.name, &networkfirewall.FirewallPolicyArgs{
		FirewallPolicy: &networkfirewall.FirewallPolicyFirewallPolicyArgs{
			StatelessDefaultActions:         pulumi.ToStringArray([]string{"aws:forward_to_sfe"}),
			StatelessFragmentDefaultActions: pulumi.ToStringArray([]string{"aws:forward_to_sfe"}),
			StatefulDefaultActions:          pulumi.ToStringArray([]string{"aws:drop_established", "aws:alert_established"}),
			StatefulEngineOptions: &networkfirewall.FirewallPolicyFirewallPolicyStatefulEngineOptionsArgs{
				RuleOrder: pulumi.String(strictOrder),
				// A flow that an endpoint knows only the middle of (its zone has just come back)
				// is reset, so that both ends reconnect at once instead of waiting for a timeout.
				StreamExceptionPolicy: pulumi.String("REJECT"),
			},
			StatefulRuleGroupReferences: b.references,
		},
		Tags: pulumi.StringMap{"Name": pulumi.String(b.name)},
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating its policy: %w", err)
	}
	b.policyARN = policy.Arn
	return nil
}
