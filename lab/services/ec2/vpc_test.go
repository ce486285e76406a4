package ec2_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCreateVpcMakesDefaults(t *testing.T) {
	b := newBench(t)
	id := b.vpc("10.0.0.0/16")

	acls, err := b.client.DescribeNetworkAcls(b.ctx, &ec2.DescribeNetworkAclsInput{Filters: []types.Filter{filter("default", "true"), filter("vpc-id", id)}})
	require.NoError(t, err)
	require.Len(t, acls.NetworkAcls, 1)
	assert.Len(t, acls.NetworkAcls[0].Entries, 4, "allow all and deny the rest, both ways")

	tables, err := b.client.DescribeRouteTables(b.ctx, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{filter("association.main", "true"), filter("vpc-id", id)}})
	require.NoError(t, err)
	require.Len(t, tables.RouteTables, 1)
	assert.Equal(t, "local", *tables.RouteTables[0].Routes[0].GatewayId)
	assert.Equal(t, types.RouteOriginCreateRouteTable, tables.RouteTables[0].Routes[0].Origin)

	groups, err := b.client.DescribeSecurityGroups(b.ctx, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{filter("group-name", "default"), filter("vpc-id", id)}})
	require.NoError(t, err)
	require.Len(t, groups.SecurityGroups, 1)
	assert.Equal(t, *groups.SecurityGroups[0].GroupId, *groups.SecurityGroups[0].IpPermissions[0].UserIdGroupPairs[0].GroupId)
	assert.Equal(t, "0.0.0.0/0", *groups.SecurityGroups[0].IpPermissionsEgress[0].IpRanges[0].CidrIp)

	for name, expected := range map[types.VpcAttributeName]bool{
		types.VpcAttributeNameEnableDnsSupport: true, types.VpcAttributeNameEnableDnsHostnames: false, types.VpcAttributeNameEnableNetworkAddressUsageMetrics: false,
	} {
		out, err := b.client.DescribeVpcAttribute(b.ctx, &ec2.DescribeVpcAttributeInput{VpcId: aws.String(id), Attribute: name})
		require.NoError(t, err)
		for _, value := range []*types.AttributeBooleanValue{out.EnableDnsHostnames, out.EnableDnsSupport, out.EnableNetworkAddressUsageMetrics} {
			if value != nil {
				assert.Equal(t, expected, *value.Value, name)
			}
		}
	}
}

func TestBlocksAreChecked(t *testing.T) {
	b := newBench(t)
	for block, code := range map[string]string{
		"10.0.0.0/8": "InvalidVpc.Range", "10.0.0.0/29": "InvalidVpc.Range", "10.0.0.0": "InvalidParameterValue", "2001:db8::/32": "InvalidParameterValue",
	} {
		_, err := b.client.CreateVpc(b.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String(block)})
		refused(t, code, err)
	}
	id := b.vpc("10.0.0.0/16")
	b.subnet(id, "10.0.1.0/24", "us-east-1a")
	for _, wrong := range []struct{ block, zone, code string }{
		{"10.1.0.0/24", "us-east-1a", "InvalidSubnet.Range"},
		{"10.0.0.0/29", "us-east-1a", "InvalidSubnet.Range"},
		{"10.0.1.128/25", "us-east-1b", "InvalidSubnet.Conflict"},
		{"10.0.0.0/16", "us-east-1b", "InvalidSubnet.Conflict"},
		{"10.0.2.0/24", "us-east-1z", "InvalidParameterValue"},
		{"10.0.2.0/24", "eu-west-1a", "InvalidParameterValue"},
	} {
		_, err := b.client.CreateSubnet(b.ctx, &ec2.CreateSubnetInput{VpcId: aws.String(id), CidrBlock: aws.String(wrong.block), AvailabilityZone: aws.String(wrong.zone)})
		refused(t, wrong.code, err)
	}
	_, err := b.client.CreateSubnet(b.ctx, &ec2.CreateSubnetInput{VpcId: aws.String("vpc-0123456789abcdef0"), CidrBlock: aws.String("10.0.2.0/24")})
	refused(t, "InvalidVpcID.NotFound", err)
}

