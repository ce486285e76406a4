package ec2

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// routeTarget is how a request names where a route leads: by exactly one of these.
type routeTarget struct{ gateway, nat, nic, instance, endpoint *string }

// CreateRoute adds a route to a destination that has none.
func (s *Service) CreateRoute(ctx context.Context, in *ec2.CreateRouteInput) (*ec2.CreateRouteOutput, error) {
	out := &ec2.CreateRouteOutput{Return: aws.Bool(true)}
	target := routeTarget{in.GatewayId, in.NatGatewayId, in.NetworkInterfaceId, in.InstanceId, in.VpcEndpointId}
	return out, s.changeRoutes(ctx, in.RouteTableId, func(tx *cloud.Tx, region string, table *routeTableRow) error {
		route, err := parseRoute(tx, region, table, in.DestinationCidrBlock, in.DestinationPrefixListId, target)
		if err != nil {
			return err
		}
		if table.routeTo(route) >= 0 {
			return cloud.Errorf("RouteAlreadyExists", "The route identified by %s already exists.", route.destination())
		}
		if len(table.Routes) >= maxRoutes {
			return cloud.Errorf("RouteLimitExceeded", "The maximum number of routes has been reached: %d.", maxRoutes)
		}
		table.Routes = append(table.Routes, route)
		return nil
	})
}

// ReplaceRoute points the route to a destination elsewhere.
func (s *Service) ReplaceRoute(ctx context.Context, in *ec2.ReplaceRouteInput) (*ec2.ReplaceRouteOutput, error) {
	if err := refuse("LocalTarget", in.LocalTarget); err != nil {
		return nil, err
	}
	target := routeTarget{in.GatewayId, in.NatGatewayId, in.NetworkInterfaceId, in.InstanceId, in.VpcEndpointId}
	return &ec2.ReplaceRouteOutput{}, s.changeRoutes(ctx, in.RouteTableId, func(tx *cloud.Tx, region string, table *routeTableRow) error {
		route, err := parseRoute(tx, region, table, in.DestinationCidrBlock, in.DestinationPrefixListId, target)
		if err != nil {
			return err
		}
		at := table.routeTo(route)
		if at < 0 {
			return cloud.Errorf("InvalidParameterValue", "There is no route defined for '%s' in the route table. Use CreateRoute instead.", route.destination())
		}
		table.Routes[at] = route
		return nil
	})
}

// DeleteRoute removes the route to a destination.
func (s *Service) DeleteRoute(ctx context.Context, in *ec2.DeleteRouteInput) (*ec2.DeleteRouteOutput, error) {
	return &ec2.DeleteRouteOutput{}, s.changeRoutes(ctx, in.RouteTableId, func(tx *cloud.Tx, region string, table *routeTableRow) error {
		route, err := parseDestination(region, in.DestinationCidrBlock, in.DestinationPrefixListId)
		if err != nil {
			return err
		}
		if err := checkNotLocal(tx, region, table, route); err != nil {
			return err
		}
		at := table.routeTo(route)
		if at < 0 {
			return cloud.Errorf("InvalidRoute.NotFound", "no route with destination %s in route table %s", route.destination(), table.ID)
		}
		table.Routes = slices.Delete(table.Routes, at, at+1)
		return nil
	})
}

func checkNotLocal(tx *cloud.Tx, region string, table *routeTableRow, route routeRow) error {
	owner, err := vpcs.find(tx, region, table.VPC)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(owner.CIDRs, func(c cidrAssociation) bool { return c.CIDR == route.CIDR }) {
		return cloud.Errorf("InvalidParameterValue", "cannot remove local route %s in route table %s", route.CIDR, table.ID)
	}
	return nil
}

func (s *Service) changeRoutes(ctx context.Context, id *string, change func(*cloud.Tx, string, *routeTableRow) error) error {
	return s.update(ctx, func(tx *cloud.Tx, region string) error {
		table, err := routeTables.find(tx, region, aws.ToString(id))
		if err != nil {
			return err
		}
		if err := change(tx, region, table); err != nil {
			return err
		}
		return routeTables.save(tx, region, table)
	})
}

func (r routeRow) destination() string {
	if r.PrefixList != "" {
		return r.PrefixList
	}
	return r.CIDR.String()
}

// routeTo finds the table's route to the same destination.
func (r *routeTableRow) routeTo(route routeRow) int {
	return slices.IndexFunc(r.Routes, func(other routeRow) bool { return other.destination() == route.destination() })
}

// parseDestination reads where a route goes to. AWS brings a block into its canonical form, and so does this.
func parseDestination(region string, block, list *string) (routeRow, error) {
	switch {
	case block != nil && list == nil:
		prefix, err := netip.ParsePrefix(*block)
		if err != nil || !prefix.Addr().Is4() {
			return routeRow{}, cloud.Errorf("InvalidParameterValue", "Value (%s) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.", *block)
		}
		return routeRow{CIDR: prefix.Masked()}, nil
	case list != nil && block == nil:
		_, err := findPrefixList(region, *list)
		return routeRow{PrefixList: *list}, err
	}
	return routeRow{}, cloud.Errorf("InvalidParameterCombination", "Exactly one destination must be specified: destinationCidrBlock or destinationPrefixListId")
}

