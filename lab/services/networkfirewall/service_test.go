package networkfirewall_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
	"haven/lab/services/ec2"
	lab "haven/lab/services/networkfirewall"
	"haven/lab/wire/wiretest"
)

// network is EC2 with a VPC of three subnets.
type network struct{ live map[string]bool }

func (n *network) Subnet(_ *cloud.Tx, _, id string) (*ec2.Subnet, error) {
	zones := map[string]string{"subnet-a": "us-east-1a", "subnet-b": "us-east-1b", "subnet-b2": "us-east-1b"}
	if zones[id] == "" {
		return nil, cloud.Errorf("InvalidSubnetID.NotFound", "The subnet ID '%s' does not exist", id)
	}
	return &ec2.Subnet{ID: id, VPCID: "vpc-1", Zone: zones[id]}, nil
}

func (n *network) VPCBlocks(*cloud.Tx, string, string) ([]string, error) {
	return []string{"10.20.0.0/16"}, nil
}

func (n *network) CreateFirewallEndpoint(_ *cloud.Tx, _, subnet, _ string) (string, string, error) {
	n.live["vpce-"+subnet] = true
	return "vpce-" + subnet, "eni-" + subnet, nil
}

func (n *network) DeleteFirewallEndpoint(_ *cloud.Tx, _, id string) error {
	delete(n.live, id)
	return nil
}

type logs map[string][]string

func (l logs) Put(_ context.Context, _, group, _ string, lines []string) error {
	l[group] = append(l[group], lines...)
	return nil
}

type fixture struct {
	*networkfirewall.Client
	service *lab.Service
	store   *cloud.Store
	network *network
	logs    logs
}

func open(t *testing.T) fixture {
	t.Helper()
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store.db"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	f := fixture{store: store, network: &network{map[string]bool{}}, logs: logs{}}
	f.service = lab.New(store, f.network, f.logs, slog.Default())
	f.Client = networkfirewall.NewFromConfig(wiretest.New(t, map[string]any{"networkfirewall": f.service}))
	return f
}

const rules = `drop tcp any any -> $HOME_NET [22,23] (msg:"closed port"; sid:1; rev:1;)`

// firewall declares a group, a policy over it and a firewall in two zones.
func (f fixture) firewall(t *testing.T) (group, policy string) {
	t.Helper()
	ctx := context.Background()
	made, err := f.CreateRuleGroup(ctx, &networkfirewall.CreateRuleGroupInput{
		RuleGroupName: aws.String("bad"), Type: types.RuleGroupTypeStateful, Capacity: aws.Int32(10),
		RuleGroup: &types.RuleGroup{RulesSource: &types.RulesSource{RulesString: aws.String(rules)}, StatefulRuleOptions: &types.StatefulRuleOptions{RuleOrder: types.RuleOrderStrictOrder}},
	})
	require.NoError(t, err)
	forward := []string{"aws:forward_to_sfe"}
	declared, err := f.CreateFirewallPolicy(ctx, &networkfirewall.CreateFirewallPolicyInput{FirewallPolicyName: aws.String("main"), FirewallPolicy: &types.FirewallPolicy{
		StatelessDefaultActions: forward, StatelessFragmentDefaultActions: forward, StatefulDefaultActions: []string{"aws:drop_established"},
		StatefulEngineOptions:       &types.StatefulEngineOptions{RuleOrder: types.RuleOrderStrictOrder},
		StatefulRuleGroupReferences: []types.StatefulRuleGroupReference{{ResourceArn: made.RuleGroupResponse.RuleGroupArn, Priority: aws.Int32(10)}},
	}})
	require.NoError(t, err)
	_, err = f.CreateFirewall(ctx, &networkfirewall.CreateFirewallInput{
		FirewallName: aws.String("edge"), FirewallPolicyArn: declared.FirewallPolicyResponse.FirewallPolicyArn, VpcId: aws.String("vpc-1"), DeleteProtection: true,
		SubnetMappings: []types.SubnetMapping{{SubnetId: aws.String("subnet-a")}, {SubnetId: aws.String("subnet-b")}},
	})
	require.NoError(t, err)
	return *made.RuleGroupResponse.RuleGroupArn, *declared.FirewallPolicyResponse.FirewallPolicyArn
}

func TestAFirewallHasAnEndpointInEachZone(t *testing.T) {
	f := open(t)
	f.firewall(t)
	out, err := f.DescribeFirewall(context.Background(), &networkfirewall.DescribeFirewallInput{FirewallName: aws.String("edge")})
	require.NoError(t, err)
	require.Equal(t, types.FirewallStatusValueReady, out.FirewallStatus.Status)
	require.Equal(t, "vpce-subnet-a", *out.FirewallStatus.SyncStates["us-east-1a"].Attachment.EndpointId)
	require.Equal(t, "vpce-subnet-b", *out.FirewallStatus.SyncStates["us-east-1b"].Attachment.EndpointId)

	_, err = f.AssociateSubnets(context.Background(), &networkfirewall.AssociateSubnetsInput{FirewallName: aws.String("edge"), SubnetMappings: []types.SubnetMapping{{SubnetId: aws.String("subnet-b2")}}})
	require.ErrorContains(t, err, "one a zone")
}