func TestSecondaryBlock(t *testing.T) {
	b := newBench(t)
	id := b.vpc("10.0.0.0/16")
	_, err := b.client.AssociateVpcCidrBlock(b.ctx, &ec2.AssociateVpcCidrBlockInput{VpcId: aws.String(id), CidrBlock: aws.String("10.0.128.0/17")})
	refused(t, "InvalidVpc.Range", err)
	added, err := b.client.AssociateVpcCidrBlock(b.ctx, &ec2.AssociateVpcCidrBlockInput{VpcId: aws.String(id), CidrBlock: aws.String("10.1.0.0/16")})
	require.NoError(t, err)
	subnet := b.subnet(id, "10.1.1.0/24", "us-east-1a")
	disassociate := &ec2.DisassociateVpcCidrBlockInput{AssociationId: added.CidrBlockAssociation.AssociationId}
	_, err = b.client.DisassociateVpcCidrBlock(b.ctx, disassociate)
	refused(t, "DependencyViolation", err)
	_, err = b.client.DeleteSubnet(b.ctx, &ec2.DeleteSubnetInput{SubnetId: aws.String(subnet)})
	require.NoError(t, err)
	_, err = b.client.DisassociateVpcCidrBlock(b.ctx, disassociate)
	require.NoError(t, err)
}

func TestDeleteVpcHonoursEachDependent(t *testing.T) {
	b := newBench(t)
	id := b.vpc("10.0.0.0/16")
	deleteVPC := func() error {
		_, err := b.client.DeleteVpc(b.ctx, &ec2.DeleteVpcInput{VpcId: aws.String(id)})
		return err
	}
	gateway := b.gateway(id)
	refused(t, "DependencyViolation", deleteVPC())
	_, err := b.client.DeleteInternetGateway(b.ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: aws.String(gateway)})
	refused(t, "DependencyViolation", err)
	_, err = b.client.DetachInternetGateway(b.ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: aws.String(gateway), VpcId: aws.String(id)})
	require.NoError(t, err)
	_, err = b.client.DeleteInternetGateway(b.ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: aws.String(gateway)})
	require.NoError(t, err)

	subnet := b.subnet(id, "10.0.0.0/24", "us-east-1a")
	refused(t, "DependencyViolation", deleteVPC())
	nic, err := b.client.CreateNetworkInterface(b.ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: aws.String(subnet)})
	require.NoError(t, err)
	_, err = b.client.DeleteSubnet(b.ctx, &ec2.DeleteSubnetInput{SubnetId: aws.String(subnet)})
	refused(t, "DependencyViolation", err)
	_, err = b.client.DeleteNetworkInterface(b.ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: nic.NetworkInterface.NetworkInterfaceId})
	require.NoError(t, err)
	_, err = b.client.DeleteSubnet(b.ctx, &ec2.DeleteSubnetInput{SubnetId: aws.String(subnet)})
	require.NoError(t, err)

	group := b.group(id, "web")
	refused(t, "DependencyViolation", deleteVPC())
	_, err = b.client.DeleteSecurityGroup(b.ctx, &ec2.DeleteSecurityGroupInput{GroupId: aws.String(group)})
	require.NoError(t, err)

	table := b.table(id)
	refused(t, "DependencyViolation", deleteVPC())
	_, err = b.client.DeleteRouteTable(b.ctx, &ec2.DeleteRouteTableInput{RouteTableId: aws.String(table)})
	require.NoError(t, err)

	acl, err := b.client.CreateNetworkAcl(b.ctx, &ec2.CreateNetworkAclInput{VpcId: aws.String(id)})
	require.NoError(t, err)
	refused(t, "DependencyViolation", deleteVPC())
	_, err = b.client.DeleteNetworkAcl(b.ctx, &ec2.DeleteNetworkAclInput{NetworkAclId: acl.NetworkAcl.NetworkAclId})
	require.NoError(t, err)

	require.NoError(t, deleteVPC())
	_, err = b.client.DescribeVpcs(b.ctx, &ec2.DescribeVpcsInput{VpcIds: []string{id}})
	refused(t, "InvalidVpcID.NotFound", err)
	refused(t, "InvalidVpcID.NotFound", deleteVPC())
	groups, err := b.client.DescribeSecurityGroups(b.ctx, &ec2.DescribeSecurityGroupsInput{})
	require.NoError(t, err)
	assert.Empty(t, groups.SecurityGroups, "what CreateVpc made is gone with it")
}

func TestUnknownParameterAndFilterAreNamed(t *testing.T) {
	b := newBench(t)
	_, err := b.client.DescribeVpcs(b.ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{filter("colour", "red")}})
	assert.Contains(t, refused(t, "InvalidParameterValue", err).ErrorMessage(), "colour")
	_, err = b.client.CreateVpc(b.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"), AmazonProvidedIpv6CidrBlock: aws.Bool(true)})
	assert.Contains(t, refused(t, "UnsupportedOperation", err).ErrorMessage(), "AmazonProvidedIpv6CidrBlock")
	_, err = b.client.CreateVpc(b.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"), Ipv4IpamPoolId: aws.String("ipam-1")})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "Ipv4IpamPoolId")
	_, err = b.client.DescribeVpcs(b.ctx, &ec2.DescribeVpcsInput{VpcIds: []string{"subnet-1"}})
	refused(t, "InvalidVpcId.Malformed", err)
}
