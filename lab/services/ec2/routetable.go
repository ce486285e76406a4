package ec2

import (
	"context"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// Quotas of route tables (https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-route-tables).
const (
	maxRouteTables = 200 // in a VPC
	maxRoutes      = 500 // in a table
)

// routeTableRow is a route table. Its local routes follow from the VPC, those of gateway endpoints from them.
type routeTableRow struct {
	meta
	VPC          string
	Routes       []routeRow
	Associations []tableAssociation
}

// routeRow is one route that a user made: to a block or to a prefix list.
type routeRow struct {
	CIDR       netip.Prefix
	PrefixList string
	Target     string // an id: igw-, nat-, eni- or vpce-
	Instance   string // set when the target was named by instance
}

// tableAssociation says who uses a table: a subnet, an internet gateway (an edge table), or every subnet of the VPC
// that has no other table.
type tableAssociation struct {
	ID      string
	Subnet  string
	Gateway string
	Main    bool
}

var routeTables = kind[routeTableRow, *routeTableRow]{
	Table: cloud.NewTable[routeTableRow]("ec2.route-tables"), resource: types.ResourceTypeRouteTable, prefix: "rtb",
	noun: "routeTable ID", missing: "InvalidRouteTableID.NotFound", malformed: "InvalidRouteTableId.Malformed",
}

func (r *routeTableRow) isMain() bool {
	return slices.ContainsFunc(r.Associations, func(a tableAssociation) bool { return a.Main })
}

// isEdge tells whether the table routes what enters through a gateway.
func (r *routeTableRow) isEdge() bool {
	return slices.ContainsFunc(r.Associations, func(a tableAssociation) bool { return a.Gateway != "" })
}

func createMainTable(tx *cloud.Tx, region, vpcID string) error {
	return routeTables.save(tx, region, &routeTableRow{
		meta: meta{ID: cloud.NewID("rtb"), Created: now()}, VPC: vpcID,
		Associations: []tableAssociation{{ID: cloud.NewID("rtbassoc"), Main: true}},
	})
}

// CreateRouteTable makes a table with nothing but the local route.
func (s *Service) CreateRouteTable(ctx context.Context, in *ec2.CreateRouteTableInput) (*ec2.CreateRouteTableOutput, error) {
	out := &ec2.CreateRouteTableOutput{ClientToken: in.ClientToken}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		id, err := once(tx, region, "CreateRouteTable", in.ClientToken, in, routeTables.exists(tx, region), func() (string, error) {
			owner, err := vpcs.find(tx, region, aws.ToString(in.VpcId))
			if err != nil {
				return "", err
			}
			inVPC := func(r *routeTableRow) bool { return r.VPC == owner.ID }
			if err := checkQuota(tx, region, routeTables, inVPC, maxRouteTables, "RouteTableLimitExceeded", "route tables"); err != nil {
				return "", err
			}
			head, err := routeTables.newMeta(in.TagSpecifications)
			if err != nil {
				return "", err
			}
			return head.ID, routeTables.save(tx, region, &routeTableRow{meta: head, VPC: owner.ID})
		})
		if err != nil {
			return err
		}
		row, err := routeTables.find(tx, region, id)
		if err != nil {
			return err
		}
		out.RouteTable, err = showTable(tx, region, row, nil)
		return err
	})
}

// DeleteRouteTable deletes a table that nothing is associated with.
func (s *Service) DeleteRouteTable(ctx context.Context, in *ec2.DeleteRouteTableInput) (*ec2.DeleteRouteTableOutput, error) {
	return &ec2.DeleteRouteTableOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := routeTables.find(tx, region, aws.ToString(in.RouteTableId))
		if err != nil {
			return err
		}
		if len(row.Associations) > 0 {
			return cloud.Errorf("DependencyViolation", "The routeTable '%s' has dependencies and cannot be deleted: %s is associated with it.",
				row.ID, row.Associations[0].ID)
		}
		if err := forgetTable(tx, region, row.ID); err != nil {
			return err
		}
		return routeTables.remove(tx, region, row)
	})
}

// forgetTable takes a table that is deleted out of the gateway endpoints that route through it.
func forgetTable(tx *cloud.Tx, region, table string) error {
	users, err := endpoints.where(tx, region, func(r *endpointRow) bool { return slices.Contains(r.RouteTables, table) })
	if err != nil {
		return err
	}
	for _, endpoint := range users {
		endpoint.RouteTables = slices.DeleteFunc(endpoint.RouteTables, func(id string) bool { return id == table })
		if err := endpoints.save(tx, region, endpoint); err != nil {
			return err
		}
	}
	return nil
}