func TestTheEndpointGetsThePolicy(t *testing.T) {
	f := open(t)
	f.firewall(t)
	require.NoError(t, f.store.View(func(tx *cloud.Tx) error {
		policy, err := f.service.FirewallPolicy(tx, "us-east-1", "vpce-subnet-a")
		require.NoError(t, err)
		require.True(t, policy.DefaultDrop)
		require.Len(t, policy.Rules, 2, "one a port")
		require.Equal(t, "drop", policy.Rules[0].Action)
		require.Equal(t, "10.20.0.0/16", policy.Rules[0].Destination[0].String(), "HOME_NET is the VPC's range")
		none, err := f.service.FirewallPolicy(tx, "us-east-1", "vpce-unknown")
		require.NoError(t, err)
		require.Nil(t, none)
		return nil
	}))
}

func TestProtectionsAndUsersKeepThings(t *testing.T) {
	f, ctx := open(t), context.Background()
	group, policy := f.firewall(t)
	var held *types.InvalidOperationException
	_, err := f.DeleteFirewall(ctx, &networkfirewall.DeleteFirewallInput{FirewallName: aws.String("edge")})
	require.ErrorAs(t, err, &held)
	_, err = f.DeleteFirewallPolicy(ctx, &networkfirewall.DeleteFirewallPolicyInput{FirewallPolicyArn: &policy})
	require.ErrorAs(t, err, &held)
	_, err = f.DeleteRuleGroup(ctx, &networkfirewall.DeleteRuleGroupInput{RuleGroupArn: &group})
	require.ErrorAs(t, err, &held)

	_, err = f.UpdateFirewallDeleteProtection(ctx, &networkfirewall.UpdateFirewallDeleteProtectionInput{FirewallName: aws.String("edge"), DeleteProtection: false})
	require.NoError(t, err)
	_, err = f.DeleteFirewall(ctx, &networkfirewall.DeleteFirewallInput{FirewallName: aws.String("edge")})
	require.NoError(t, err)
	require.Empty(t, f.network.live, "the endpoints must go with the firewall")
	_, err = f.DeleteFirewallPolicy(ctx, &networkfirewall.DeleteFirewallPolicyInput{FirewallPolicyArn: &policy})
	require.NoError(t, err)
	_, err = f.DeleteRuleGroup(ctx, &networkfirewall.DeleteRuleGroupInput{RuleGroupArn: &group})
	require.NoError(t, err)
}

func TestAChangeNeedsTheNewestToken(t *testing.T) {
	f, ctx := open(t), context.Background()
	group, _ := f.firewall(t)
	described, err := f.DescribeRuleGroup(ctx, &networkfirewall.DescribeRuleGroupInput{RuleGroupArn: &group})
	require.NoError(t, err)
	update := &networkfirewall.UpdateRuleGroupInput{RuleGroupArn: &group, UpdateToken: described.UpdateToken, RuleGroup: described.RuleGroup}
	_, err = f.UpdateRuleGroup(ctx, update)
	require.NoError(t, err)
	var stale *types.InvalidTokenException
	_, err = f.UpdateRuleGroup(ctx, update)
	require.ErrorAs(t, err, &stale)
}

func TestRulesThatTheLabCannotHonourAreRefused(t *testing.T) {
	f := open(t)
	_, err := f.CreateRuleGroup(context.Background(), &networkfirewall.CreateRuleGroupInput{
		RuleGroupName: aws.String("x"), Type: types.RuleGroupTypeStateful, Capacity: aws.Int32(10), Rules: aws.String(`drop tcp any any -> any any (pcre:"/x/"; sid:1;)`),
	})
	require.ErrorContains(t, err, `keyword "pcre"`)
	_, err = f.CreateRuleGroup(context.Background(), &networkfirewall.CreateRuleGroupInput{
		RuleGroupName: aws.String("x"), Type: types.RuleGroupTypeStateful, Capacity: aws.Int32(1), Rules: aws.String(rules + "\npass tcp any any -> any 80 (sid:2;)"),
	})
	require.ErrorContains(t, err, "capacity of 2")
}

func TestDroppedConnectionsAreLogged(t *testing.T) {
	f, ctx := open(t), context.Background()
	f.firewall(t)
	configure := func(configs ...types.LogDestinationConfig) error {
		_, err := f.UpdateLoggingConfiguration(ctx, &networkfirewall.UpdateLoggingConfigurationInput{FirewallName: aws.String("edge"), LoggingConfiguration: &types.LoggingConfiguration{LogDestinationConfigs: configs}})
		return err
	}
	to := func(kind types.LogType, group string) types.LogDestinationConfig {
		return types.LogDestinationConfig{LogType: kind, LogDestinationType: types.LogDestinationTypeCloudwatchLogs, LogDestination: map[string]string{"logGroup": group}}
	}
	require.ErrorContains(t, configure(to(types.LogTypeAlert, "a"), to(types.LogTypeFlow, "b")), "one at a time")
	require.NoError(t, configure(to(types.LogTypeAlert, "alerts")))
	require.NoError(t, f.store.View(func(tx *cloud.Tx) error {
		policy, err := f.service.FirewallPolicy(tx, "us-east-1", "vpce-subnet-b")
		require.NoError(t, err)
		policy.LogTo(vpc.FirewallEvent{Action: "drop", Protocol: 6, Message: "closed port", SID: 1})
		return nil
	}))
	require.Len(t, f.logs["alerts"], 1)
	require.Contains(t, f.logs["alerts"][0], `"action":"blocked"`)
	require.Contains(t, f.logs["alerts"][0], `"availability_zone":"us-east-1b"`)
}
