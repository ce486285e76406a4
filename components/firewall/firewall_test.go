package firewall_test

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/firewall"
	"haven/components/recording"
	"haven/components/zones"
)

func args(spread []zones.Zone) *firewall.Args {
	a := &firewall.Args{
		VPC: pulumi.String("vpc"), Zones: spread, Subnets: recording.Subnets(spread, "edge"), Home: "10.20.0.0/16",
		EgressDomains: []string{".amazonaws.com", "api.example.com"}, AlertLog: pulumi.String("alert"), FlowLog: pulumi.String("flow"),
		DeleteProtection: true, SubnetChangeProtection: true,
	}
	for _, zone := range spread {
		a.Routes = append(a.Routes, firewall.Route{
			Name: "public-" + zone.Letter + "-out", Zone: zone.Letter, Destination: "0.0.0.0/0", RouteTable: pulumi.String("table-" + zone.Letter),
		})
	}
	return a
}

func declare(args *firewall.Args) recording.Declare {
	return func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		_, err := firewall.New(ctx, name, args, opts...)
		return err
	}
}

func TestComponent(t *testing.T) { recording.Component(t, declare(args(recording.Zones(t, 3)))) }

// The recorder reports zones in the wrong order on purpose.
func TestRoutesUseTheEndpointOfTheirOwnZone(t *testing.T) {
	for count := zones.Fewest; count <= zones.Most; count++ {
		spread := recording.Zones(t, count)
		made := recording.Must(t, declare(args(spread)), "wall")
		routes := made.Of("aws:ec2/route:Route")
		require.Len(t, routes, count)
		for _, zone := range spread {
			route := routes["wall-public-"+zone.Letter+"-out"]
			require.Equal(t, "vpce-"+zone.Letter, route.Value("vpcEndpointId"))
			require.Equal(t, "table-"+zone.Letter, route.Value("routeTableId"))
		}
		require.Len(t, made.Of("aws:networkfirewall/firewall:Firewall")["wall"].Value("subnetMappings"), count)
	}
}

func TestAnEndpointThatIsMissingIsAnError(t *testing.T) {
	a := args(recording.Zones(t, 2))
	a.Subnets["b"] = pulumi.String("subnet-edge-z") // the recorder puts its endpoint into zone z
	_, err := recording.Run(recording.Options{}, recording.With(declare(a), "wall"))
	require.ErrorContains(t, err, "firewall reports no endpoint in zone us-east-1b")
}

func TestProtections(t *testing.T) {
	a := args(recording.Zones(t, 2))
	wall := recording.Must(t, declare(a), "wall").Of("aws:networkfirewall/firewall:Firewall")["wall"]
	require.Equal(t, true, wall.Value("deleteProtection"))
	require.Equal(t, true, wall.Value("subnetChangeProtection"))
	a.DeleteProtection, a.SubnetChangeProtection = false, false
	wall = recording.Must(t, declare(a), "wall").Of("aws:networkfirewall/firewall:Firewall")["wall"]
	require.Equal(t, false, wall.Value("deleteProtection"))
	require.Equal(t, false, wall.Value("subnetChangeProtection"))
}

func TestPolicyTriesBadThenServedThenAllowedAndDropsTheRest(t *testing.T) {
	made := recording.Must(t, declare(args(recording.Zones(t, 2))), "wall")
	policy := made.Of("aws:networkfirewall/firewallPolicy:FirewallPolicy")["wall"]
	require.Equal(t, []any{"aws:forward_to_sfe"}, policy.Value("firewallPolicy.statelessDefaultActions"))
	require.Equal(t, []any{"aws:drop_established", "aws:alert_established"}, policy.Value("firewallPolicy.statefulDefaultActions"))
	order := map[string]float64{}
	for _, reference := range policy.Value("firewallPolicy.statefulRuleGroupReferences").([]any) {
		r := reference.(map[string]any)
		order[r["resourceArn"].(string)] = r["priority"].(float64)
	}
	arn := "arn:aws:mock:us-east-1:000000000000:wall-"
	require.Equal(t, map[string]float64{arn + "bad": 10, arn + "served": 20, arn + "egress": 30}, order)
	for name, group := range made.Of("aws:networkfirewall/ruleGroup:RuleGroup") {
		require.Equal(t, "STRICT_ORDER", group.Value("ruleGroup.statefulRuleOptions.ruleOrder"), name)
		require.Equal(t, "10.20.0.0/16", group.Value("ruleGroup.ruleVariables.ipSets.0.ipSet.definitions.0"), name)
	}
	egress := made.Of("aws:networkfirewall/ruleGroup:RuleGroup")["wall-egress"]
	require.Equal(t, map[string]any{
		"generatedRulesType": "ALLOWLIST", "targetTypes": []any{"HTTP_HOST", "TLS_SNI"},
		"targets": []any{".amazonaws.com", "api.example.com"},
	}, egress.Value("ruleGroup.rulesSource.rulesSourceList"))
}

