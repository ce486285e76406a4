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
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
)

// awaitStatus waits until a request of an instance has the status; 000 is no answer.
func awaitStatus(t *testing.T, w *world.World, from, url, status string) {
	t.Helper()
	world.Wait(t, "status "+status+" from "+url, time.Minute, func() error {
		if got := fetch(t, w, from, url); got != status {
			return fmt.Errorf("it is %s", got)
		}
		return nil
	})
}

func TestPrivateServersLeaveByTheNATGatewayOfTheirZone(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	ctx := context.Background()
	n := w.Network(t, "a", "b")
	outside := stranger(t, w, 8080)
	there := "http://" + public(t, w, outside) + ":8080/"
	for i, zone := range []string{"a", "b"} {
		address, err := w.EC2.AllocateAddress(ctx, &ec2.AllocateAddressInput{Domain: types.DomainTypeVpc})
		require.NoError(t, err)
		subnet := n.Subnets[zone]
		gateway, err := w.EC2.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: &subnet, AllocationId: address.AllocationId})
		require.NoError(t, err)
		waiter := ec2.NewNatGatewayAvailableWaiter(w.EC2)
		require.NoError(t, waiter.Wait(ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{*gateway.NatGateway.NatGatewayId}}, time.Minute))
		table := n.RouteTable(t)
		n.Route(t, table, &ec2.CreateRouteInput{DestinationCidrBlock: aws.String("0.0.0.0/0"), NatGatewayId: gateway.NatGateway.NatGatewayId})
		server := n.Instance(t, world.Instance{Subnet: n.Subnet(t, zone, 50+i, table), Private: true})
		awaitStatus(t, w, server, there, "200")
		require.Equal(t, *address.PublicIp, strings.TrimSpace(w.MustShell(t, server, "curl -s -m 3 "+there+"peer")), "the server outside sees the zone's own address")

		_, err = w.EC2.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: gateway.NatGateway.NatGatewayId})
		require.NoError(t, err)
		awaitStatus(t, w, server, there, "000")
		tables, err := w.EC2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{RouteTableIds: []string{table}})
		require.NoError(t, err)
		require.Contains(t, states(tables.RouteTables[0].Routes), types.RouteStateBlackhole)
	}
}

func states(routes []types.Route) (states []types.RouteState) {
	for _, route := range routes {
		states = append(states, route.State)
	}
	return states
}

func TestNetworkACLsAreStateless(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	ctx := context.Background()
	n := w.Network(t, "a", "b")
	server := n.Instance(t, world.Instance{Zone: "a", UserData: w.WebServer(80)})
	client := n.Instance(t, world.Instance{Zone: "b"})
	url := "http://" + w.Address(t, server) + "/"
	awaitStatus(t, w, client, url, "200")

	acl, err := w.EC2.CreateNetworkAcl(ctx, &ec2.CreateNetworkAclInput{VpcId: &n.ID})
	require.NoError(t, err)
	id := acl.NetworkAcl.NetworkAclId
	entry := func(number int32, egress bool, from, to int32) {
		_, err := w.EC2.CreateNetworkAclEntry(ctx, &ec2.CreateNetworkAclEntryInput{
			NetworkAclId: id, RuleNumber: &number, Egress: &egress, Protocol: aws.String("6"), RuleAction: types.RuleActionAllow,
			CidrBlock: aws.String("0.0.0.0/0"), PortRange: &types.PortRange{From: &from, To: &to},
		})
		require.NoError(t, err)
	}
	entry(100, false, 80, 80)
	swap(t, w, n.Subnets["a"], *id)
	awaitStatus(t, w, client, url, "000") // the request comes in, its answer is not let out
	entry(100, true, 1024, 65535)
	awaitStatus(t, w, client, url, "200")
}

// swap gives a subnet another network ACL.
func swap(t *testing.T, w *world.World, subnet, acl string) {
	t.Helper()
	found, err := w.EC2.DescribeNetworkAcls(context.Background(), &ec2.DescribeNetworkAclsInput{
		Filters: []types.Filter{{Name: aws.String("association.subnet-id"), Values: []string{subnet}}},
	})
	require.NoError(t, err)
	for _, association := range found.NetworkAcls[0].Associations {
		if *association.SubnetId == subnet {
			_, err := w.EC2.ReplaceNetworkAclAssociation(context.Background(), &ec2.ReplaceNetworkAclAssociationInput{AssociationId: association.NetworkAclAssociationId, NetworkAclId: &acl})
			require.NoError(t, err)
		}
	}
}

func TestAPrivateSubnetReachesS3ByItsGatewayEndpointOnly(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t)
	table := n.RouteTable(t)
	server := n.Instance(t, world.Instance{Subnet: n.Subnet(t, "a", 1, table), Private: true})
	url := "https://s3." + world.Region + ".amazonaws.com/"
	require.Equal(t, "000", fetch(t, w, server, url))
	_, err := w.EC2.CreateVpcEndpoint(context.Background(), &ec2.CreateVpcEndpointInput{
		VpcId: &n.ID, VpcEndpointType: types.VpcEndpointTypeGateway, ServiceName: aws.String("com.amazonaws." + world.Region + ".s3"), RouteTableIds: []string{table},
	})
	require.NoError(t, err)
	awaitStatus(t, w, server, url, "403") // S3 itself answers: nobody has signed
}

func TestFlowLogsTellWhatWasAcceptedAndRejected(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	ctx := context.Background()
	n := w.Network(t, "a", "b")
	group := fmt.Sprintf("/flow/%d", n.Number)
	_, err := cloudwatchlogs.NewFromConfig(w.Config).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group})
	require.NoError(t, err)
	role := fmt.Sprintf("flow-%d", n.Number)
	w.Profile(t, role, "")
	_, err = w.EC2.CreateFlowLogs(ctx, &ec2.CreateFlowLogsInput{
		ResourceType: types.FlowLogsResourceTypeVpc, ResourceIds: []string{n.ID}, TrafficType: types.TrafficTypeAll, LogGroupName: &group,
		DeliverLogsPermissionArn: aws.String("arn:aws:iam::" + world.Account + ":role/" + role), MaxAggregationInterval: aws.Int32(60),
	})
	require.NoError(t, err)
	served := n.SecurityGroup(t, "tcp 80 80 0.0.0.0/0")
	server := n.Instance(t, world.Instance{Zone: "a", UserData: w.WebServer(80), Groups: []string{served}})
	client := n.Instance(t, world.Instance{Zone: "b"})
	address := w.Address(t, server)
	awaitStatus(t, w, client, "http://"+address+"/", "200")
	require.False(t, reaches(t, w, client, address, "81"))

	// … srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
	accepted := logged(t, w, group, fmt.Sprintf("%s %s ", w.Address(t, client), address))
	require.Regexp(t, ` 6 \d+ \d+ \d+ \d+ (ACCEPT|REJECT) OK$`, accepted)
	logged(t, w, group, "REJECT OK")
	logged(t, w, group, "ACCEPT OK")
}
