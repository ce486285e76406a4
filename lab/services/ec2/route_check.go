package ec2

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

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