func TestWithoutEgressDomainsNothingMayBeCalled(t *testing.T) {
	a := args(recording.Zones(t, 2))
	a.EgressDomains = nil
	made := recording.Must(t, declare(a), "wall")
	require.Len(t, made.Of("aws:networkfirewall/ruleGroup:RuleGroup"), 2, "an empty allow-list is not a rule group: AWS refuses it")
}

func TestRulesAreOneALineWithNumbersOfTheirOwn(t *testing.T) {
	made := recording.Must(t, declare(args(recording.Zones(t, 2))), "wall")
	seen := map[string]bool{}
	for name, group := range made.Of("aws:networkfirewall/ruleGroup:RuleGroup") {
		text, written := group.Value("ruleGroup.rulesSource.rulesString").(string)
		if !written {
			continue
		}
		lines := strings.Split(strings.TrimSpace(text), "\n")
		require.LessOrEqual(t, len(lines), int(group.Value("capacity").(float64)), name)
		for _, line := range lines {
			require.Regexp(t, `^(drop|pass) (tcp|udp|http|tls) \$\w+ any -> \$\w+ \S+ \(msg:"[^"]+";.* sid:\d+; rev:1;\)$`, line)
			sid := line[strings.Index(line, "sid:"):]
			require.False(t, seen[sid], "%s is used twice", sid)
			seen[sid] = true
		}
	}
	require.Greater(t, len(seen), 10)
}

// A rule about TCP alone would decide before a request has been seen.
func TestTheSiteIsPassedByItsProtocols(t *testing.T) {
	made := recording.Must(t, declare(args(recording.Zones(t, 2))), "wall")
	require.Equal(t, "pass tls $EXTERNAL_NET any -> $HOME_NET 443 (msg:\"the site\"; sid:2000001; rev:1;)\n"+
		"pass http $EXTERNAL_NET any -> $HOME_NET 80 (msg:\"the site\"; sid:2000002; rev:1;)\n",
		made.Of("aws:networkfirewall/ruleGroup:RuleGroup")["wall-served"].Value("ruleGroup.rulesSource.rulesString"))
}

func TestValidateDomains(t *testing.T) {
	require.NoError(t, firewall.ValidateDomains([]string{".amazonaws.com", "api.example.com", "a-b.example.org"}))
	for _, wrong := range []string{"", ".", "com", "*.example.com", "https://example.com", "example.com/", "-a.example.com", "EXAMPLE.com"} {
		require.ErrorContains(t, firewall.ValidateDomains([]string{"fine.example.com", wrong}), "egress domain", wrong)
	}
}

func TestNewRefuses(t *testing.T) {
	broken := args(recording.Zones(t, 2))
	delete(broken.Subnets, "b")
	broken.Routes[0].Zone, broken.Home, broken.EgressDomains = "x", "home", []string{"*"}
	for name, test := range map[string]struct {
		args *firewall.Args
		want []string
	}{
		"nothing": {nil, []string{"args are required"}},
		"empty":   {&firewall.Args{}, []string{"VPC, AlertLog and FlowLog are required", "0 zones"}},
		"everything at once": {broken, []string{
			"zone b has no subnet", `route public-a-out: zone "x" has no endpoint`, `home network "home"`, `egress domain "*"`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := recording.Run(recording.Options{}, recording.With(declare(test.args), "wall"))
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.Empty(t, made.All())
		})
	}
}
