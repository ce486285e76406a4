package ec2_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

func (b *bench) nat(id string) types.NatGateway {
	b.Helper()
	out, err := b.client.DescribeNatGateways(b.ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{id}})
	require.NoError(b, err)
	return out.NatGateways[0]
}

func TestNATGatewayLivesAndDies(t *testing.T) {
	b, s := newBench(t), newStage()
	id := b.vpc("10.0.0.0/16")
	subnet := b.subnet(id, "10.0.0.0/24", "us-east-1a")
	allocation, address := b.allocate()
	create := &ec2.CreateNatGatewayInput{SubnetId: aws.String(subnet), AllocationId: aws.String(allocation)}
	failed, err := b.client.CreateNatGateway(b.ctx, create)
	require.NoError(t, err)
	assert.Equal(t, "Gateway.NotAttached", *b.nat(*failed.NatGateway.NatGatewayId).FailureCode)

	gateway := b.gateway(id)
	b.play(s)
	create.ClientToken = nil
	made, err := b.client.CreateNatGateway(b.ctx, create)
	require.NoError(t, err)
	nat := *made.NatGateway.NatGatewayId
	assert.Equal(t, types.NatGatewayStatePending, made.NatGateway.State)
	b.soon("the realm has it", func() bool { return b.nat(nat).State == types.NatGatewayStateAvailable })
	assert.Equal(t, address, *b.nat(nat).NatGatewayAddresses[0].PublicIp)
	assert.True(t, *b.nat(nat).NatGatewayAddresses[0].IsPrimary)
	real := look(s, func() vpc.Interface { return s.spec.VPCs[0].Interfaces[0] })
	assert.Equal(t, vpc.RoleNAT, real.Role)
	assert.Equal(t, address, real.Public.String())
	assert.Empty(t, real.SecurityGroups)

	_, err = b.client.CreateNatGateway(b.ctx, &ec2.CreateNatGatewayInput{SubnetId: aws.String(subnet), AllocationId: aws.String(allocation)})
	refused(t, "Resource.AlreadyAssociated", err)
	_, err = b.client.ReleaseAddress(b.ctx, &ec2.ReleaseAddressInput{AllocationId: aws.String(allocation)})
	refused(t, "InvalidIPAddress.InUse", err)
	addresses, err := b.client.DescribeAddresses(b.ctx, &ec2.DescribeAddressesInput{AllocationIds: []string{allocation}})
	require.NoError(t, err)
	_, err = b.client.DisassociateAddress(b.ctx, &ec2.DisassociateAddressInput{AssociationId: addresses.Addresses[0].AssociationId})
	refused(t, "AuthFailure", err)
	_, err = b.client.DetachInternetGateway(b.ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: aws.String(gateway), VpcId: aws.String(id)})
	refused(t, "DependencyViolation", err)
	nics, err := b.client.DescribeNetworkInterfaces(b.ctx, &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{filter("interface-type", "nat_gateway")}})
	require.NoError(t, err)
	_, err = b.client.DeleteNetworkInterface(b.ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: nics.NetworkInterfaces[0].NetworkInterfaceId})
	refused(t, "InvalidParameterValue", err)

	_, err = b.client.DeleteNatGateway(b.ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: aws.String(nat)})
	require.NoError(t, err)
	assert.Equal(t, types.NatGatewayStateDeleted, b.nat(nat).State)
	_, err = b.client.ReleaseAddress(b.ctx, &ec2.ReleaseAddressInput{AllocationId: aws.String(allocation)})
	require.NoError(t, err)
	_, err = b.client.DeleteSubnet(b.ctx, &ec2.DeleteSubnetInput{SubnetId: aws.String(subnet)})
	require.NoError(t, err)
	require.NoError(t, b.store.View(func(tx *cloud.Tx) error {
		counts, err := cloud.Inventory(tx)
		for _, count := range counts {
			if count.Table == "ec2.nat-gateways" {
				assert.Zero(t, count.Live)
			}
		}
		return err
	}))
}

