package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

type internetGatewayRow struct {
	meta
	VPC string // empty: detached
}

var internetGateways = kind[internetGatewayRow, *internetGatewayRow]{
	Table: cloud.NewTable[internetGatewayRow]("ec2.internet-gateways"), resource: types.ResourceTypeInternetGateway, prefix: "igw",
	noun: "internetGateway ID", missing: "InvalidInternetGatewayID.NotFound", malformed: "InvalidInternetGatewayId.Malformed",
}

// CreateInternetGateway makes a gateway that is attached to nothing.
func (s *Service) CreateInternetGateway(ctx context.Context, in *ec2.CreateInternetGatewayInput) (*ec2.CreateInternetGatewayOutput, error) {
	out := &ec2.CreateInternetGatewayOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		head, err := internetGateways.newMeta(in.TagSpecifications)
		if err != nil {
			return err
		}
		if err := checkQuota(tx, region, internetGateways, nil, maxVPCs, "InternetGatewayLimitExceeded", "internet gateways"); err != nil {
			return err
		}
		row := &internetGatewayRow{meta: head}
		out.InternetGateway = showInternetGateway(row)
		return internetGateways.save(tx, region, row)
	})
}

// AttachInternetGateway attaches a gateway to a VPC that has none.
func (s *Service) AttachInternetGateway(ctx context.Context, in *ec2.AttachInternetGatewayInput) (*ec2.AttachInternetGatewayOutput, error) {
	return &ec2.AttachInternetGatewayOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := internetGateways.find(tx, region, aws.ToString(in.InternetGatewayId))
		if err != nil {
			return err
		}
		owner, err := vpcs.find(tx, region, aws.ToString(in.VpcId))
		if err != nil {
			return err
		}
		if row.VPC != "" {
			return cloud.Errorf("Resource.AlreadyAssociated", "resource %s is already attached to network %s", row.ID, row.VPC)
		}
		other, err := gatewayOf(tx, region, owner.ID)
		if err != nil {
			return err
		}
		if other != "" {
			return cloud.Errorf("InvalidParameterValue", "Network %s already has an internet gateway attached", owner.ID)
		}
		row.VPC = owner.ID
		return internetGateways.save(tx, region, row)
	})
}

// gatewayOf returns the id of the VPC's internet gateway; empty when it has none.
func gatewayOf(tx *cloud.Tx, region, vpcID string) (string, error) {
	return firstOf(tx, region, internetGateways, func(r *internetGatewayRow) bool { return r.VPC == vpcID })()
}

// DetachInternetGateway detaches a gateway from a VPC that uses no public address any more.
func (s *Service) DetachInternetGateway(ctx context.Context, in *ec2.DetachInternetGatewayInput) (*ec2.DetachInternetGatewayOutput, error) {
	return &ec2.DetachInternetGatewayOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := internetGateways.find(tx, region, aws.ToString(in.InternetGatewayId))
		if err != nil {
			return err
		}
		if row.VPC == "" || row.VPC != aws.ToString(in.VpcId) {
			return cloud.Errorf("Gateway.NotAttached", "resource %s is not attached to network %s", row.ID, aws.ToString(in.VpcId))
		}
		mapped, err := interfaces.where(tx, region, func(r *interfaceRow) bool { return r.VPC == row.VPC })
		if err != nil {
			return err
		}
		for _, nic := range mapped {
			public, _, err := publicOf(tx, region, nic)
			if err != nil {
				return err
			}
			if public.IsValid() {
				return cloud.Errorf("DependencyViolation",
					"Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway: %s of %s.", row.VPC, public, nic.ID)
			}
		}
		row.VPC = ""
		return internetGateways.save(tx, region, row)
	})
}

// DeleteInternetGateway deletes a detached gateway.
func (s *Service) DeleteInternetGateway(ctx context.Context, in *ec2.DeleteInternetGatewayInput) (*ec2.DeleteInternetGatewayOutput, error) {
	return &ec2.DeleteInternetGatewayOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := internetGateways.find(tx, region, aws.ToString(in.InternetGatewayId))
		if err != nil {
			return err
		}
		if row.VPC != "" {
			return cloud.Errorf("DependencyViolation", "The internetGateway '%s' has dependencies and cannot be deleted: it is attached to %s.", row.ID, row.VPC)
		}
		if err := dropGatewayAssociations(tx, region, row.ID); err != nil {
			return err
		}
		return internetGateways.remove(tx, region, row)
	})
}

var internetGatewayFilters = filterSet[types.InternetGateway]{
	tags: func(g *types.InternetGateway) []types.Tag { return g.Tags },
	named: map[string]func(*types.InternetGateway) []string{
		"attachment.state": func(g *types.InternetGateway) []string {
			return each(g.Attachments, func(a types.InternetGatewayAttachment) []string { return []string{string(a.State)} })
		},
		"attachment.vpc-id": func(g *types.InternetGateway) []string {
			return each(g.Attachments, func(a types.InternetGatewayAttachment) []string { return text(a.VpcId) })
		},
		"internet-gateway-id": func(g *types.InternetGateway) []string { return text(g.InternetGatewayId) },
		"owner-id":            func(g *types.InternetGateway) []string { return text(g.OwnerId) },
	},
}

// DescribeInternetGateways lists internet gateways.
func (s *Service) DescribeInternetGateways(ctx context.Context, in *ec2.DescribeInternetGatewaysInput) (*ec2.DescribeInternetGatewaysOutput, error) {
	out := &ec2.DescribeInternetGatewaysOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) (err error) {
		q := query{in.InternetGatewayIds, in.Filters, in.MaxResults, in.NextToken}
		out.InternetGateways, out.NextToken, err = describe(tx, region, internetGateways, q, internetGatewayFilters,
			func(row *internetGatewayRow) (types.InternetGateway, error) { return *showInternetGateway(row), nil })
		return err
	})
	return out, err
}

func showInternetGateway(row *internetGatewayRow) *types.InternetGateway {
	shown := &types.InternetGateway{
		InternetGatewayId: aws.String(row.ID), OwnerId: aws.String(cloud.Account), Tags: tagList(row.Tags),
	}
	if row.VPC != "" { // the wire says "available" where the model's enum says "attached"
		shown.Attachments = []types.InternetGatewayAttachment{{VpcId: aws.String(row.VPC), State: "available"}}
	}
	return shown
}
