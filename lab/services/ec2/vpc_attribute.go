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

// maxVPCBlocks is the quota of IPv4 blocks of a VPC.
const maxVPCBlocks = 5

// ModifyVpcAttribute changes one attribute of a VPC.
func (s *Service) ModifyVpcAttribute(ctx context.Context, in *ec2.ModifyVpcAttributeInput) (*ec2.ModifyVpcAttributeOutput, error) {
	return &ec2.ModifyVpcAttributeOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := vpcs.find(tx, region, aws.ToString(in.VpcId))
		if err != nil {
			return err
		}
		given := []struct {
			value *types.AttributeBooleanValue
			into  *bool
		}{
			{in.EnableDnsHostnames, &row.DNSHostnames},
			{in.EnableDnsSupport, &row.DNSSupport},
			{in.EnableNetworkAddressUsageMetrics, &row.AddressUsageMetrics},
		}
		count := 0
		for _, attribute := range given {
			if attribute.value != nil {
				*attribute.into = aws.ToBool(attribute.value.Value)
				count++
			}
		}
		if count != 1 {
			return cloud.Errorf("InvalidParameterCombination", "Exactly one attribute must be specified, and %d are", count)
		}
		return vpcs.save(tx, region, row)
	})
}

// DescribeVpcAttribute tells one attribute of a VPC.
func (s *Service) DescribeVpcAttribute(ctx context.Context, in *ec2.DescribeVpcAttributeInput) (*ec2.DescribeVpcAttributeOutput, error) {
	out := &ec2.DescribeVpcAttributeOutput{VpcId: in.VpcId}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		row, err := vpcs.find(tx, region, aws.ToString(in.VpcId))
		if err != nil {
			return err
		}
		switch in.Attribute {
		case types.VpcAttributeNameEnableDnsHostnames:
			out.EnableDnsHostnames = &types.AttributeBooleanValue{Value: aws.Bool(row.DNSHostnames)}
		case types.VpcAttributeNameEnableDnsSupport:
			out.EnableDnsSupport = &types.AttributeBooleanValue{Value: aws.Bool(row.DNSSupport)}
		case types.VpcAttributeNameEnableNetworkAddressUsageMetrics:
			out.EnableNetworkAddressUsageMetrics = &types.AttributeBooleanValue{Value: aws.Bool(row.AddressUsageMetrics)}
		default:
			return cloud.Errorf("InvalidParameterValue", "Value (%s) for parameter attribute is invalid", in.Attribute)
		}
		return nil
	})
	return out, err
}

// ModifyVpcTenancy changes a VPC's tenancy to "default", the only one that the lab has.
func (s *Service) ModifyVpcTenancy(ctx context.Context, in *ec2.ModifyVpcTenancyInput) (*ec2.ModifyVpcTenancyOutput, error) {
	_ = in.InstanceTenancy // the only value of its type is "default"
	return &ec2.ModifyVpcTenancyOutput{ReturnValue: aws.Bool(true)}, s.view(ctx, func(tx *cloud.Tx, region string) error {
		_, err := vpcs.find(tx, region, aws.ToString(in.VpcId))
		return err
	})
}

// AssociateVpcCidrBlock adds a secondary block to a VPC.
func (s *Service) AssociateVpcCidrBlock(ctx context.Context, in *ec2.AssociateVpcCidrBlockInput) (*ec2.AssociateVpcCidrBlockOutput, error) {
	if err := refuse("AmazonProvidedIpv6CidrBlock", in.AmazonProvidedIpv6CidrBlock); err != nil {
		return nil, err
	}
	block, err := parseVPCBlock(aws.ToString(in.CidrBlock))
	if err != nil {
		return nil, err
	}
	out := &ec2.AssociateVpcCidrBlockOutput{VpcId: in.VpcId}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := vpcs.find(tx, region, aws.ToString(in.VpcId))
		if err != nil {
			return err
		}
		if len(row.CIDRs) >= maxVPCBlocks {
			return cloud.Errorf("CidrLimitExceeded", "This network '%s' has met its maximum number of allowed CIDRs: %d", row.ID, maxVPCBlocks)
		}
		if slices.ContainsFunc(row.CIDRs, func(c cidrAssociation) bool { return c.CIDR.Overlaps(block) }) {
			return cloud.Errorf("InvalidVpc.Range", "The CIDR '%s' conflicts with another CIDR of the VPC", block)
		}
		added := cidrAssociation{ID: cloud.NewID("vpc-cidr-assoc"), CIDR: block}
		row.CIDRs = append(row.CIDRs, added)
		out.CidrBlockAssociation = showVPCBlock(added)
		return vpcs.save(tx, region, row)
	})
}

// DisassociateVpcCidrBlock removes a secondary block that no subnet uses.
func (s *Service) DisassociateVpcCidrBlock(ctx context.Context, in *ec2.DisassociateVpcCidrBlockInput) (*ec2.DisassociateVpcCidrBlockOutput, error) {
	out := &ec2.DisassociateVpcCidrBlockOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		id := aws.ToString(in.AssociationId)
		position := func(r *vpcRow) int {
			return slices.IndexFunc(r.CIDRs, func(c cidrAssociation) bool { return c.ID == id })
		}
		found, err := vpcs.where(tx, region, func(r *vpcRow) bool { return position(r) >= 0 })
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return cloud.Errorf("InvalidVpcCidrBlockAssociationID.NotFound", "The vpc CIDR block association ID '%s' does not exist", id)
		}
		row, at := found[0], position(found[0])
		if at == 0 {
			return cloud.Errorf("OperationNotPermitted", "The vpc CIDR block with association ID %s may not be disassociated. It is the primary IPv4 CIDR block of the VPC", id)
		}
		if err := checkBlockUnused(tx, region, row.ID, row.CIDRs[at].CIDR); err != nil {
			return err
		}
		out.VpcId, out.CidrBlockAssociation = aws.String(row.ID), showVPCBlock(row.CIDRs[at])
		out.CidrBlockAssociation.CidrBlockState.State = types.VpcCidrBlockStateCodeDisassociating
		row.CIDRs = slices.Delete(row.CIDRs, at, at+1)
		return vpcs.save(tx, region, row)
	})
}

func checkBlockUnused(tx *cloud.Tx, region, vpcID string, block netip.Prefix) error {
	user, err := firstOf(tx, region, subnets, func(r *subnetRow) bool { return r.VPC == vpcID && within(r.CIDR, block) })()
	if err == nil && user != "" {
		err = cloud.Errorf("DependencyViolation", "The CIDR block %s has dependencies and cannot be disassociated: %s is in it.", block, user)
	}
	return err
}
