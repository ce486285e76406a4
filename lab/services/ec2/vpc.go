package ec2

import (
	"cmp"
	"context"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// maxVPCs is the quota of VPCs in a region: AWS's is 5 and is commonly raised to this
// (https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html).
const maxVPCs = 100

// A VPC's and a subnet's blocks have these sizes (https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html).
const (
	widestBlock    = 16
	narrowestBlock = 28
)

// CreateVpc makes a VPC with its default network ACL, main route table and default security group.
func (s *Service) CreateVpc(ctx context.Context, in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error) {
	if err := refuse("AmazonProvidedIpv6CidrBlock", in.AmazonProvidedIpv6CidrBlock, "Ipv6CidrBlock", in.Ipv6CidrBlock); err != nil {
		return nil, err
	}
	block, err := parseVPCBlock(aws.ToString(in.CidrBlock))
	if err != nil {
		return nil, err
	}
	out := &ec2.CreateVpcOutput{}
	err = s.update(ctx, func(tx *cloud.Tx, region string) error {
		head, err := vpcs.newMeta(in.TagSpecifications)
		if err != nil {
			return err
		}
		if err := checkQuota(tx, region, vpcs, nil, maxVPCs, "VpcLimitExceeded", "VPCs"); err != nil {
			return err
		}
		row := &vpcRow{
			meta: head, Tenancy: cmp.Or(in.InstanceTenancy, types.TenancyDefault), DNSSupport: true,
			CIDRs: []cidrAssociation{{ID: cloud.NewID("vpc-cidr-assoc"), CIDR: block}},
		}
		if row.Tenancy != types.TenancyDefault {
			return cloud.Unsupportedf("UnsupportedOperation", "the instance tenancy %s", row.Tenancy)
		}
		if err := vpcs.save(tx, region, row); err != nil {
			return err
		}
		out.Vpc = showVPC(row)
		out.Vpc.State = types.VpcStatePending
		return createDefaults(tx, region, row.ID)
	})
	return out, err
}

func createDefaults(tx *cloud.Tx, region, vpcID string) error {
	if err := createDefaultACL(tx, region, vpcID); err != nil {
		return err
	}
	if err := createMainTable(tx, region, vpcID); err != nil {
		return err
	}
	group := &securityGroupRow{
		meta: meta{ID: cloud.NewID("sg"), Created: now()}, VPC: vpcID, Name: "default", Description: "default VPC security group",
	}
	return createGroup(tx, region, group, true)
}

func parseVPCBlock(text string) (netip.Prefix, error) {
	if text == "" {
		return netip.Prefix{}, cloud.Errorf("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")
	}
	block, err := parseCIDR(text)
	if err == nil && (block.Bits() < widestBlock || block.Bits() > narrowestBlock) {
		err = cloud.Errorf("InvalidVpc.Range", "The CIDR '%s' is invalid: a block is between /%d and /%d.", text, widestBlock, narrowestBlock)
	}
	return block, err
}

// checkQuota refuses one more of a kind when so many count already.
func checkQuota[R any, P rowOf[R]](tx *cloud.Tx, region string, k kind[R, P], counts func(*R) bool, most int, code, what string) error {
	if counts == nil {
		counts = func(*R) bool { return true }
	}
	rows, err := k.where(tx, region, counts)
	if err == nil && len(rows) >= most {
		err = cloud.Errorf(code, "The maximum number of %s has been reached: %d.", what, most)
	}
	return err
}

var vpcFilters = filterSet[types.Vpc]{
	tags: func(v *types.Vpc) []types.Tag { return v.Tags },
	named: map[string]func(*types.Vpc) []string{
		"cidr":       func(v *types.Vpc) []string { return text(v.CidrBlock) },
		"cidr-block": func(v *types.Vpc) []string { return text(v.CidrBlock) },
		"cidr-block-association.cidr-block": func(v *types.Vpc) []string {
			return each(v.CidrBlockAssociationSet, func(a types.VpcCidrBlockAssociation) []string { return text(a.CidrBlock) })
		},
		"cidr-block-association.association-id": func(v *types.Vpc) []string {
			return each(v.CidrBlockAssociationSet, func(a types.VpcCidrBlockAssociation) []string { return text(a.AssociationId) })
		},
		"cidr-block-association.state": func(v *types.Vpc) []string {
			return each(v.CidrBlockAssociationSet, func(a types.VpcCidrBlockAssociation) []string {
				return []string{string(a.CidrBlockState.State)}
			})
		},
		"ipv6-cidr-block-association.association-id":  func(*types.Vpc) []string { return nil },
		"ipv6-cidr-block-association.ipv6-cidr-block": func(*types.Vpc) []string { return nil },
		"dhcp-options-id": func(v *types.Vpc) []string { return text(v.DhcpOptionsId) },
		"is-default":      func(v *types.Vpc) []string { return flag(v.IsDefault) },
		"isDefault":       func(v *types.Vpc) []string { return flag(v.IsDefault) },
		"owner-id":        func(v *types.Vpc) []string { return text(v.OwnerId) },
		"state":           func(v *types.Vpc) []string { return []string{string(v.State)} },
		"vpc-id":          func(v *types.Vpc) []string { return text(v.VpcId) },
	},
}

// DescribeVpcs lists VPCs.
func (s *Service) DescribeVpcs(ctx context.Context, in *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
	out := &ec2.DescribeVpcsOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) (err error) {
		q := query{in.VpcIds, in.Filters, in.MaxResults, in.NextToken}
		out.Vpcs, out.NextToken, err = describe(tx, region, vpcs, q, vpcFilters, func(row *vpcRow) (types.Vpc, error) {
			return *showVPC(row), nil
		})
		return err
	})
	return out, err
}

func showVPC(row *vpcRow) *types.Vpc {
	shown := &types.Vpc{
		VpcId: aws.String(row.ID), CidrBlock: aws.String(row.CIDRs[0].CIDR.String()), State: types.VpcStateAvailable,
		InstanceTenancy: row.Tenancy, IsDefault: aws.Bool(false), OwnerId: aws.String(cloud.Account),
		DhcpOptionsId: aws.String("default"), Tags: tagList(row.Tags),
	}
	for _, association := range row.CIDRs {
		shown.CidrBlockAssociationSet = append(shown.CidrBlockAssociationSet, *showVPCBlock(association))
	}
	return shown
}

func showVPCBlock(association cidrAssociation) *types.VpcCidrBlockAssociation {
	return &types.VpcCidrBlockAssociation{
		AssociationId: aws.String(association.ID), CidrBlock: aws.String(association.CIDR.String()),
		CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeAssociated},
	}
}
