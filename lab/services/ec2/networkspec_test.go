package ec2

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

// guard is a firewall policy for every endpoint.
type guard struct{}

func (guard) FirewallPolicy(*cloud.Tx, string, string) (*vpc.FirewallPolicy, error) {
	return &vpc.FirewallPolicy{DefaultDrop: true}, nil
}

// The declared network comes to the realm whole: every route, filter and interface, and black holes where something is gone.
func TestNetworkSpec(t *testing.T) {
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	defer store.Close()
	s := New(store, WithFirewalls(guard{}))
	ctx := cloud.WithCall(context.Background(), &cloud.Call{Region: "us-east-1"})
	must := func(err error) { t.Helper(); require.NoError(t, err) }

	network, err := s.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	must(err)
	id := network.Vpc.VpcId
	gateway, err := s.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{})
	must(err)
	_, err = s.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: gateway.InternetGateway.InternetGatewayId, VpcId: id})
	must(err)
	subnet := func(block, zone string) string {
		out, err := s.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: id, CidrBlock: aws.String(block), AvailabilityZone: aws.String(zone)})
		must(err)
		return *out.Subnet.SubnetId
	}
	edge, public := subnet("10.0.0.0/28", "us-east-1a"), subnet("10.0.1.0/24", "us-east-1a")
	var endpoint, face string
	must(store.Update(func(tx *cloud.Tx) (err error) {
		endpoint, face, err = s.CreateFirewallEndpoint(tx, "us-east-1", edge, "arn")
		return err
	}))
	allocation, err := s.AllocateAddress(ctx, &ec2.AllocateAddressInput{})
	must(err)
	nat, err := s.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: aws.String(public), AllocationId: allocation.AllocationId})
	must(err)
	table, err := s.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: id})
	must(err)
	for _, route := range []*ec2.CreateRouteInput{
		{DestinationCidrBlock: aws.String("0.0.0.0/0"), VpcEndpointId: aws.String(endpoint)},
		{DestinationCidrBlock: aws.String("1.0.0.0/8"), GatewayId: gateway.InternetGateway.InternetGatewayId},
		{DestinationCidrBlock: aws.String("2.0.0.0/8"), NatGatewayId: nat.NatGateway.NatGatewayId},
	} {
		route.RouteTableId = table.RouteTable.RouteTableId
		_, err = s.CreateRoute(ctx, route)
		must(err)
	}
	_, err = s.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: table.RouteTable.RouteTableId, SubnetId: aws.String(public)})
	must(err)
	s3, err := s.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{VpcId: id, ServiceName: aws.String("com.amazonaws.us-east-1.s3"), RouteTableIds: []string{*table.RouteTable.RouteTableId}})
	must(err)
	group, err := s.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: id, GroupName: aws.String("web"), Description: aws.String("web")})
	must(err)
	_, err = s.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: group.GroupId, IpPermissions: []types.IpPermission{{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(81), IpRanges: []types.IpRange{{CidrIp: aws.String("10.0.0.0/8")}},
	}}})
	must(err)

	read := func() vpc.VPC {
		var spec vpc.Spec
		must(store.View(func(tx *cloud.Tx) (err error) { spec, err = s.networkSpec(tx); return err }))
		require.Len(t, spec.VPCs, 1)
		return spec.VPCs[0]
	}
	real := read()
	assert.Equal(t, *gateway.InternetGateway.InternetGatewayId, real.InternetGateway)
	faces := map[string]vpc.Interface{}
	for _, i := range real.Interfaces {
		faces[i.ID] = i
	}
	require.Len(t, faces, 2)
	assert.Equal(t, vpc.RoleFirewall, faces[face].Role)
	assert.True(t, faces[face].Firewall.DefaultDrop)
	natFace := nat.NatGateway.NatGatewayAddresses[0].NetworkInterfaceId
	assert.Equal(t, *allocation.PublicIp, faces[*natFace].Public.String())

	targets := func(real vpc.VPC) map[string]vpc.Target {
		found := map[string]vpc.Target{}
		for _, t := range real.RouteTables {
			if t.ID == *table.RouteTable.RouteTableId {
				for _, route := range t.Routes {
					key := route.PrefixList
					if key == "" {
						key = route.Destination.String()
					}
					found[key] = route.Target
				}
			}
		}
		return found
	}
	assert.Equal(t, map[string]vpc.Target{
		"0.0.0.0/0":   {Kind: vpc.TargetFirewallEndpoint, ID: face},
		"1.0.0.0/8":   {Kind: vpc.TargetInternetGateway, ID: *gateway.InternetGateway.InternetGatewayId},
		"2.0.0.0/8":   {Kind: vpc.TargetNATGateway, ID: *natFace},
		"pl-63a5400a": {Kind: vpc.TargetGatewayEndpoint, ID: *s3.VpcEndpoint.VpcEndpointId},
	}, targets(real))
	for _, one := range real.Subnets {
		assert.NotEmpty(t, one.NetworkACL)
		assert.NotEmpty(t, one.RouteTable, "the main table where there is no other")
		assert.Equal(t, one.ID == public, one.RouteTable == *table.RouteTable.RouteTableId)
	}
	for _, one := range real.SecurityGroups {
		if one.ID == *group.GroupId {
			assert.Equal(t, []vpc.GroupRule{{Protocol: 6, FromPort: 80, ToPort: 81, CIDR: netip.MustParsePrefix("10.0.0.0/8")}}, one.Ingress)
			assert.Equal(t, []vpc.GroupRule{{Protocol: -1, FromPort: -1, ToPort: -1, CIDR: anywhere}}, one.Egress)
		}
	}
	require.Len(t, real.NetworkACLs, 1)
	assert.Equal(t, []vpc.ACLEntry{{Number: 100, Protocol: -1, CIDR: anywhere, Allow: true}}, real.NetworkACLs[0].Ingress)

	_, err = s.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: nat.NatGateway.NatGatewayId})
	must(err)
	must(store.Update(func(tx *cloud.Tx) error { return s.DeleteFirewallEndpoint(tx, "us-east-1", endpoint) }))
	real = read()
	assert.Empty(t, real.Interfaces)
	assert.Equal(t, vpc.TargetBlackhole, targets(real)["0.0.0.0/0"].Kind)
	assert.Equal(t, vpc.TargetBlackhole, targets(real)["2.0.0.0/8"].Kind)
}
