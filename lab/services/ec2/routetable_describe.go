package ec2

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

var routeTableFilters = filterSet[types.RouteTable]{
	tags: func(t *types.RouteTable) []types.Tag { return t.Tags },
	named: map[string]func(*types.RouteTable) []string{
		"association.gateway-id":                 ofUsers(func(a types.RouteTableAssociation) []string { return text(a.GatewayId) }),
		"association.main":                       ofUsers(func(a types.RouteTableAssociation) []string { return flag(a.Main) }),
		"association.route-table-association-id": ofUsers(func(a types.RouteTableAssociation) []string { return text(a.RouteTableAssociationId) }),
		"association.route-table-id":             ofUsers(func(a types.RouteTableAssociation) []string { return text(a.RouteTableId) }),
		"association.subnet-id":                  ofUsers(func(a types.RouteTableAssociation) []string { return text(a.SubnetId) }),
		"owner-id":                               func(t *types.RouteTable) []string { return text(t.OwnerId) },
		"route-table-id":                         func(t *types.RouteTable) []string { return text(t.RouteTableId) },
		"vpc-id":                                 func(t *types.RouteTable) []string { return text(t.VpcId) },
		"route.destination-cidr-block":           ofRoutes(func(r types.Route) []string { return text(r.DestinationCidrBlock) }),
		"route.destination-ipv6-cidr-block":      ofRoutes(func(types.Route) []string { return nil }),
		"route.destination-prefix-list-id":       ofRoutes(func(r types.Route) []string { return text(r.DestinationPrefixListId) }),
		"route.gateway-id":                       ofRoutes(func(r types.Route) []string { return text(r.GatewayId) }),
		"route.instance-id":                      ofRoutes(func(r types.Route) []string { return text(r.InstanceId) }),
		"route.nat-gateway-id":                   ofRoutes(func(r types.Route) []string { return text(r.NatGatewayId) }),
		"route.origin":                           ofRoutes(func(r types.Route) []string { return []string{string(r.Origin)} }),
		"route.state":                            ofRoutes(func(r types.Route) []string { return []string{string(r.State)} }),
	},
}

func ofUsers(values func(types.RouteTableAssociation) []string) func(*types.RouteTable) []string {
	return func(t *types.RouteTable) []string { return each(t.Associations, values) }
}

func ofRoutes(values func(types.Route) []string) func(*types.RouteTable) []string {
	return func(t *types.RouteTable) []string { return each(t.Routes, values) }
}

// DescribeRouteTables lists route tables.
func (s *Service) DescribeRouteTables(ctx context.Context, in *ec2.DescribeRouteTablesInput) (*ec2.DescribeRouteTablesOutput, error) {
	out := &ec2.DescribeRouteTablesOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		gateways, err := endpoints.where(tx, region, func(r *endpointRow) bool { return r.Type == types.VpcEndpointTypeGateway })
		if err != nil {
			return err
		}
		q := query{in.RouteTableIds, in.Filters, in.MaxResults, in.NextToken}
		out.RouteTables, out.NextToken, err = describe(tx, region, routeTables, q, routeTableFilters,
			func(row *routeTableRow) (types.RouteTable, error) {
				shown, err := showTable(tx, region, row, gateways)
				if err != nil {
					return types.RouteTable{}, err
				}
				return *shown, nil
			})
		return err
	})
	return out, err
}

// showTable shows a table with its local routes first and those of gateway endpoints last.
func showTable(tx *cloud.Tx, region string, row *routeTableRow, gateways []*endpointRow) (*types.RouteTable, error) {
	owner, err := vpcs.find(tx, region, row.VPC)
	if err != nil {
		return nil, err
	}
	shown := &types.RouteTable{
		RouteTableId: aws.String(row.ID), VpcId: aws.String(row.VPC), OwnerId: aws.String(cloud.Account), Tags: tagList(row.Tags),
	}
	for _, block := range owner.CIDRs {
		shown.Routes = append(shown.Routes, types.Route{
			DestinationCidrBlock: aws.String(block.CIDR.String()), GatewayId: aws.String("local"),
			Origin: types.RouteOriginCreateRouteTable, State: types.RouteStateActive,
		})
	}
	for _, route := range row.Routes {
		one, err := showRoute(tx, region, route)
		if err != nil {
			return nil, err
		}
		shown.Routes = append(shown.Routes, one)
	}
	for _, gateway := range gateways {
		if slices.Contains(gateway.RouteTables, row.ID) {
			shown.Routes = append(shown.Routes, types.Route{
				DestinationPrefixListId: aws.String(gateway.prefixList(region)), GatewayId: aws.String(gateway.ID),
				Origin: types.RouteOriginCreateRoute, State: types.RouteStateActive,
			})
		}
	}
	for _, association := range row.Associations {
		shown.Associations = append(shown.Associations, types.RouteTableAssociation{
			RouteTableAssociationId: aws.String(association.ID), RouteTableId: aws.String(row.ID), Main: aws.Bool(association.Main),
			SubnetId: optional(association.Subnet), GatewayId: optional(association.Gateway), AssociationState: associated(),
		})
	}
	return shown, nil
}

func showRoute(tx *cloud.Tx, region string, route routeRow) (types.Route, error) {
	shown := types.Route{Origin: types.RouteOriginCreateRoute, State: types.RouteStateActive, DestinationPrefixListId: optional(route.PrefixList)}
	if route.CIDR.IsValid() {
		shown.DestinationCidrBlock = aws.String(route.CIDR.String())
	}
	switch target := aws.String(route.Target); {
	case strings.HasPrefix(route.Target, "nat-"):
		shown.NatGatewayId = target
	case strings.HasPrefix(route.Target, "eni-"):
		shown.NetworkInterfaceId = target
		if route.Instance != "" {
			shown.InstanceId, shown.InstanceOwnerId = aws.String(route.Instance), aws.String(cloud.Account)
		}
	default: // igw- and, as AWS shows them, vpce-
		shown.GatewayId = target
	}
	alive, err := targetAlive(tx, region, route.Target)
	if !alive {
		shown.State = types.RouteStateBlackhole
	}
	return shown, err
}