// parseRoute reads and checks a whole route.
func parseRoute(tx *cloud.Tx, region string, table *routeTableRow, block, list *string, target routeTarget) (routeRow, error) {
	route, err := parseDestination(region, block, list)
	if err != nil {
		return route, err
	}
	if err := route.aim(tx, region, target); err != nil {
		return route, err
	}
	if err := checkTarget(tx, region, table, route.Target); err != nil {
		return route, err
	}
	if table.isEdge() {
		return route, checkEdgeRoute(tx, region, table, route)
	}
	return route, checkSpecific(tx, region, table, route)
}

// aim sets the route's target.
func (r *routeRow) aim(tx *cloud.Tx, region string, target routeTarget) error {
	var given []string
	for _, id := range []*string{target.gateway, target.nat, target.nic, target.instance, target.endpoint} {
		if aws.ToString(id) != "" {
			given = append(given, *id)
		}
	}
	if len(given) != 1 {
		return cloud.Errorf("InvalidParameterCombination", "Exactly one target must be specified, and %d are", len(given))
	}
	r.Target = given[0]
	if aws.ToString(target.instance) == "" {
		return nil
	}
	instance, err := instances.find(tx, region, given[0])
	if err != nil {
		return err
	}
	r.Target, r.Instance = instance.Interface, instance.ID
	return nil
}

// checkSpecific refuses routes inside the VPC that do not lead to something inside it
// (https://docs.aws.amazon.com/vpc/latest/userguide/route-table-options.html).
func checkSpecific(tx *cloud.Tx, region string, table *routeTableRow, route routeRow) error {
	owner, err := vpcs.find(tx, region, table.VPC)
	if err != nil || !route.CIDR.IsValid() {
		return err
	}
	inside := func(c cidrAssociation) bool { return within(route.CIDR, c.CIDR) }
	if !slices.ContainsFunc(owner.CIDRs, inside) {
		return nil
	}
	equals := slices.ContainsFunc(owner.CIDRs, func(c cidrAssociation) bool { return c.CIDR == route.CIDR })
	if equals || strings.HasPrefix(route.Target, "igw-") {
		return cloud.Errorf("InvalidParameterValue",
			"The destination CIDR block %s is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an interface or an instance.", route.CIDR)
	}
	return nil
}

// checkEdgeRoute checks a route of an edge table: from a subnet's whole block to an interface or a firewall endpoint
// (https://docs.aws.amazon.com/vpc/latest/userguide/gateway-route-tables.html).
func checkEdgeRoute(tx *cloud.Tx, region string, table *routeTableRow, route routeRow) error {
	if !strings.HasPrefix(route.Target, "eni-") && !strings.HasPrefix(route.Target, "vpce-") {
		return cloud.Errorf("InvalidParameterValue",
			"Route table %s contains invalid routes for a gateway route table: %s can only lead to a network interface or a Gateway Load Balancer endpoint, not to %s",
			table.ID, route.destination(), route.Target)
	}
	match, err := firstOf(tx, region, subnets, func(r *subnetRow) bool { return r.VPC == table.VPC && r.CIDR == route.CIDR })()
	if err == nil && match == "" {
		err = cloud.Errorf("InvalidParameterValue",
			"The destination CIDR block %s of a gateway route table must match the entire CIDR block of a subnet in the VPC", route.destination())
	}
	return err
}

// checkTarget checks that a route's target exists and belongs to the table's VPC.
func checkTarget(tx *cloud.Tx, region string, table *routeTableRow, id string) error {
	owner, what := "", "network interface"
	switch {
	case strings.HasPrefix(id, "igw-"):
		row, err := internetGateways.find(tx, region, id)
		if err != nil {
			return err
		}
		owner, what = row.VPC, "network gateway"
	case strings.HasPrefix(id, "nat-"):
		row, err := natGateways.find(tx, region, id)
		if err != nil {
			return cloud.Errorf("InvalidNatGatewayID.NotFound", "The natGateway ID '%s' does not exist", id)
		}
		owner, what = row.VPC, "NAT gateway"
	case strings.HasPrefix(id, "vpce-"):
		row, err := endpoints.find(tx, region, id)
		if err != nil {
			return err
		}
		if row.Type != types.VpcEndpointTypeGatewayLoadBalancer {
			return cloud.Errorf("InvalidParameterValue", "Endpoint %s of type %s cannot be a route's target", id, row.Type)
		}
		owner, what = row.VPC, "VPC endpoint"
	case strings.HasPrefix(id, "eni-"):
		row, err := interfaces.find(tx, region, id)
		if err != nil {
			return err
		}
		owner = row.VPC
	default:
		return cloud.Unsupportedf("UnsupportedOperation", "routes to %s", id)
	}
	if owner != table.VPC {
		return cloud.Errorf("InvalidParameterValue", "route table %s and %s %s belong to different networks", table.ID, what, id)
	}
	return nil
}

// targetAlive tells whether what a route leads to is still there; if not, the route is a black hole.
func targetAlive(tx *cloud.Tx, region, id string) (bool, error) {
	switch {
	case strings.HasPrefix(id, "igw-"):
		row, err := internetGateways.Get(tx, region, id)
		return row != nil && row.VPC != "", err
	case strings.HasPrefix(id, "nat-"):
		row, err := natGateways.Get(tx, region, id)
		return row != nil && !row.Gone(), err
	case strings.HasPrefix(id, "vpce-"):
		return endpoints.exists(tx, region)(id)
	}
	row, err := interfaces.Get(tx, region, id)
	return row != nil && row.Attachment != nil, err
}
