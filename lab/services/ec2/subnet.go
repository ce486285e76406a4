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

// maxSubnets is the quota of subnets in a VPC (https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html).
const maxSubnets = 200

// CreateSubnet makes a subnet in a zone; it uses the VPC's main route table and default network ACL.
func (s *Service) CreateSubnet(ctx context.Context, in *ec2.CreateSubnetInput) (*ec2.CreateSubnetOutput, error) {
	if err := refuse("Ipv6CidrBlock", in.Ipv6CidrBlock, "Ipv6Native", in.Ipv6Native, "OutpostArn", in.OutpostArn); err != nil {
		return nil, err
	}
	if in.CidrBlock == nil {
		return nil, cloud.Errorf("MissingParameter", "Either 'ipv6CidrBlock' or 'cidrBlock' should be provided.")
	}
	block, err := parseCIDR(*in.CidrBlock)
	if err != nil {
		return nil, err
	}
	out := &ec2.CreateSubnetOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		owner, err := vpcs.find(tx, region, aws.ToString(in.VpcId))
		if err != nil {
			return err
		}
		zone, err := chooseZone(region, in.AvailabilityZone, in.AvailabilityZoneId)
		if err != nil {
			return err
		}
		if err := checkSubnetBlock(tx, region, owner, block); err != nil {
			return err
		}
		head, err := subnets.newMeta(in.TagSpecifications)
		if err != nil {
			return err
		}
		acl, err := defaultACL(tx, region, owner.ID)
		if err != nil {
			return err
		}
		row := &subnetRow{
			meta: head, VPC: owner.ID, Zone: zone, CIDR: block, HostnameType: types.HostnameTypeIpName,
			ACL: acl.ID, ACLAssoc: cloud.NewID("aclassoc"),
		}
		out.Subnet = showSubnet(row, region, 0)
		out.Subnet.State = types.SubnetStatePending
		return subnets.save(tx, region, row)
	})
}

// checkSubnetBlock refuses a block outside the VPC, of a wrong size, or that another subnet overlaps.
func checkSubnetBlock(tx *cloud.Tx, region string, owner *vpcRow, block netip.Prefix) error {
	inside := func(c cidrAssociation) bool { return within(block, c.CIDR) }
	if block.Bits() < widestBlock || block.Bits() > narrowestBlock || !slices.ContainsFunc(owner.CIDRs, inside) {
		return cloud.Errorf("InvalidSubnet.Range", "The CIDR '%s' is invalid: it must be a /%d to /%d inside the VPC's own.", block, widestBlock, narrowestBlock)
	}
	siblings, err := subnets.where(tx, region, func(r *subnetRow) bool { return r.VPC == owner.ID })
	if err != nil {
		return err
	}
	for _, sibling := range siblings {
		if sibling.CIDR.Overlaps(block) {
			return cloud.Errorf("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet: %s has %s", block, sibling.ID, sibling.CIDR)
		}
	}
	if len(siblings) >= maxSubnets {
		return cloud.Errorf("SubnetLimitExceeded", "The maximum number of subnets has been reached: %d.", maxSubnets)
	}
	return nil
}

// DeleteSubnet deletes a subnet without interfaces; its associations go with it.
func (s *Service) DeleteSubnet(ctx context.Context, in *ec2.DeleteSubnetInput) (*ec2.DeleteSubnetOutput, error) {
	return &ec2.DeleteSubnetOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := subnets.find(tx, region, aws.ToString(in.SubnetId))
		if err != nil {
			return err
		}
		user, err := firstOf(tx, region, interfaces, func(r *interfaceRow) bool { return r.Subnet == row.ID })()
		if err != nil {
			return err
		}
		if user != "" {
			return cloud.Errorf("DependencyViolation", "The subnet '%s' has dependencies and cannot be deleted: %s is in it.", row.ID, user)
		}
		if err := forgetSubnet(tx, region, row.ID); err != nil {
			return err
		}
		return subnets.remove(tx, region, row)
	})
}