func TestGatewayEndpointRoutesThePrefixList(t *testing.T) {
	b := newBench(t)
	id := b.vpc("10.0.0.0/16")
	table := b.table(id)
	create := func() (*ec2.CreateVpcEndpointOutput, error) {
		return b.client.CreateVpcEndpoint(b.ctx, &ec2.CreateVpcEndpointInput{VpcId: aws.String(id), ServiceName: aws.String("com.amazonaws.us-east-1.s3"), RouteTableIds: []string{table}})
	}
	made, err := create()
	require.NoError(t, err)
	assert.EqualValues(t, "available", made.VpcEndpoint.State)
	_, err = create()
	refused(t, "RouteAlreadyExists", err)
	lists, err := b.client.DescribePrefixLists(b.ctx, &ec2.DescribePrefixListsInput{Filters: []types.Filter{filter("prefix-list-name", "com.amazonaws.us-east-1.s3")}})
	require.NoError(t, err)
	require.Len(t, lists.PrefixLists, 1)
	route := b.routesOf(table)[*lists.PrefixLists[0].PrefixListId]
	assert.Equal(t, *made.VpcEndpoint.VpcEndpointId, *route.GatewayId)

	_, err = b.client.ModifyVpcEndpoint(b.ctx, &ec2.ModifyVpcEndpointInput{VpcEndpointId: made.VpcEndpoint.VpcEndpointId, RemoveRouteTableIds: []string{table}, PolicyDocument: aws.String("{")})
	refused(t, "InvalidPolicyDocument", err)
	_, err = b.client.ModifyVpcEndpoint(b.ctx, &ec2.ModifyVpcEndpointInput{VpcEndpointId: made.VpcEndpoint.VpcEndpointId, RemoveRouteTableIds: []string{table}})
	require.NoError(t, err)
	assert.Len(t, b.routesOf(table), 1)
	gone, err := b.client.DeleteVpcEndpoints(b.ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*made.VpcEndpoint.VpcEndpointId, "vpce-0123456789abcdef0"}})
	require.NoError(t, err)
	require.Len(t, gone.Unsuccessful, 1)
	assert.Equal(t, "InvalidVpcEndpointId.NotFound", *gone.Unsuccessful[0].Error.Code)
	_, err = b.client.DescribeVpcEndpoints(b.ctx, &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{*made.VpcEndpoint.VpcEndpointId}})
	refused(t, "InvalidVpcEndpointId.NotFound", err)
}

func TestInterfaceEndpoint(t *testing.T) {
	b, s := newBench(t), newStage()
	b.play(s)
	id := b.vpc("10.0.0.0/16")
	one, two := b.subnet(id, "10.0.0.0/24", "us-east-1a"), b.subnet(id, "10.0.1.0/24", "us-east-1a")
	other := b.subnet(id, "10.0.2.0/24", "us-east-1b")
	create := func(service string, subnets ...string) (*ec2.CreateVpcEndpointOutput, error) {
		return b.client.CreateVpcEndpoint(b.ctx, &ec2.CreateVpcEndpointInput{
			VpcId: aws.String(id), ServiceName: aws.String(service), VpcEndpointType: types.VpcEndpointTypeInterface, SubnetIds: subnets, PrivateDnsEnabled: aws.Bool(true),
		})
	}
	secrets := "com.amazonaws.us-east-1.secretsmanager"
	_, err := create(secrets, one)
	refused(t, "InvalidParameter", err) // the VPC has no DNS host names
	_, err = b.client.ModifyVpcAttribute(b.ctx, &ec2.ModifyVpcAttributeInput{VpcId: aws.String(id), EnableDnsHostnames: &types.AttributeBooleanValue{Value: aws.Bool(true)}})
	require.NoError(t, err)
	_, err = create("com.amazonaws.us-east-1.nonsense", one)
	refused(t, "InvalidServiceName", err)
	_, err = create("com.amazonaws.us-east-1.dynamodb", one)
	refused(t, "InvalidParameter", err)
	_, err = create(secrets, one, two)
	refused(t, "DuplicateSubnetsInSameZone", err)
	made, err := create(secrets, one, other)
	require.NoError(t, err)
	endpoint := *made.VpcEndpoint.VpcEndpointId
	assert.EqualValues(t, "pending", made.VpcEndpoint.State)
	describe := func() types.VpcEndpoint {
		out, err := b.client.DescribeVpcEndpoints(b.ctx, &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{endpoint}})
		require.NoError(t, err)
		return out.VpcEndpoints[0]
	}
	b.soon("the realm has it", func() bool { return describe().State == "available" })
	_, err = create(secrets, one)
	refused(t, "InvalidParameter", err) // the private name is taken
	shown := describe()
	require.Len(t, shown.NetworkInterfaceIds, 2)
	require.Len(t, shown.DnsEntries, 4, "one for all zones, one for each, the service's own")
	assert.Equal(t, "secretsmanager.us-east-1.amazonaws.com", *shown.DnsEntries[3].DnsName)

	values := map[string][]string{}
	require.NoError(t, b.store.View(func(tx *cloud.Tx) error {
		records, err := b.service.Names(tx)
		for _, record := range records {
			values[record.Name+" in "+record.VPC] = record.Values
		}
		return err
	}))
	assert.Len(t, values["secretsmanager.us-east-1.amazonaws.com in "+id], 2)
	assert.Len(t, values[*shown.DnsEntries[0].DnsName+" in "], 2)
	assert.Len(t, values[*shown.DnsEntries[1].DnsName+" in "], 1)

	group := b.group(id, "endpoint")
	_, err = b.client.ModifyVpcEndpoint(b.ctx, &ec2.ModifyVpcEndpointInput{VpcEndpointId: aws.String(endpoint), AddSecurityGroupIds: []string{group}, RemoveSecurityGroupIds: []string{*shown.Groups[0].GroupId}, RemoveSubnetIds: []string{other}})
	require.NoError(t, err)
	nics, err := b.client.DescribeNetworkInterfaces(b.ctx, &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{filter("group-id", group)}})
	require.NoError(t, err)
	assert.Len(t, nics.NetworkInterfaces, 1)
	_, err = b.client.DeleteSecurityGroup(b.ctx, &ec2.DeleteSecurityGroupInput{GroupId: aws.String(group)})
	refused(t, "DependencyViolation", err)
}

