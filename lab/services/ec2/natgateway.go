package ec2

import (
	"cmp"
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

// natGatewayRow is a NAT gateway. A deleted or failed one lingers for a while, as in AWS.
type natGatewayRow struct {
	meta
	Subnet       string
	VPC          string
	Connectivity types.ConnectivityType
	Interface    string
	Allocation   string
	Association  string
	PrivateIP    string
	PublicIP     string
	State        types.NatGatewayState
	Failure      *reason `json:",omitempty"`
	DeletedAt    time.Time
}

// Gone tells whether only the record is left.
func (r *natGatewayRow) Gone() bool {
	return r.State == types.NatGatewayStateDeleted || r.State == types.NatGatewayStateFailed
}

var natGateways = kind[natGatewayRow, *natGatewayRow]{
	Table: cloud.NewTable[natGatewayRow]("ec2.nat-gateways"), resource: types.ResourceTypeNatgateway, prefix: "nat",
	noun: "NatGateway", missing: "NatGatewayNotFound", malformed: "NatGatewayMalformed",
}

// CreateNatGateway makes a NAT gateway in a subnet. It is pending until the realm translates by it.
func (s *Service) CreateNatGateway(ctx context.Context, in *ec2.CreateNatGatewayInput) (*ec2.CreateNatGatewayOutput, error) {
	err := refuse("AvailabilityMode", in.AvailabilityMode == types.AvailabilityModeRegional, "SecondaryAllocationIds", in.SecondaryAllocationIds,
		"SecondaryPrivateIpAddressCount", in.SecondaryPrivateIpAddressCount, "SecondaryPrivateIpAddresses", in.SecondaryPrivateIpAddresses)
	if err != nil {
		return nil, err
	}
	public := cmp.Or(in.ConnectivityType, types.ConnectivityTypePublic) == types.ConnectivityTypePublic
	if public != (in.AllocationId != nil) {
		return nil, cloud.Errorf("MissingParameter", "The request must contain the parameter AllocationId when, and only when, connectivityType is public")
	}
	out := &ec2.CreateNatGatewayOutput{ClientToken: in.ClientToken}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		id, err := once(tx, region, "CreateNatGateway", in.ClientToken, in, natGateways.exists(tx, region), func() (string, error) {
			head, err := natGateways.newMeta(in.TagSpecifications)
			if err != nil {
				return "", err
			}
			row := &natGatewayRow{
				meta: head, Subnet: aws.ToString(in.SubnetId), Allocation: aws.ToString(in.AllocationId),
				Connectivity: cmp.Or(in.ConnectivityType, types.ConnectivityTypePublic), State: types.NatGatewayStatePending,
			}
			return row.ID, s.placeNAT(tx, region, row, aws.ToString(in.PrivateIpAddress))
		})
		if err != nil {
			return err
		}
		row, err := natGateways.find(tx, region, id)
		if err == nil {
			shown := showNAT(row)
			out.NatGateway = &shown
		}
		return err
	})
}

// placeNAT gives the gateway its interface. Without an internet gateway a public one fails, as AWS has it.
func (s *Service) placeNAT(tx *cloud.Tx, region string, row *natGatewayRow, address string) error {
	subnet, err := subnets.find(tx, region, row.Subnet)
	if err != nil {
		return err
	}
	row.VPC = subnet.VPC
	gateway, err := gatewayOf(tx, region, subnet.VPC)
	if err != nil {
		return err
	}
	if row.Connectivity == types.ConnectivityTypePublic && gateway == "" {
		row.State, row.DeletedAt = types.NatGatewayStateFailed, now()
		row.Failure = &reason{"Gateway.NotAttached", "Network " + subnet.VPC + " has no Internet gateway attached"}
		return natGateways.save(tx, region, row)
	}
	nic, err := s.CreateInterface(tx, region, InterfaceRequest{
		SubnetID: row.Subnet, Description: "Interface for NAT Gateway " + row.ID, Type: "nat_gateway", // the wire says so where the model's enum says natGateway

		RequesterID: "amazon-nat", Role: vpc.RoleNAT, AllocationID: row.Allocation, Address: address,
	})
	if err != nil {
		return err
	}
	row.Interface, row.PrivateIP, row.PublicIP = nic.ID, nic.Address, nic.PublicIP
	if row.Allocation != "" {
		elastic, err := elastics.find(tx, region, row.Allocation)
		if err != nil {
			return err
		}
		elastic.Service, row.Association = "nat_gateway", elastic.Association
		if err := elastics.save(tx, region, elastic); err != nil {
			return err
		}
	}
	if s.networks == nil { // a record only: nothing will ever realise it
		row.State = types.NatGatewayStateAvailable
	}
	return natGateways.save(tx, region, row)
}