var subnetFilters = filterSet[types.Subnet]{
	tags: func(n *types.Subnet) []types.Tag { return n.Tags },
	named: map[string]func(*types.Subnet) []string{
		"availability-zone":          func(n *types.Subnet) []string { return text(n.AvailabilityZone) },
		"availabilityZone":           func(n *types.Subnet) []string { return text(n.AvailabilityZone) },
		"availability-zone-id":       func(n *types.Subnet) []string { return text(n.AvailabilityZoneId) },
		"availabilityZoneId":         func(n *types.Subnet) []string { return text(n.AvailabilityZoneId) },
		"available-ip-address-count": func(n *types.Subnet) []string { return number(n.AvailableIpAddressCount) },
		"cidr":                       func(n *types.Subnet) []string { return text(n.CidrBlock) },
		"cidr-block":                 func(n *types.Subnet) []string { return text(n.CidrBlock) },
		"cidrBlock":                  func(n *types.Subnet) []string { return text(n.CidrBlock) },
		"default-for-az":             func(n *types.Subnet) []string { return flag(n.DefaultForAz) },
		"defaultForAz":               func(n *types.Subnet) []string { return flag(n.DefaultForAz) },
		"map-public-ip-on-launch":    func(n *types.Subnet) []string { return flag(n.MapPublicIpOnLaunch) },
		"owner-id":                   func(n *types.Subnet) []string { return text(n.OwnerId) },
		"state":                      func(n *types.Subnet) []string { return []string{string(n.State)} },
		"subnet-arn":                 func(n *types.Subnet) []string { return text(n.SubnetArn) },
		"subnet-id":                  func(n *types.Subnet) []string { return text(n.SubnetId) },
		"vpc-id":                     func(n *types.Subnet) []string { return text(n.VpcId) },
		"ipv6-native":                func(n *types.Subnet) []string { return flag(n.Ipv6Native) },
		"ipv6-cidr-block-association.association-id":  func(*types.Subnet) []string { return nil },
		"ipv6-cidr-block-association.ipv6-cidr-block": func(*types.Subnet) []string { return nil },
	},
}

// DescribeSubnets lists subnets.
func (s *Service) DescribeSubnets(ctx context.Context, in *ec2.DescribeSubnetsInput) (*ec2.DescribeSubnetsOutput, error) {
	out := &ec2.DescribeSubnetsOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		used, err := usedAddresses(tx, region)
		if err != nil {
			return err
		}
		q := query{in.SubnetIds, in.Filters, in.MaxResults, in.NextToken}
		out.Subnets, out.NextToken, err = describe(tx, region, subnets, q, subnetFilters, func(row *subnetRow) (types.Subnet, error) {
			return *showSubnet(row, region, used[row.ID]), nil
		})
		return err
	})
	return out, err
}

// usedAddresses counts the interfaces of each subnet.
func usedAddresses(tx *cloud.Tx, region string) (map[string]int, error) {
	rows, err := interfaces.List(tx, region)
	used := map[string]int{}
	for _, row := range rows {
		used[row.Subnet]++
	}
	return used, err
}

func showSubnet(row *subnetRow, region string, used int) *types.Subnet {
	return &types.Subnet{
		SubnetId: aws.String(row.ID), SubnetArn: aws.String(cloud.ARN("ec2", region, "subnet/"+row.ID)),
		VpcId: aws.String(row.VPC), CidrBlock: aws.String(row.CIDR.String()), State: types.SubnetStateAvailable,
		AvailabilityZone: aws.String(row.Zone), AvailabilityZoneId: aws.String(cloud.ZoneID(row.Zone)),
		AvailableIpAddressCount: aws.Int32(int32(usable(row.CIDR)) - int32(used)),
		MapPublicIpOnLaunch:     aws.Bool(row.MapPublicIP), DefaultForAz: aws.Bool(false),
		AssignIpv6AddressOnCreation: aws.Bool(false), EnableDns64: aws.Bool(false), Ipv6Native: aws.Bool(false),
		MapCustomerOwnedIpOnLaunch: aws.Bool(false), OwnerId: aws.String(cloud.Account), Tags: tagList(row.Tags),
		PrivateDnsNameOptionsOnLaunch: &types.PrivateDnsNameOptionsOnLaunch{
			HostnameType: row.HostnameType, EnableResourceNameDnsARecord: aws.Bool(row.ResourceDNS),
			EnableResourceNameDnsAAAARecord: aws.Bool(false),
		},
	}
}

// ModifySubnetAttribute changes one attribute of a subnet.
func (s *Service) ModifySubnetAttribute(ctx context.Context, in *ec2.ModifySubnetAttributeInput) (*ec2.ModifySubnetAttributeOutput, error) {
	err := refuse("AssignIpv6AddressOnCreation", in.AssignIpv6AddressOnCreation, "EnableDns64", in.EnableDns64,
		"EnableResourceNameDnsAAAARecordOnLaunch", in.EnableResourceNameDnsAAAARecordOnLaunch,
		"MapCustomerOwnedIpOnLaunch", in.MapCustomerOwnedIpOnLaunch)
	if err != nil {
		return nil, err
	}
	return &ec2.ModifySubnetAttributeOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := subnets.find(tx, region, aws.ToString(in.SubnetId))
		if err != nil {
			return err
		}
		if in.MapPublicIpOnLaunch != nil {
			row.MapPublicIP = aws.ToBool(in.MapPublicIpOnLaunch.Value)
		}
		if in.PrivateDnsHostnameTypeOnLaunch != "" {
			row.HostnameType = in.PrivateDnsHostnameTypeOnLaunch
		}
		if in.EnableResourceNameDnsARecordOnLaunch != nil {
			row.ResourceDNS = aws.ToBool(in.EnableResourceNameDnsARecordOnLaunch.Value)
		}
		return subnets.save(tx, region, row)
	})
}
