package firewall

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/wafv2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// WebFilterType is the web filter component's type token.
const WebFilterType = "haven:firewall:WebFilter"

// The least and most requests that one address may be allowed in five minutes.
// https://docs.aws.amazon.com/waf/latest/APIReference/API_RateBasedStatement.html
const (
	LowestRateLimit  = 10
	HighestRateLimit = 2_000_000_000
)

// WebFilterArgs configures a web filter.
type WebFilterArgs struct {
	// Required.
	Balancer  pulumi.StringInput // ARN of the load balancer to stand in front of
	Log       pulumi.StringInput // ARN of a log group whose name begins with aws-waf-logs-
	RateLimit int                // requests that one address may make in five minutes
}

// WebFilter is a WAFv2 web ACL: it looks inside TLS, where the firewall cannot.
type WebFilter struct {
	pulumi.ResourceState

	ARN pulumi.StringOutput // status
}

// managed are the rule groups that AWS keeps up to date. The common group's
// limit on body size only counts: the site takes files larger than 8 KB.
// https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
var managed = []struct{ name, counted string }{
	{"AWSManagedRulesAmazonIpReputationList", ""},
	{"AWSManagedRulesCommonRuleSet", "SizeRestrictions_BODY"},
	{"AWSManagedRulesKnownBadInputsRuleSet", ""},
	{"AWSManagedRulesSQLiRuleSet", ""},
}

func (a *WebFilterArgs) validate() error {
	var problems []error
	if a.Balancer == nil || a.Log == nil {
		problems = append(problems, errors.New("Balancer and Log are required"))
	}
	if a.RateLimit < LowestRateLimit || a.RateLimit > HighestRateLimit {
		problems = append(problems, fmt.Errorf("RateLimit is %d: expected %d to %d", a.RateLimit, LowestRateLimit, HighestRateLimit))
	}
	return errors.Join(problems...)
}

// NewWebFilter declares the web filter and puts it in front of the balancer.
func NewWebFilter(ctx *pulumi.Context, name string, args *WebFilterArgs, opts ...pulumi.ResourceOption) (*WebFilter, error) {
	if args == nil {
		return nil, fmt.Errorf("creating web filter %s: args are required", name)
	}
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("creating web filter %s: %w", name, err)
	}
	made := &WebFilter{}
	if err := ctx.RegisterComponentResource(WebFilterType, name, made, opts...); err != nil {
		return nil, fmt.Errorf("registering web filter %s: %w", name, err)
	}
	child := pulumi.Parent(made)
	acl, err := wafv2.NewWebAcl(ctx, name, webACL(name, args), child)
	if err != nil {
		return nil, fmt.Errorf("creating web filter %s: %w", name, err)
	}
	made.ARN = acl.Arn
	_, err = wafv2.NewWebAclAssociation(ctx, name, &wafv2.WebAclAssociationArgs{
		ResourceArn: args.Balancer, WebAclArn: acl.Arn,
	}, child)
	if err != nil {
		return nil, fmt.Errorf("putting web filter %s in front of the balancer: %w", name, err)
	}
	_, err = wafv2.NewWebAclLoggingConfiguration(ctx, name, &wafv2.WebAclLoggingConfigurationArgs{
		ResourceArn:           acl.Arn,
		LogDestinationConfigs: pulumi.StringArray{args.Log},
		RedactedFields: wafv2.WebAclLoggingConfigurationRedactedFieldArray{
			redacted("authorization"), redacted("cookie"),
		},
	}, child)
	if err != nil {
		return nil, fmt.Errorf("logging web filter %s: %w", name, err)
	}
	if err := ctx.RegisterResourceOutputs(made, pulumi.Map{"arn": made.ARN}); err != nil {
		return nil, fmt.Errorf("registering the outputs of web filter %s: %w", name, err)
	}
	return made, nil
}

func redacted(header string) *wafv2.WebAclLoggingConfigurationRedactedFieldArgs {
	return &wafv2.WebAclLoggingConfigurationRedactedFieldArgs{
		SingleHeader: &wafv2.WebAclLoggingConfigurationRedactedFieldSingleHeaderArgs{Name: pulumi.String(header)},
	}
}

func webACL(name string, args *WebFilterArgs) *wafv2.WebAclArgs {
	rules := wafv2.WebAclRuleArray{rateRule(args.RateLimit)}
	for i, group := range managed {
		rules = append(rules, managedRule(i+1, group.name, group.counted))
	}
	return &wafv2.WebAclArgs{
		Scope:         pulumi.String("REGIONAL"),
		DefaultAction: &wafv2.WebAclDefaultActionArgs{Allow: &wafv2.WebAclDefaultActionAllowArgs{}},
		Rules:         rules,
		VisibilityConfig: &wafv2.WebAclVisibilityConfigArgs{
			CloudwatchMetricsEnabled: pulumi.Bool(true),
			MetricName:               pulumi.String(name),
			SampledRequestsEnabled:   pulumi.Bool(true),
		},
		Tags: pulumi.StringMap{"Name": pulumi.String(name)},
	}
}

// rateRule stops one address from using up the fleet.
func rateRule(limit int) *wafv2.WebAclRuleArgs {
	return &wafv2.WebAclRuleArgs{
		Name:     pulumi.String("rate-by-address"),
		Priority: pulumi.Int(0),
		Action:   &wafv2.WebAclRuleActionArgs{Block: &wafv2.WebAclRuleActionBlockArgs{}},
		Statement: &wafv2.WebAclRuleStatementArgs{
			RateBasedStatement: &wafv2.WebAclRuleStatementRateBasedStatementArgs{
				Limit: pulumi.Int(limit), AggregateKeyType: pulumi.String("IP"), EvaluationWindowSec: pulumi.Int(300),
			},
		},
		VisibilityConfig: visibility("rate-by-address"),
	}
}

func managedRule(priority int, group, counted string) *wafv2.WebAclRuleArgs {
	statement := &wafv2.WebAclRuleStatementManagedRuleGroupStatementArgs{
		Name: pulumi.String(group), VendorName: pulumi.String("AWS"),
	}
	if counted != "" {
		statement.RuleActionOverrides = wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideArray{
			&wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideArgs{
				Name: pulumi.String(counted),
				ActionToUse: &wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseArgs{
					Count: &wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseCountArgs{},
				},
			},
		}
	}
	return &wafv2.WebAclRuleArgs{
		Name:             pulumi.String(group),
		Priority:         pulumi.Int(priority),
		OverrideAction:   &wafv2.WebAclRuleOverrideActionArgs{None: &wafv2.WebAclRuleOverrideActionNoneArgs{}},
		Statement:        &wafv2.WebAclRuleStatementArgs{ManagedRuleGroupStatement: statement},
		VisibilityConfig: visibility(group),
	}
}

func visibility(metric string) *wafv2.WebAclRuleVisibilityConfigArgs {
	return &wafv2.WebAclRuleVisibilityConfigArgs{
		CloudwatchMetricsEnabled: pulumi.Bool(true),
		MetricName:               pulumi.String(metric),
		SampledRequestsEnabled:   pulumi.Bool(true),
	}
}
