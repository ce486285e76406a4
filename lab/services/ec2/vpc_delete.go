package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"haven/lab/cloud"
)

// DeleteVpc deletes a VPC that nothing depends on, with what CreateVpc made for it.
func (s *Service) DeleteVpc(ctx context.Context, in *ec2.DeleteVpcInput) (*ec2.DeleteVpcOutput, error) {
	return &ec2.DeleteVpcOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := vpcs.find(tx, region, aws.ToString(in.VpcId))
		if err != nil {
			return err
		}
		if err := checkVPCUnused(tx, region, row.ID); err != nil {
			return err
		}
		if err := deleteDefaults(tx, region, row.ID); err != nil {
			return err
		}
		return vpcs.remove(tx, region, row)
	})
}

// checkVPCUnused names the first resource that keeps the VPC from being deleted.
func checkVPCUnused(tx *cloud.Tx, region, vpcID string) error {
	dependents := []func() (string, error){
		firstOf(tx, region, subnets, func(r *subnetRow) bool { return r.VPC == vpcID }),
		firstOf(tx, region, interfaces, func(r *interfaceRow) bool { return r.VPC == vpcID }),
		firstOf(tx, region, internetGateways, func(r *internetGatewayRow) bool { return r.VPC == vpcID }),
		firstOf(tx, region, endpoints, func(r *endpointRow) bool { return r.VPC == vpcID }),
		firstOf(tx, region, natGateways, func(r *natGatewayRow) bool { return r.VPC == vpcID && !r.Gone() }),
		firstOf(tx, region, securityGroups, func(r *securityGroupRow) bool { return r.VPC == vpcID && r.Name != "default" }),
		firstOf(tx, region, networkACLs, func(r *networkACLRow) bool { return r.VPC == vpcID && !r.Default }),
		firstOf(tx, region, routeTables, func(r *routeTableRow) bool { return r.VPC == vpcID && !r.isMain() }),
	}
	for _, first := range dependents {
		id, err := first()
		if err != nil {
			return err
		}
		if id != "" {
			return cloud.Errorf("DependencyViolation", "The vpc '%s' has dependencies and cannot be deleted: %s is still there.", vpcID, id)
		}
	}
	return nil
}

// firstOf finds the id of the first resource of a kind that a test accepts.
func firstOf[R any, P rowOf[R]](tx *cloud.Tx, region string, k kind[R, P], accept func(*R) bool) func() (string, error) {
	return func() (string, error) {
		rows, err := k.where(tx, region, accept)
		if err != nil || len(rows) == 0 {
			return "", err
		}
		return P(rows[0]).head().ID, nil
	}
}

func deleteDefaults(tx *cloud.Tx, region, vpcID string) error {
	groups, err := securityGroups.where(tx, region, func(r *securityGroupRow) bool { return r.VPC == vpcID })
	if err != nil {
		return err
	}
	for _, group := range groups {
		if err := deleteGroup(tx, region, group); err != nil {
			return err
		}
	}
	if err := removeWhere(tx, region, networkACLs, func(r *networkACLRow) bool { return r.VPC == vpcID }); err != nil {
		return err
	}
	return removeWhere(tx, region, routeTables, func(r *routeTableRow) bool { return r.VPC == vpcID })
}

// removeWhere deletes the resources of a kind that a test accepts.
func removeWhere[R any, P rowOf[R]](tx *cloud.Tx, region string, k kind[R, P], accept func(*R) bool) error {
	rows, err := k.where(tx, region, accept)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := k.remove(tx, region, row); err != nil {
			return err
		}
	}
	return nil
}
