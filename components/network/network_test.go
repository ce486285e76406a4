package network_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/network"
	"haven/components/recording"
	"haven/components/zones"
)

func args(spread []zones.Zone) *network.Args {
	return &network.Args{
		Region: recording.Region, Account: recording.Account, CIDR: "10.20.0.0/16", Zones: spread,
		InterfaceEndpoints: []string{"secretsmanager"}, LogGroup: pulumi.String("arn:aws:logs:log-group"),
	}
}

func declare(args *network.Args) recording.Declare {
	return func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		_, err := network.New(ctx, name, args, opts...)
		return err
	}
}

func TestComponent(t *testing.T) {
	recording.Component(t, declare(args(recording.Zones(t, 3))))
}

func TestCountsFollowTheZones(t *testing.T) {
	for count := zones.Fewest; count <= zones.Most; count++ {
		made := recording.Must(t, declare(args(recording.Zones(t, count))), "net").Types()
		require.Equal(t, map[string]int{
			network.Type:      1,
			"aws:ec2/vpc:Vpc": 1,
			"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup":         1,
			"aws:ec2/internetGateway:InternetGateway":                   1,
			"aws:ec2/subnet:Subnet":                                     5 * count,
			"aws:ec2/routeTable:RouteTable":                             5*count + 1,
			"aws:ec2/routeTableAssociation:RouteTableAssociation":       5*count + 1,
			"aws:ec2/route:Route":                                       2 * count, // edge and app; the firewall makes the rest
			"aws:ec2/eip:Eip":                                           count,
			"aws:ec2/natGateway:NatGateway":                             count,
			"aws:ec2/networkAcl:NetworkAcl":                             4,
			"aws:ec2/vpcEndpoint:VpcEndpoint":                           2,
			"aws:ec2/securityGroup:SecurityGroup":                       1,
			"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": count,
			"aws:iam/role:Role":                                         1,
			"aws:iam/rolePolicy:RolePolicy":                             1,
			"aws:ec2/flowLog:FlowLog":                                   1,
		}, made, "%d zones", count)
	}
}

// The bug that has been seen in the wild: a private subnet without a route, or
// with one through another zone.
func TestEveryAppSubnetLeavesThroughTheNATOfItsOwnZone(t *testing.T) {
	spread := recording.Zones(t, 4)
	made := recording.Must(t, declare(args(spread)), "net")
	for _, zone := range spread {
		route := made.Of("aws:ec2/route:Route")["net-app-"+zone.Letter+"-out"]
		require.Equal(t, "net-app-"+zone.Letter, route.Value("routeTableId"))
		require.Equal(t, "net-nat-"+zone.Letter, route.Value("natGatewayId"))
		nat := made.Of("aws:ec2/natGateway:NatGateway")["net-nat-"+zone.Letter]
		require.Equal(t, "net-public-"+zone.Letter, nat.Value("subnetId"))
		for _, tier := range network.Tiers() {
			name := "net-" + string(tier) + "-" + zone.Letter
			require.Equal(t, zone.Name, made.Of("aws:ec2/subnet:Subnet")[name].Value("availabilityZone"))
			association := made.Of("aws:ec2/routeTableAssociation:RouteTableAssociation")[name]
			require.Equal(t, name, association.Value("subnetId"))
			require.Equal(t, name, association.Value("routeTableId"))
		}
	}
}

func TestInspectedRoutesAreHandedToTheFirewall(t *testing.T) {
	spread := recording.Zones(t, 3)
	var inspected []network.InspectedRoute
	_, err := recording.Run(recording.Options{}, recording.With(func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		net, err := network.New(ctx, name, args(spread), opts...)
		if err == nil {
			inspected = net.Inspected
		}
		return err
	}, "net"))
	require.NoError(t, err)
	got := map[string]string{}
	for _, route := range inspected {
		got[route.Name] = route.Zone + " " + route.Destination
	}
	require.Equal(t, map[string]string{
		"public-a-out": "a 0.0.0.0/0", "ingress-a": "a 10.20.16.0/22",
		"public-b-out": "b 0.0.0.0/0", "ingress-b": "b 10.20.48.0/22",
		"public-c-out": "c 0.0.0.0/0", "ingress-c": "c 10.20.80.0/22",
	}, got)
}

func TestAZoneMoreLeavesEveryZonalResourceAlone(t *testing.T) {
	before := recording.Must(t, declare(args(recording.Zones(t, 2))), "net")
	after := recording.Must(t, declare(args(recording.Zones(t, 3))), "net")
	regional := map[string]bool{"aws:ec2/vpcEndpoint:VpcEndpoint": true, "aws:ec2/networkAcl:NetworkAcl": true, network.Type: true} // they list all zones
	for _, old := range before.All() {
		if regional[old.Type] {
			continue
		}
		kept, found := after.Of(old.Type)[old.Name]
		require.True(t, found, "%s %s is gone", old.Type, old.Name)
		require.Equal(t, old.Inputs, kept.Inputs, "%s %s", old.Type, old.Name)
	}
}

// A list without rules denies everything: it must not reach a subnet first. One resource has both, and the provider sets rules first.
func TestAccessListsAreAttachedWithTheirRules(t *testing.T) {
	made := recording.Must(t, declare(args(recording.Zones(t, 2))), "net")
	for tier, rules := range map[string]int{"public": 5, "app": 5, "data": 3, "mirror": 2} {
		list := made.Of("aws:ec2/networkAcl:NetworkAcl")["net-"+tier]
		require.Equal(t, []any{"net-" + tier + "-a", "net-" + tier + "-b"}, list.Value("subnetIds"), tier)
		require.Len(t, append(list.Value("ingress").([]any), list.Value("egress").([]any)...), rules, tier)
	}
}

// An id that AWS gives anew with each replacement, as an experiment makes them, would be missing in the next refresh.
func TestNothingHasTheIDOfAnAccessListsAssociation(t *testing.T) {
	require.Zero(t, recording.Must(t, declare(args(recording.Zones(t, 2))), "net").Types()["aws:ec2/networkAclAssociation:NetworkAclAssociation"])
}

func TestNewRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args *network.Args
		want string
	}{
		"nothing":     {nil, "args are required"},
		"empty":       {&network.Args{}, "Region is required\nAccount is required\nLogGroup is required"},
		"a bad block": {func() *network.Args { a := args(recording.Zones(t, 2)); a.CIDR = "10.0.0.0/8"; return a }(), "from /16 to /18"},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := recording.Run(recording.Options{}, recording.With(declare(test.args), "net"))
			require.ErrorContains(t, err, test.want)
			require.Empty(t, made.All(), "nothing is made from wrong arguments")
		})
	}
}
