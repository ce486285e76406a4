package conformance_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
)

// guarded is a network whose servers reach the internet, and are reached from it, through the firewall's endpoint in
// their own zone.
type guarded struct {
	*world.Network
	app       map[string]string // subnets of servers, by zone
	tables    map[string]string // their route tables
	endpoints map[string]string
	log       string // the log group of alerts
}

// rules drop requests for a secret and let the site's port and one domain pass.
const rules = `drop http any any -> any 80 (msg:"secret probe"; flow:to_server,established; http.uri; content:"/secret"; nocase; sid:1; rev:1;)
pass tcp any any -> $HOME_NET 80 (msg:"the site"; sid:2; rev:1;)
drop tcp $HOME_NET any -> any 81 (msg:"forbidden port"; sid:3; rev:1;)
pass tcp $HOME_NET any -> any 8080 (msg:"allowed port"; sid:4; rev:1;)
`

func newGuarded(t testing.TB, w *world.World, zones ...string) *guarded {
	t.Helper()
	ctx := context.Background()
	g := &guarded{Network: w.Network(t), app: map[string]string{}, tables: map[string]string{}, endpoints: map[string]string{}}
	client := networkfirewall.NewFromConfig(w.Config)
	name := fmt.Sprintf("guard-%d", g.Number)
	policy := firewallPolicy(t, client, name)
	firewall, err := client.CreateFirewall(ctx, &networkfirewall.CreateFirewallInput{
		FirewallName: &name, FirewallPolicyArn: &policy, VpcId: &g.ID, SubnetMappings: g.edges(t, zones),
	})
	require.NoError(t, err)
	g.log = "/guard/" + name
	_, err = cloudwatchlogs.NewFromConfig(w.Config).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &g.log})
	require.NoError(t, err)
	_, err = client.UpdateLoggingConfiguration(ctx, &networkfirewall.UpdateLoggingConfigurationInput{
		FirewallArn: firewall.Firewall.FirewallArn, LoggingConfiguration: &types.LoggingConfiguration{LogDestinationConfigs: []types.LogDestinationConfig{{
			LogType: types.LogTypeAlert, LogDestinationType: types.LogDestinationTypeCloudwatchLogs, LogDestination: map[string]string{"logGroup": g.log},
		}}},
	})
	require.NoError(t, err)
	world.Wait(t, "the firewall's endpoints", time.Minute, func() error {
		out, err := client.DescribeFirewall(ctx, &networkfirewall.DescribeFirewallInput{FirewallName: &name})
		if err != nil {
			return err
		}
		for zone, state := range out.FirewallStatus.SyncStates {
			g.endpoints[strings.TrimPrefix(zone, world.Region)] = *state.Attachment.EndpointId
		}
		if out.FirewallStatus.Status != types.FirewallStatusValueReady || len(g.endpoints) != len(zones) {
			return fmt.Errorf("the firewall is %s with %d endpoints", out.FirewallStatus.Status, len(g.endpoints))
		}
		return nil
	})
	g.route(t, zones)
	return g
}

// edges makes the endpoints' subnets, which lead to the internet directly.
func (g *guarded) edges(t testing.TB, zones []string) (mappings []types.SubnetMapping) {
	for i, zone := range zones {
		subnet := g.Subnet(t, zone, 100+i, g.Routes)
		mappings = append(mappings, types.SubnetMapping{SubnetId: &subnet})
	}
	return mappings
}

// route leads each zone's servers through their endpoint, both ways.
func (g *guarded) route(t testing.TB, zones []string) {
	t.Helper()
	inward := g.RouteTable(t)
	_, err := g.World.EC2.AssociateRouteTable(context.Background(), &ec2.AssociateRouteTableInput{RouteTableId: &inward, GatewayId: &g.Gateway})
	require.NoError(t, err)
	for i, zone := range zones {
		endpoint := g.endpoints[zone]
		g.tables[zone] = g.RouteTable(t)
		g.Route(t, g.tables[zone], &ec2.CreateRouteInput{DestinationCidrBlock: aws.String("0.0.0.0/0"), VpcEndpointId: &endpoint})
		g.app[zone] = g.Subnet(t, zone, 1+i, g.tables[zone])
		g.Route(t, inward, &ec2.CreateRouteInput{DestinationCidrBlock: aws.String(fmt.Sprintf("10.%d.%d.0/24", g.Number, 1+i)), VpcEndpointId: &endpoint})
	}
}

