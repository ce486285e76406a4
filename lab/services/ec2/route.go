package ec2

import (
	"context"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

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
