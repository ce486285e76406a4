package ec2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

// ModifyVpcEndpoint changes an endpoint's policy, route tables, subnets, security groups or private DNS.
func (s *Service) ModifyVpcEndpoint(ctx context.Context, in *ec2.ModifyVpcEndpointInput) (*ec2.ModifyVpcEndpointOutput, error) {
	if err := checkEndpointOptions(in.DnsOptions, in.IpAddressType, in.SubnetConfigurations); err != nil {
		return nil, err
	}
	policy, err := parsePolicy(in.PolicyDocument)
	if err != nil {
		return nil, err
	}
	return &ec2.ModifyVpcEndpointOutput{Return: aws.Bool(true)}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := endpoints.find(tx, region, aws.ToString(in.VpcEndpointId))
		if err != nil {
			return err
		}
		if row.Requester {
			return cloud.Errorf("OperationNotPermitted", "The endpoint %s is managed by another service", row.ID)
		}
		if in.PolicyDocument != nil || aws.ToBool(in.ResetPolicy) {
			row.Policy = policy
		}
		if err := changeTables(tx, region, row, in.AddRouteTableIds, in.RemoveRouteTableIds); err != nil {
			return err
		}
		if err := s.changeGroups(tx, region, row, in.AddSecurityGroupIds, in.RemoveSecurityGroupIds); err != nil {
			return err
		}
		if err := s.changeSubnets(tx, region, row, in.AddSubnetIds, in.RemoveSubnetIds); err != nil {
			return err
		}
		if err := changePrivateDNS(tx, region, row, in.PrivateDnsEnabled); err != nil {
			return err
		}
		return endpoints.save(tx, region, row)
	})
}

func changeTables(tx *cloud.Tx, region string, row *endpointRow, add, remove []string) error {
	if len(add)+len(remove) > 0 && row.Type != types.VpcEndpointTypeGateway {
		return cloud.Errorf("InvalidParameter", "Only gateway endpoints have route tables; %s is of type %s", row.ID, row.Type)
	}
	row.RouteTables = slices.DeleteFunc(row.RouteTables, func(id string) bool { return slices.Contains(remove, id) })
	return addEndpointTables(tx, region, row, add)
}

func (s *Service) changeGroups(tx *cloud.Tx, region string, row *endpointRow, add, remove []string) error {
	if len(add)+len(remove) == 0 {
		return nil
	}
	if row.Type != types.VpcEndpointTypeInterface {
		return cloud.Errorf("InvalidParameter", "Only interface endpoints have security groups; %s is of type %s", row.ID, row.Type)
	}
	groups := slices.DeleteFunc(slices.Clone(row.Groups), func(id string) bool { return slices.Contains(remove, id) })
	for _, id := range add {
		if !slices.Contains(groups, id) {
			groups = append(groups, id)
		}
	}
	if len(groups) == 0 {
		return cloud.Errorf("InvalidParameter", "An interface endpoint needs a security group")
	}
	row.Groups = groups
	for _, nic := range row.Interfaces {
		if err := s.SetInterfaceGroups(tx, region, nic.Interface, groups); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) changeSubnets(tx *cloud.Tx, region string, row *endpointRow, add, remove []string) error {
	if len(add)+len(remove) == 0 {
		return nil
	}
	if row.Type != types.VpcEndpointTypeInterface {
		return cloud.Errorf("InvalidParameter", "Only interface endpoints have subnets; %s is of type %s", row.ID, row.Type)
	}
	kept := row.Interfaces[:0:0]
	for _, nic := range row.Interfaces {
		if !slices.Contains(remove, nic.Subnet) {
			kept = append(kept, nic)
			continue
		}
		if err := s.DeleteInterface(tx, region, nic.Interface); err != nil {
			return err
		}
	}
	row.Interfaces = kept
	for _, id := range add {
		if err := s.addEndpointSubnet(tx, region, row, id, vpc.RoleEndpoint); err != nil {
			return err
		}
	}
	return nil
}

func changePrivateDNS(tx *cloud.Tx, region string, row *endpointRow, on *bool) error {
	if on == nil {
		return nil
	}
	if row.Type != types.VpcEndpointTypeInterface {
		return refuse("PrivateDnsEnabled", on)
	}
	row.PrivateDNS = *on
	if !*on {
		return nil
	}
	owner, err := vpcs.find(tx, region, row.VPC)
	if err != nil {
		return err
	}
	return checkPrivateDNS(tx, region, row, owner)
}