func firewallPolicy(t testing.TB, client *networkfirewall.Client, name string) string {
	t.Helper()
	ctx := context.Background()
	var references []types.StatefulRuleGroupReference
	for i, source := range []types.RulesSource{
		{RulesString: aws.String(rules)},
		{RulesSourceList: &types.RulesSourceList{
			GeneratedRulesType: types.GeneratedRulesTypeAllowlist, Targets: []string{".good.test"},
			TargetTypes: []types.TargetType{types.TargetTypeHttpHost, types.TargetTypeTlsSni},
		}},
	} {
		group, err := client.CreateRuleGroup(ctx, &networkfirewall.CreateRuleGroupInput{
			RuleGroupName: aws.String(fmt.Sprintf("%s-%d", name, i)), Type: types.RuleGroupTypeStateful, Capacity: aws.Int32(100),
			RuleGroup: &types.RuleGroup{RulesSource: &source, StatefulRuleOptions: &types.StatefulRuleOptions{RuleOrder: types.RuleOrderStrictOrder}},
		})
		require.NoError(t, err)
		references = append(references, types.StatefulRuleGroupReference{ResourceArn: group.RuleGroupResponse.RuleGroupArn, Priority: aws.Int32(int32(i + 1))})
	}
	forward := []string{"aws:forward_to_sfe"}
	policy, err := client.CreateFirewallPolicy(ctx, &networkfirewall.CreateFirewallPolicyInput{FirewallPolicyName: &name, FirewallPolicy: &types.FirewallPolicy{
		StatelessDefaultActions: forward, StatelessFragmentDefaultActions: forward, StatefulDefaultActions: []string{"aws:drop_established", "aws:alert_established"},
		StatefulEngineOptions:       &types.StatefulEngineOptions{RuleOrder: types.RuleOrderStrictOrder},
		StatefulRuleGroupReferences: references,
	}})
	require.NoError(t, err)
	return *policy.FirewallPolicyResponse.FirewallPolicyArn
}

// fetch is a request of an instance; the answer is its status, or 000 without one.
func fetch(t testing.TB, w *world.World, from, url string, options ...string) string {
	t.Helper()
	output, _ := w.Shell(t, from, "curl -s -o /dev/null -m 3 -w '%{http_code}' "+strings.Join(options, " ")+" '"+url+"'")
	return output
}

// public is an instance's public address.
func public(t testing.TB, w *world.World, id string) string {
	t.Helper()
	i, err := w.Describe(id)
	require.NoError(t, err)
	require.NotNil(t, i.PublicIpAddress)
	return *i.PublicIpAddress
}

// stranger is a server and client elsewhere on the internet.
func stranger(t testing.TB, w *world.World, ports ...int) string {
	t.Helper()
	script := w.WebServer(ports[0])
	for _, port := range ports[1:] {
		unit := strings.TrimPrefix(w.WebServer(port), "#!/bin/sh\n")
		script += strings.ReplaceAll(unit, "web.service", fmt.Sprintf("web%d.service", port))
	}
	n := w.Network(t, "a")
	id := n.Instance(t, world.Instance{Zone: "a", UserData: script})
	world.Wait(t, "the servers outside", time.Minute, func() error {
		for _, port := range ports {
			if status := fetch(t, w, id, fmt.Sprintf("http://127.0.0.1:%d/health", port)); status != "200" {
				return fmt.Errorf("port %d answers %s", port, status)
			}
		}
		return nil
	})
	return id
}

