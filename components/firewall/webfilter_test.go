package firewall_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/firewall"
	"haven/components/recording"
)

func declareFilter(args *firewall.WebFilterArgs) recording.Declare {
	return func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		_, err := firewall.NewWebFilter(ctx, name, args, opts...)
		return err
	}
}

var filterArgs = &firewall.WebFilterArgs{Balancer: pulumi.String("lb"), Log: pulumi.String("log"), RateLimit: 500}

func TestWebFilter(t *testing.T) { recording.Component(t, declareFilter(filterArgs)) }

func TestWebFilterRules(t *testing.T) {
	made := recording.Must(t, declareFilter(filterArgs), "filter")
	acl := made.Of("aws:wafv2/webAcl:WebAcl")["filter"]
	rules := acl.Value("rules").([]any)
	priorities, names := map[any]bool{}, []any{}
	for _, rule := range rules {
		r := rule.(map[string]any)
		require.False(t, priorities[r["priority"]], "priority %v is used twice", r["priority"])
		priorities[r["priority"]] = true
		names = append(names, r["name"])
	}
	require.Equal(t, []any{
		"rate-by-address", "AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesCommonRuleSet",
		"AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesSQLiRuleSet",
	}, names)
	require.Equal(t, 500.0, acl.Value("rules.0.statement.rateBasedStatement.limit"))
	require.Equal(t, map[string]any{"block": map[string]any{}}, acl.Value("rules.0.action"))
	require.Equal(t, map[string]any{"actionToUse": map[string]any{"count": map[string]any{}}, "name": "SizeRestrictions_BODY"},
		acl.Value("rules.2.statement.managedRuleGroupStatement.ruleActionOverrides.0"), "files may be larger than 8 KB")
	require.Equal(t, "lb", made.Of("aws:wafv2/webAclAssociation:WebAclAssociation")["filter"].Value("resourceArn"))
	logging := made.Of("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration")["filter"]
	require.Equal(t, []any{"log"}, logging.Value("logDestinationConfigs"))
	require.Equal(t, "authorization", logging.Value("redactedFields.0.singleHeader.name"), "secrets are never in logs")
	require.Equal(t, "cookie", logging.Value("redactedFields.1.singleHeader.name"))
}

func TestNewWebFilterRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args *firewall.WebFilterArgs
		want []string
	}{
		"nothing": {nil, []string{"args are required"}},
		"empty":   {&firewall.WebFilterArgs{}, []string{"Balancer and Log are required", "RateLimit is 0: expected 10 to"}},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := recording.Run(recording.Options{}, recording.With(declareFilter(test.args), "filter"))
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.Empty(t, made.All())
		})
	}
}
