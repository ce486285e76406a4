package ec2_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
)

func (b *bench) routesOf(table string) map[string]types.Route {
	b.Helper()
	out, err := b.client.DescribeRouteTables(b.ctx, &ec2.DescribeRouteTablesInput{RouteTableIds: []string{table}})
	require.NoError(b, err)
	routes := map[string]types.Route{}
	for _, route := range out.RouteTables[0].Routes {
		routes[aws.ToString(route.DestinationCidrBlock)+aws.ToString(route.DestinationPrefixListId)] = route
	}
	return routes
}

func TestRoutes(t *testing.T) {
	b := newBench(t)
	id := b.vpc("10.0.0.0/16")
	table := b.table(id)
	gateway := b.gateway(id)
	create := func(block, gateway string) error {
		_, err := b.client.CreateRoute(b.ctx, &ec2.CreateRouteInput{RouteTableId: aws.String(table), DestinationCidrBlock: aws.String(block), GatewayId: aws.String(gateway)})
		return err
	}
	require.NoError(t, create("0.0.0.0/0", gateway))
	refused(t, "RouteAlreadyExists", create("0.0.0.0/0", gateway))
	refused(t, "InvalidParameterValue", create("10.0.0.0/16", gateway))
	refused(t, "InvalidParameterValue", create("10.0.1.0/24", gateway))
	refused(t, "InvalidInternetGatewayID.NotFound", create("1.2.3.0/24", "igw-0123456789abcdef0"))
	refused(t, "InvalidParameterValue", create("1.2.3.0/24", b.gateway(b.vpc("10.9.0.0/16"))))
	assert.Equal(t, types.RouteStateActive, b.routesOf(table)["0.0.0.0/0"].State)
	assert.Equal(t, types.RouteOriginCreateRoute, b.routesOf(table)["0.0.0.0/0"].Origin)

	_, err := b.client.DetachInternetGateway(b.ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: aws.String(gateway), VpcId: aws.String(id)})
	require.NoError(t, err)
	assert.Equal(t, types.RouteStateBlackhole, b.routesOf(table)["0.0.0.0/0"].State, "what it led to is gone")

	_, err = b.client.DeleteRoute(b.ctx, &ec2.DeleteRouteInput{RouteTableId: aws.String(table), DestinationCidrBlock: aws.String("10.0.0.0/16")})
	refused(t, "InvalidParameterValue", err)
	_, err = b.client.DeleteRoute(b.ctx, &ec2.DeleteRouteInput{RouteTableId: aws.String(table), DestinationCidrBlock: aws.String("9.0.0.0/8")})
	refused(t, "InvalidRoute.NotFound", err)
	_, err = b.client.DeleteRoute(b.ctx, &ec2.DeleteRouteInput{RouteTableId: aws.String(table), DestinationCidrBlock: aws.String("0.0.0.0/0")})
	require.NoError(t, err)
	_, err = b.client.ReplaceRoute(b.ctx, &ec2.ReplaceRouteInput{RouteTableId: aws.String(table), DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: aws.String(gateway)})
	refused(t, "InvalidParameterValue", err)
}

func TestAssociations(t *testing.T) {
	b := newBench(t)
	id := b.vpc("10.0.0.0/16")
	subnet := b.subnet(id, "10.0.1.0/24", "us-east-1a")
	first, second := b.table(id), b.table(id)
	associate := func(table string) (*ec2.AssociateRouteTableOutput, error) {
		return b.client.AssociateRouteTable(b.ctx, &ec2.AssociateRouteTableInput{RouteTableId: aws.String(table), SubnetId: aws.String(subnet)})
	}
	one, err := associate(first)
	require.NoError(t, err)
	again, err := associate(first)
	require.NoError(t, err)
	assert.Equal(t, *one.AssociationId, *again.AssociationId)
	_, err = associate(second)
	refused(t, "Resource.AlreadyAssociated", err)
	_, err = b.client.DeleteRouteTable(b.ctx, &ec2.DeleteRouteTableInput{RouteTableId: aws.String(first)})
	refused(t, "DependencyViolation", err)

	moved, err := b.client.ReplaceRouteTableAssociation(b.ctx, &ec2.ReplaceRouteTableAssociationInput{AssociationId: one.AssociationId, RouteTableId: aws.String(second)})
	require.NoError(t, err)
	found, err := b.client.DescribeRouteTables(b.ctx, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{filter("association.route-table-association-id", *moved.NewAssociationId)}})
	require.NoError(t, err)
	require.Len(t, found.RouteTables, 1)
	assert.Equal(t, second, *found.RouteTables[0].RouteTableId)
	_, err = b.client.DeleteRouteTable(b.ctx, &ec2.DeleteRouteTableInput{RouteTableId: aws.String(first)})
	require.NoError(t, err)

	_, err = b.client.DisassociateRouteTable(b.ctx, &ec2.DisassociateRouteTableInput{AssociationId: one.AssociationId})
	refused(t, "InvalidAssociationID.NotFound", err)
	_, err = b.client.DisassociateRouteTable(b.ctx, &ec2.DisassociateRouteTableInput{AssociationId: moved.NewAssociationId})
	require.NoError(t, err)
	main, err := b.client.DescribeRouteTables(b.ctx, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{filter("association.main", "true"), filter("vpc-id", id)}})
	require.NoError(t, err)
	_, err = b.client.DisassociateRouteTable(b.ctx, &ec2.DisassociateRouteTableInput{AssociationId: main.RouteTables[0].Associations[0].RouteTableAssociationId})
	refused(t, "InvalidParameterValue", err)
}

func TestEdgeTableLeadsThroughFirewallEndpoints(t *testing.T) {
	b := newBench(t)
	id := b.vpc("10.0.0.0/16")
	gateway := b.gateway(id)
	edge, public := b.subnet(id, "10.0.0.0/28", "us-east-1a"), "10.0.1.0/24"
	b.subnet(id, public, "us-east-1a")
	var endpoint string
	require.NoError(t, b.store.Update(func(tx *cloud.Tx) (err error) {
		endpoint, _, err = b.service.CreateFirewallEndpoint(tx, region, edge, "arn:aws:network-firewall:us-east-1:000000000000:firewall/one")
		return err
	}))
	table := b.table(id)
	_, err := b.client.AssociateRouteTable(b.ctx, &ec2.AssociateRouteTableInput{RouteTableId: aws.String(table), GatewayId: aws.String(gateway)})
	require.NoError(t, err)
	create := func(in *ec2.CreateRouteInput) error {
		in.RouteTableId = aws.String(table)
		_, err := b.client.CreateRoute(b.ctx, in)
		return err
	}
	require.NoError(t, create(&ec2.CreateRouteInput{DestinationCidrBlock: aws.String(public), VpcEndpointId: aws.String(endpoint)}))
	refused(t, "InvalidParameterValue", create(&ec2.CreateRouteInput{DestinationCidrBlock: aws.String("10.0.1.0/25"), VpcEndpointId: aws.String(endpoint)}))
	refused(t, "InvalidParameterValue", create(&ec2.CreateRouteInput{DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: aws.String(gateway)}))
	assert.Equal(t, endpoint, *b.routesOf(table)[public].GatewayId)

	refusal, err := b.client.DeleteVpcEndpoints(b.ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{endpoint}})
	require.NoError(t, err)
	require.Len(t, refusal.Unsuccessful, 1, "it is the firewall's")
	require.NoError(t, b.store.Update(func(tx *cloud.Tx) error { return b.service.DeleteFirewallEndpoint(tx, region, endpoint) }))
	assert.Equal(t, types.RouteStateBlackhole, b.routesOf(table)[public].State)
}