// DeleteNatGateway deletes a NAT gateway at once: its interface goes and its elastic address is free again.
func (s *Service) DeleteNatGateway(ctx context.Context, in *ec2.DeleteNatGatewayInput) (*ec2.DeleteNatGatewayOutput, error) {
	return &ec2.DeleteNatGatewayOutput{NatGatewayId: in.NatGatewayId}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := natGateways.find(tx, region, aws.ToString(in.NatGatewayId))
		if err != nil || row.State == types.NatGatewayStateDeleted {
			return err
		}
		if err := s.DeleteInterface(tx, region, row.Interface); err != nil {
			return err
		}
		row.State, row.DeletedAt = types.NatGatewayStateDeleted, now()
		return natGateways.save(tx, region, row)
	})
}

var natGatewayFilters = filterSet[types.NatGateway]{
	tags: func(g *types.NatGateway) []types.Tag { return g.Tags },
	named: map[string]func(*types.NatGateway) []string{
		"nat-gateway-id":    func(g *types.NatGateway) []string { return text(g.NatGatewayId) },
		"state":             func(g *types.NatGateway) []string { return []string{string(g.State)} },
		"subnet-id":         func(g *types.NatGateway) []string { return text(g.SubnetId) },
		"vpc-id":            func(g *types.NatGateway) []string { return text(g.VpcId) },
		"connectivity-type": func(g *types.NatGateway) []string { return []string{string(g.ConnectivityType)} },
	},
}

// DescribeNatGateways lists NAT gateways.
func (s *Service) DescribeNatGateways(ctx context.Context, in *ec2.DescribeNatGatewaysInput) (*ec2.DescribeNatGatewaysOutput, error) {
	out := &ec2.DescribeNatGatewaysOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) (err error) {
		q := query{in.NatGatewayIds, in.Filter, in.MaxResults, in.NextToken}
		out.NatGateways, out.NextToken, err = describe(tx, region, natGateways, q, natGatewayFilters,
			func(row *natGatewayRow) (types.NatGateway, error) { return showNAT(row), nil })
		return err
	})
	return out, err
}

func showNAT(row *natGatewayRow) types.NatGateway {
	shown := types.NatGateway{
		NatGatewayId: aws.String(row.ID), SubnetId: aws.String(row.Subnet), VpcId: aws.String(row.VPC), State: row.State,
		ConnectivityType: row.Connectivity, CreateTime: aws.Time(row.Created), Tags: tagList(row.Tags),
		NatGatewayAddresses: []types.NatGatewayAddress{{
			AllocationId: optional(row.Allocation), AssociationId: optional(row.Association), NetworkInterfaceId: optional(row.Interface),
			PrivateIp: optional(row.PrivateIP), PublicIp: optional(row.PublicIP), IsPrimary: aws.Bool(true),
			Status: natAddressStatus(row.State),
		}},
	}
	if row.Failure != nil {
		shown.FailureCode, shown.FailureMessage = aws.String(row.Failure.Code), aws.String(row.Failure.Message)
	}
	if row.Gone() {
		shown.DeleteTime = aws.Time(row.DeletedAt)
	}
	return shown
}

func natAddressStatus(state types.NatGatewayState) types.NatGatewayAddressStatus {
	switch state {
	case types.NatGatewayStatePending:
		return types.NatGatewayAddressStatusAssociating
	case types.NatGatewayStateFailed:
		return types.NatGatewayAddressStatusFailed
	}
	return types.NatGatewayAddressStatusSucceeded
}
