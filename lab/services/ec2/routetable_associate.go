package ec2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// AssociateRouteTable has a subnet use a table, or an internet gateway route by it what enters (an edge table).
func (s *Service) AssociateRouteTable(ctx context.Context, in *ec2.AssociateRouteTableInput) (*ec2.AssociateRouteTableOutput, error) {
	if (in.SubnetId == nil) == (in.GatewayId == nil) {
		return nil, cloud.Errorf("InvalidParameterCombination", "Exactly one of subnetId and gatewayId must be specified")
	}
	out := &ec2.AssociateRouteTableOutput{AssociationState: associated()}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		table, err := routeTables.find(tx, region, aws.ToString(in.RouteTableId))
		if err != nil {
			return err
		}
		association := tableAssociation{ID: cloud.NewID("rtbassoc"), Subnet: aws.ToString(in.SubnetId), Gateway: aws.ToString(in.GatewayId)}
		if err := checkAssociation(tx, region, table, association); err != nil {
			return err
		}
		holder, present, err := associationWhere(tx, region, func(a tableAssociation) bool {
			return !a.Main && a.Subnet == association.Subnet && a.Gateway == association.Gateway
		})
		if err != nil {
			return err
		}
		if holder != nil && holder.ID == table.ID { // AWS answers a repeated call with the association that is there
			out.AssociationId = aws.String(present.ID)
			return nil
		}
		if holder != nil {
			return cloud.Errorf("Resource.AlreadyAssociated", "the specified association for route table %s conflicts with an existing association: %s with %s",
				table.ID, present.ID, holder.ID)
		}
		table.Associations = append(table.Associations, association)
		out.AssociationId = aws.String(association.ID)
		return routeTables.save(tx, region, table)
	})
}

func associated() *types.RouteTableAssociationState {
	return &types.RouteTableAssociationState{State: types.RouteTableAssociationStateCodeAssociated}
}

// checkAssociation checks that the user of the table exists in the table's VPC and can follow its routes.
func checkAssociation(tx *cloud.Tx, region string, table *routeTableRow, association tableAssociation) error {
	if association.Subnet != "" {
		subnet, err := subnets.find(tx, region, association.Subnet)
		if err == nil && subnet.VPC != table.VPC {
			err = cloud.Errorf("InvalidParameterValue", "Route table %s and subnet %s belong to different networks", table.ID, subnet.ID)
		}
		return err
	}
	if association.Gateway == "" {
		return nil
	}
	gateway, err := internetGateways.find(tx, region, association.Gateway)
	if err != nil {
		return err
	}
	if gateway.VPC != table.VPC {
		return cloud.Errorf("InvalidParameterValue", "route table %s and network gateway %s belong to different networks", table.ID, gateway.ID)
	}
	for _, route := range table.Routes {
		if err := checkEdgeRoute(tx, region, table, route); err != nil {
			return err
		}
	}
	return nil
}

// associationWhere finds the first association that a test accepts, with the table that has it.
func associationWhere(tx *cloud.Tx, region string, accept func(tableAssociation) bool) (*routeTableRow, tableAssociation, error) {
	holders, err := routeTables.where(tx, region, func(r *routeTableRow) bool { return slices.ContainsFunc(r.Associations, accept) })
	if err != nil || len(holders) == 0 {
		return nil, tableAssociation{}, err
	}
	return holders[0], holders[0].Associations[slices.IndexFunc(holders[0].Associations, accept)], nil
}

func findAssociation(tx *cloud.Tx, region string, id *string) (*routeTableRow, tableAssociation, error) {
	table, association, err := associationWhere(tx, region, func(a tableAssociation) bool { return a.ID == aws.ToString(id) })
	if err == nil && table == nil {
		err = cloud.Errorf("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", aws.ToString(id))
	}
	return table, association, err
}

// drop removes an association.
func (r *routeTableRow) drop(id string) {
	r.Associations = slices.DeleteFunc(r.Associations, func(a tableAssociation) bool { return a.ID == id })
}

// DisassociateRouteTable ends an association; a subnet then uses the VPC's main table.
func (s *Service) DisassociateRouteTable(ctx context.Context, in *ec2.DisassociateRouteTableInput) (*ec2.DisassociateRouteTableOutput, error) {
	return &ec2.DisassociateRouteTableOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		table, association, err := findAssociation(tx, region, in.AssociationId)
		if err != nil {
			return err
		}
		if association.Main {
			return cloud.Errorf("InvalidParameterValue", "cannot disassociate the main route table association %s", association.ID)
		}
		table.drop(association.ID)
		return routeTables.save(tx, region, table)
	})
}

// ReplaceRouteTableAssociation moves an association, the main one too, to another table of the VPC.
func (s *Service) ReplaceRouteTableAssociation(ctx context.Context, in *ec2.ReplaceRouteTableAssociationInput) (*ec2.ReplaceRouteTableAssociationOutput, error) {
	out := &ec2.ReplaceRouteTableAssociationOutput{AssociationState: associated()}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		from, association, err := findAssociation(tx, region, in.AssociationId)
		if err != nil {
			return err
		}
		to, err := routeTables.find(tx, region, aws.ToString(in.RouteTableId))
		if err != nil {
			return err
		}
		if to.VPC != from.VPC {
			return cloud.Errorf("InvalidParameterValue", "Route tables %s and %s belong to different networks", from.ID, to.ID)
		}
		if err := checkAssociation(tx, region, to, association); err != nil {
			return err
		}
		if to.ID == from.ID {
			to = from
		}
		from.drop(association.ID)
		association.ID = cloud.NewID("rtbassoc")
		to.Associations = append(to.Associations, association)
		out.NewAssociationId = aws.String(association.ID)
		if err := routeTables.save(tx, region, from); err != nil {
			return err
		}
		return routeTables.save(tx, region, to)
	})
}

// dropAssociations ends the associations that a test accepts, of users that are deleted.
func dropAssociations(tx *cloud.Tx, region string, accept func(tableAssociation) bool) error {
	holders, err := routeTables.where(tx, region, func(r *routeTableRow) bool { return slices.ContainsFunc(r.Associations, accept) })
	if err != nil {
		return err
	}
	for _, table := range holders {
		table.Associations = slices.DeleteFunc(table.Associations, accept)
		if err := routeTables.save(tx, region, table); err != nil {
			return err
		}
	}
	return nil
}

// forgetSubnet ends the associations of a subnet that is deleted.
func forgetSubnet(tx *cloud.Tx, region, subnet string) error {
	return dropAssociations(tx, region, func(a tableAssociation) bool { return a.Subnet == subnet })
}

func dropGatewayAssociations(tx *cloud.Tx, region, gateway string) error {
	return dropAssociations(tx, region, func(a tableAssociation) bool { return a.Gateway == gateway })
}
