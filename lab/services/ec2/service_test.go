package ec2_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	lab "haven/lab/services/ec2"
	"haven/lab/wire/wiretest"
)

const region = wiretest.Region

// bench is a lab with EC2 only, and a client of it.
type bench struct {
	*testing.T
	ctx     context.Context
	store   *cloud.Store
	service *lab.Service
	client  *ec2.Client
}

func newBench(t *testing.T, options ...lab.Option) *bench {
	t.Helper()
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	service := lab.New(store, options...)
	client := ec2.NewFromConfig(wiretest.New(t, map[string]any{"ec2": service}))
	return &bench{T: t, ctx: t.Context(), store: store, service: service, client: client}
}

// refused requires an API error with the code.
func refused(t testing.TB, code string, err error) smithy.APIError {
	t.Helper()
	require.Error(t, err)
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	require.Equal(t, code, api.ErrorCode(), "%v", err)
	return api
}

func (b *bench) vpc(block string) string {
	b.Helper()
	out, err := b.client.CreateVpc(b.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String(block)})
	require.NoError(b, err)
	return *out.Vpc.VpcId
}

func (b *bench) subnet(vpcID, block, zone string) string {
	b.Helper()
	out, err := b.client.CreateSubnet(b.ctx, &ec2.CreateSubnetInput{
		VpcId: aws.String(vpcID), CidrBlock: aws.String(block), AvailabilityZone: aws.String(zone),
	})
	require.NoError(b, err)
	return *out.Subnet.SubnetId
}

func (b *bench) gateway(vpcID string) string {
	b.Helper()
	out, err := b.client.CreateInternetGateway(b.ctx, &ec2.CreateInternetGatewayInput{})
	require.NoError(b, err)
	id := out.InternetGateway.InternetGatewayId
	_, err = b.client.AttachInternetGateway(b.ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: id, VpcId: aws.String(vpcID)})
	require.NoError(b, err)
	return *id
}

func (b *bench) group(vpcID, name string) string {
	b.Helper()
	out, err := b.client.CreateSecurityGroup(b.ctx, &ec2.CreateSecurityGroupInput{
		VpcId: aws.String(vpcID), GroupName: aws.String(name), Description: aws.String(name),
	})
	require.NoError(b, err)
	return *out.GroupId
}

func (b *bench) table(vpcID string) string {
	b.Helper()
	out, err := b.client.CreateRouteTable(b.ctx, &ec2.CreateRouteTableInput{VpcId: aws.String(vpcID)})
	require.NoError(b, err)
	return *out.RouteTable.RouteTableId
}

func (b *bench) allocate() (allocation, address string) {
	b.Helper()
	out, err := b.client.AllocateAddress(b.ctx, &ec2.AllocateAddressInput{Domain: types.DomainTypeVpc})
	require.NoError(b, err)
	return *out.AllocationId, *out.PublicIp
}

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}
