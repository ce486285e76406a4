package world

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/require"
)

// Image is Amazon Linux 2023 in the lab.
const Image = "ami-0a1b2c3d4e5f60718"

// limit bounds how long things may take to come up on a busy machine.
const limit = 90 * time.Second

// Network is a VPC 10.n.0.0/16 with an internet gateway and a public subnet 10.n.<zone>.0/24 in each zone, a being 1.
type Network struct {
	World   *World
	ID      string
	CIDR    string
	Number  int
	Routes  string            // the route table of the public subnets
	Gateway string            // the internet gateway
	Subnets map[string]string // by the zone's letter
	Open    string            // a security group that lets everything through, both ways
}

// Zone is a zone's name: "a" is us-east-1a.
func Zone(letter string) string { return Region + letter }

// Network makes a VPC with a public subnet in each of the zones (by letter).
func (w *World) Network(t testing.TB, zones ...string) *Network {
	t.Helper()
	ctx := context.Background()
	w.mu.Lock()
	w.networks++
	n := &Network{World: w, Number: w.networks, Subnets: map[string]string{}}
	w.mu.Unlock()
	n.CIDR = fmt.Sprintf("10.%d.0.0/16", n.Number)
	vpc, err := w.EC2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String(n.CIDR)})
	require.NoError(t, err)
	n.ID = *vpc.Vpc.VpcId
	_, err = w.EC2.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: &n.ID, EnableDnsHostnames: &types.AttributeBooleanValue{Value: aws.Bool(true)}})
	require.NoError(t, err)
	gateway, err := w.EC2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{})
	require.NoError(t, err)
	n.Gateway = *gateway.InternetGateway.InternetGatewayId
	_, err = w.EC2.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &n.Gateway, VpcId: &n.ID})
	require.NoError(t, err)
	n.Routes = n.RouteTable(t)
	n.Route(t, n.Routes, &ec2.CreateRouteInput{DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: &n.Gateway})
	for _, zone := range zones {
		n.Subnets[zone] = n.Subnet(t, zone, int(zone[0]-'a')+1, n.Routes)
	}
	n.Open = n.SecurityGroup(t, "-1 0 65535 0.0.0.0/0")
	return n
}

// Subnet makes a subnet 10.n.<third>.0/24 in a zone; its routes are the table's, or the VPC's main ones when that is empty.
func (n *Network) Subnet(t testing.TB, zone string, third int, table string) string {
	t.Helper()
	subnet, err := n.World.EC2.CreateSubnet(context.Background(), &ec2.CreateSubnetInput{
		VpcId: &n.ID, AvailabilityZone: aws.String(Zone(zone)), CidrBlock: aws.String(fmt.Sprintf("10.%d.%d.0/24", n.Number, third)),
	})
	require.NoError(t, err)
	if table != "" {
		_, err = n.World.EC2.AssociateRouteTable(context.Background(), &ec2.AssociateRouteTableInput{RouteTableId: &table, SubnetId: subnet.Subnet.SubnetId})
		require.NoError(t, err)
	}
	return *subnet.Subnet.SubnetId
}

// RouteTable makes an empty route table.
func (n *Network) RouteTable(t testing.TB) string {
	t.Helper()
	table, err := n.World.EC2.CreateRouteTable(context.Background(), &ec2.CreateRouteTableInput{VpcId: &n.ID})
	require.NoError(t, err)
	return *table.RouteTable.RouteTableId
}

// Route adds a route to a table.
func (n *Network) Route(t testing.TB, table string, in *ec2.CreateRouteInput) {
	t.Helper()
	in.RouteTableId = &table
	_, err := n.World.EC2.CreateRoute(context.Background(), in)
	require.NoError(t, err)
}

// SecurityGroup makes a group with inbound rules "protocol from to source", a source being a CIDR block or a group's id;
// everything may go out.
func (n *Network) SecurityGroup(t testing.TB, rules ...string) string {
	t.Helper()
	ctx := context.Background()
	group, err := n.World.EC2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		VpcId: &n.ID, GroupName: aws.String(fmt.Sprintf("test-%d", time.Now().UnixNano())), Description: aws.String("conformance"),
	})
	require.NoError(t, err)
	for _, rule := range rules {
		_, err := n.World.EC2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: group.GroupId, IpPermissions: []types.IpPermission{Permission(t, rule)}})
		require.NoError(t, err)
	}
	return *group.GroupId
}

// Permission reads a rule "protocol from to source".
func Permission(t testing.TB, rule string) types.IpPermission {
	t.Helper()
	var protocol, source string
	var from, to int32
	_, err := fmt.Sscan(rule, &protocol, &from, &to, &source)
	require.NoError(t, err, rule)
	permission := types.IpPermission{IpProtocol: &protocol}
	if protocol != "-1" {
		permission.FromPort, permission.ToPort = &from, &to
	}
	if strings.HasPrefix(source, "sg-") {
		permission.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: &source}}
	} else {
		permission.IpRanges = []types.IpRange{{CidrIp: &source}}
	}
	return permission
}