func TestElasticAddressFollowsItsAssociation(t *testing.T) {
	b := newBench(t)
	id := b.vpc("10.0.0.0/16")
	subnet := b.subnet(id, "10.0.0.0/24", "us-east-1a")
	instance := *b.run(subnet, 1)[0].InstanceId
	allocation, address := b.allocate()
	associate := &ec2.AssociateAddressInput{AllocationId: aws.String(allocation), InstanceId: aws.String(instance)}
	_, err := b.client.AssociateAddress(b.ctx, associate)
	refused(t, "Gateway.NotAttached", err)
	b.gateway(id)
	out, err := b.client.AssociateAddress(b.ctx, associate)
	require.NoError(t, err)
	assert.Equal(t, address, *b.instance(instance).PublicIpAddress)
	nic, err := b.client.CreateNetworkInterface(b.ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: aws.String(subnet)})
	require.NoError(t, err)
	move := &ec2.AssociateAddressInput{AllocationId: aws.String(allocation), NetworkInterfaceId: nic.NetworkInterface.NetworkInterfaceId, AllowReassociation: aws.Bool(false)}
	_, err = b.client.AssociateAddress(b.ctx, move)
	refused(t, "Resource.AlreadyAssociated", err)
	move.AllowReassociation = aws.Bool(true)
	_, err = b.client.AssociateAddress(b.ctx, move)
	require.NoError(t, err)
	assert.Nil(t, b.instance(instance).PublicIpAddress)
	_, err = b.client.DisassociateAddress(b.ctx, &ec2.DisassociateAddressInput{AssociationId: out.AssociationId})
	refused(t, "InvalidAssociationID.NotFound", err)
	_, err = b.client.ReleaseAddress(b.ctx, &ec2.ReleaseAddressInput{AllocationId: aws.String("eipalloc-0123456789abcdef0")})
	refused(t, "InvalidAllocationID.NotFound", err)
}

func TestFlowLogs(t *testing.T) {
	b := newBench(t)
	id := b.vpc("10.0.0.0/16")
	create := func(change func(*ec2.CreateFlowLogsInput)) (*ec2.CreateFlowLogsOutput, error) {
		in := &ec2.CreateFlowLogsInput{
			ResourceIds: []string{id}, ResourceType: types.FlowLogsResourceTypeVpc, TrafficType: types.TrafficTypeAll, MaxAggregationInterval: aws.Int32(60),
			LogDestination: aws.String("arn:aws:logs:us-east-1:000000000000:log-group:flow"), DeliverLogsPermissionArn: aws.String("arn:aws:iam::000000000000:role/flow"),
		}
		change(in)
		return b.client.CreateFlowLogs(b.ctx, in)
	}
	made, err := create(func(*ec2.CreateFlowLogsInput) {})
	require.NoError(t, err)
	require.Len(t, made.FlowLogIds, 1)
	_, err = create(func(in *ec2.CreateFlowLogsInput) { in.DeliverLogsPermissionArn = nil })
	refused(t, "InvalidParameter", err)
	_, err = create(func(in *ec2.CreateFlowLogsInput) { in.MaxAggregationInterval = aws.Int32(61) })
	refused(t, "InvalidParameter", err)
	twin, err := create(func(*ec2.CreateFlowLogsInput) {})
	require.NoError(t, err)
	assert.Equal(t, "FlowLogAlreadyExists", *twin.Unsuccessful[0].Error.Code)
	shown, err := b.client.DescribeFlowLogs(b.ctx, &ec2.DescribeFlowLogsInput{Filter: []types.Filter{filter("resource-id", id)}})
	require.NoError(t, err)
	assert.Equal(t, "flow", *shown.FlowLogs[0].LogGroupName)
	_, err = b.client.DeleteFlowLogs(b.ctx, &ec2.DeleteFlowLogsInput{FlowLogIds: made.FlowLogIds})
	require.NoError(t, err)
}