func TestTheFirewallAppliesItsPolicy(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	g := newGuarded(t, w, "a")
	outside := stranger(t, w, 80, 81, 8080)
	server := g.Instance(t, world.Instance{Subnet: g.app["a"], UserData: w.WebServer(80)})
	there, here := public(t, w, outside), public(t, w, server)
	world.Wait(t, "the server to be served", time.Minute, func() error {
		if status := fetch(t, w, outside, "http://"+here+"/health"); status != "200" {
			return fmt.Errorf("it answers %s", status)
		}
		return nil
	})

	for _, c := range []struct{ what, from, url, host, status string }{
		{"the site, from outside", outside, "http://" + here + "/", "", "200"},
		{"a known-bad request", outside, "http://" + here + "/SECRET", "", "000"},
		{"an allowed port outside", server, "http://" + there + ":8080/", "", "200"},
		{"a forbidden port outside", server, "http://" + there + ":81/", "", "000"},
		{"an allowed name", server, "http://" + there + "/", "api.good.test", "200"},
		{"a name that is not on the list", server, "http://" + there + "/", "api.bad.test", "000"},
	} {
		var options []string
		if c.host != "" {
			options = []string{"-H", "'Host: " + c.host + "'"}
		}
		require.Equal(t, c.status, fetch(t, w, c.from, c.url, options...), c.what)
	}
	for _, message := range []string{"secret probe", "forbidden port"} {
		logged(t, w, g.log, message)
	}
}

// logged waits for a line in a log group that contains a text.
func logged(t *testing.T, w *world.World, group, text string) string {
	t.Helper()
	client, line := cloudwatchlogs.NewFromConfig(w.Config), ""
	world.Wait(t, fmt.Sprintf("%q in %s", text, group), 3*time.Minute, func() error {
		out, err := client.FilterLogEvents(context.Background(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group})
		if err != nil {
			return err
		}
		for _, event := range out.Events {
			if strings.Contains(*event.Message, text) {
				line = *event.Message
				return nil
			}
		}
		return fmt.Errorf("not among its %d lines", len(out.Events))
	})
	return line
}

func TestARouteThroughAnotherZonesFirewallBreaks(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	g := newGuarded(t, w, "a", "b")
	outside := stranger(t, w, 8080)
	server := g.Instance(t, world.Instance{Subnet: g.app["a"]})
	there := "http://" + public(t, w, outside) + ":8080/"
	require.Equal(t, "200", fetch(t, w, server, there))

	foreign, table := g.endpoints["b"], g.tables["a"]
	_, err := w.EC2.ReplaceRoute(context.Background(), &ec2.ReplaceRouteInput{RouteTableId: &table, DestinationCidrBlock: aws.String("0.0.0.0/0"), VpcEndpointId: &foreign})
	require.NoError(t, err)
	world.Wait(t, "the asymmetric way to break", 30*time.Second, func() error {
		if status := fetch(t, w, server, there); status != "000" {
			return fmt.Errorf("it still answers %s", status)
		}
		return nil
	})
	own := g.endpoints["a"]
	_, err = w.EC2.ReplaceRoute(context.Background(), &ec2.ReplaceRouteInput{RouteTableId: &table, DestinationCidrBlock: aws.String("0.0.0.0/0"), VpcEndpointId: &own})
	require.NoError(t, err)
	world.Wait(t, "the way through the own zone's firewall", 30*time.Second, func() error {
		if status := fetch(t, w, server, there); status != "200" {
			return fmt.Errorf("it answers %s", status)
		}
		return nil
	})
}

func TestRulesThatTheLabCannotHonourAreRefused(t *testing.T) {
	w := world.Open(t)
	client := networkfirewall.NewFromConfig(w.Config)
	for what, source := range map[string]types.RulesSource{
		"an unknown keyword": {RulesString: aws.String(`drop tcp any any -> any any (msg:"x"; luajit:script; sid:1; rev:1;)`)},
		"a denied domain":    {RulesSourceList: &types.RulesSourceList{GeneratedRulesType: types.GeneratedRulesTypeDenylist, Targets: []string{".x.test"}, TargetTypes: []types.TargetType{types.TargetTypeHttpHost, types.TargetTypeTlsSni}}},
	} {
		_, err := client.CreateRuleGroup(context.Background(), &networkfirewall.CreateRuleGroupInput{
			RuleGroupName: aws.String("refused"), Type: types.RuleGroupTypeStateful, Capacity: aws.Int32(10), RuleGroup: &types.RuleGroup{RulesSource: &source},
		})
		var refused *types.InvalidRequestException
		require.ErrorAs(t, err, &refused, what)
	}
}
