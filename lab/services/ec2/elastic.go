package ec2

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// AllocateAddress takes an elastic address.
func (s *Service) AllocateAddress(ctx context.Context, in *ec2.AllocateAddressInput) (*ec2.AllocateAddressOutput, error) {
	if err := refuse("Address", in.Address, "CustomerOwnedIpv4Pool", in.CustomerOwnedIpv4Pool); err != nil {
		return nil, err
	}
	if pool := aws.ToString(in.PublicIpv4Pool); pool != "" && pool != "amazon" {
		return nil, cloud.Errorf("InvalidPublicIpv4PoolID.NotFound", "The pool ID '%s' does not exist", pool)
	}
	out := &ec2.AllocateAddressOutput{Domain: types.DomainTypeVpc, PublicIpv4Pool: aws.String("amazon")}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		if group := cmp.Or(aws.ToString(in.NetworkBorderGroup), region); group != region {
			return cloud.Errorf("InvalidParameterValue", "Value (%s) for parameter networkBorderGroup is invalid. It is %s here.", group, region)
		}
		if in.Domain == types.DomainTypeStandard {
			return cloud.Errorf("UnsupportedOperation", "EC2-Classic has been retired: the domain is vpc")
		}
		head, err := elastics.newMeta(in.TagSpecifications)
		if err != nil {
			return err
		}
		if err := checkQuota(tx, region, elastics, nil, maxAddresses, "AddressLimitExceeded", "addresses"); err != nil {
			return err
		}
		row := &elasticRow{meta: head}
		if row.Public, err = reservePublic(tx, publicRow{Allocation: row.ID}); err != nil {
			return err
		}
		out.AllocationId, out.PublicIp, out.NetworkBorderGroup = aws.String(row.ID), aws.String(row.Public.String()), aws.String(region)
		return elastics.save(tx, region, row)
	})
}

// ReleaseAddress gives an elastic address back that is not in use.
func (s *Service) ReleaseAddress(ctx context.Context, in *ec2.ReleaseAddressInput) (*ec2.ReleaseAddressOutput, error) {
	_ = in.NetworkBorderGroup // a region has one border group
	return &ec2.ReleaseAddressOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findElastic(tx, region, in.AllocationId, in.PublicIp)
		if err != nil {
			return err
		}
		if row.Interface != "" {
			return cloud.Errorf("InvalidIPAddress.InUse", "Address %s is in use.", row.Public)
		}
		if err := publicAddresses.Delete(tx, cloud.Global, row.Public.String()); err != nil {
			return err
		}
		return elastics.remove(tx, region, row)
	})
}

// findElastic finds by allocation or by the address itself.
func findElastic(tx *cloud.Tx, region string, allocation, public *string) (*elasticRow, error) {
	if allocation != nil {
		return elastics.find(tx, region, *allocation)
	}
	if public == nil {
		return nil, cloud.Errorf("MissingParameter", "Either AllocationId or PublicIp must be specified")
	}
	found, err := elastics.where(tx, region, func(r *elasticRow) bool { return r.Public.String() == *public })
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, cloud.Errorf("InvalidAddress.NotFound", "Address '%s' not found.", *public)
	}
	return found[0], nil
}

// AssociateAddress points an elastic address at an instance's primary interface, or at an interface.
func (s *Service) AssociateAddress(ctx context.Context, in *ec2.AssociateAddressInput) (*ec2.AssociateAddressOutput, error) {
	out := &ec2.AssociateAddressOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findElastic(tx, region, in.AllocationId, in.PublicIp)
		if err != nil {
			return err
		}
		nic, err := associationTarget(tx, region, in.InstanceId, in.NetworkInterfaceId)
		if err != nil {
			return err
		}
		if wanted := aws.ToString(in.PrivateIpAddress); wanted != "" && wanted != nic.Address.String() {
			return cloud.Errorf("InvalidParameterValue", "The private address %s is not one of interface %s", wanted, nic.ID)
		}
		if err := checkCanAssociate(tx, region, row, nic, in.AllowReassociation); err != nil {
			return err
		}
		row.Interface = "" // checked above: what it pointed at loses it
		if err := elastics.save(tx, region, row); err != nil {
			return err
		}
		if err := disassociateInterface(tx, region, nic.ID); err != nil {
			return err
		}
		if err := associate(tx, region, row.ID, nic); err != nil {
			return err
		}
		row, err = elastics.find(tx, region, row.ID)
		if err == nil {
			out.AssociationId = aws.String(row.Association)
		}
		return err
	})
}

func associationTarget(tx *cloud.Tx, region string, instanceID, nicID *string) (*interfaceRow, error) {
	if nicID != nil {
		return interfaces.find(tx, region, *nicID)
	}
	if instanceID == nil {
		return nil, cloud.Errorf("MissingParameter", "Either 'InstanceId' or 'NetworkInterfaceId' must be specified")
	}
	instance, err := instances.find(tx, region, *instanceID)
	if err != nil {
		return nil, err
	}
	if instance.ending() {
		return nil, cloud.Errorf("InvalidInstanceID", "The instance '%s' is not in a valid state for this operation.", instance.ID)
	}
	return interfaces.find(tx, region, instance.Interface)
}

// checkCanAssociate refuses to take an address away from elsewhere unless that is asked for, and needs a gateway.
func checkCanAssociate(tx *cloud.Tx, region string, row *elasticRow, nic *interfaceRow, again *bool) error {
	gateway, err := gatewayOf(tx, region, nic.VPC)
	if err != nil {
		return err
	}
	if gateway == "" {
		return cloud.Errorf("Gateway.NotAttached", "Network %s is not attached to any internet gateway", nic.VPC)
	}
	if row.Service != "" {
		return cloud.Errorf("OperationNotPermitted", "The address %s is managed by %s", row.Public, row.Service)
	}
	allowed := again == nil || *again // as for every address of a VPC
	if row.Interface != "" && row.Interface != nic.ID && !allowed {
		return cloud.Errorf("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", row.ID, row.Association)
	}
	return nil
}

// DisassociateAddress frees an elastic address.
func (s *Service) DisassociateAddress(ctx context.Context, in *ec2.DisassociateAddressInput) (*ec2.DisassociateAddressOutput, error) {
	return &ec2.DisassociateAddressOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		found, err := elastics.where(tx, region, func(r *elasticRow) bool {
			return in.AssociationId != nil && r.Association == *in.AssociationId || in.PublicIp != nil && r.Public.String() == *in.PublicIp
		})
		if err != nil {
			return err
		}
		if len(found) == 0 || found[0].Association == "" {
			return cloud.Errorf("InvalidAssociationID.NotFound", "The association ID '%s' does not exist",
				cmp.Or(aws.ToString(in.AssociationId), aws.ToString(in.PublicIp)))
		}
		if found[0].Service != "" {
			return cloud.Errorf("AuthFailure", "You do not have permission to access the specified resource: the address is managed by %s.", found[0].Service)
		}
		found[0].Association, found[0].Interface = "", ""
		return elastics.save(tx, region, found[0])
	})
}

var elasticFilters = filterSet[types.Address]{
	tags: func(a *types.Address) []types.Tag { return a.Tags },
	named: map[string]func(*types.Address) []string{
		"allocation-id":              func(a *types.Address) []string { return text(a.AllocationId) },
		"association-id":             func(a *types.Address) []string { return text(a.AssociationId) },
		"domain":                     func(a *types.Address) []string { return []string{string(a.Domain)} },
		"instance-id":                func(a *types.Address) []string { return text(a.InstanceId) },
		"network-border-group":       func(a *types.Address) []string { return text(a.NetworkBorderGroup) },
		"network-interface-id":       func(a *types.Address) []string { return text(a.NetworkInterfaceId) },
		"network-interface-owner-id": func(a *types.Address) []string { return text(a.NetworkInterfaceOwnerId) },
		"private-ip-address":         func(a *types.Address) []string { return text(a.PrivateIpAddress) },
		"public-ip":                  func(a *types.Address) []string { return text(a.PublicIp) },
	},
}

// DescribeAddresses lists elastic addresses.
func (s *Service) DescribeAddresses(ctx context.Context, in *ec2.DescribeAddressesInput) (*ec2.DescribeAddressesOutput, error) {
	out := &ec2.DescribeAddressesOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) (err error) {
		ids := in.AllocationIds
		for _, public := range in.PublicIps {
			row, err := findElastic(tx, region, nil, aws.String(public))
			if err != nil {
				return err
			}
			ids = append(ids[:len(ids):len(ids)], row.ID)
		}
		out.Addresses, _, err = describe(tx, region, elastics, query{ids: ids, filters: in.Filters}, elasticFilters,
			func(row *elasticRow) (types.Address, error) { return showElastic(tx, region, row) })
		return err
	})
	return out, err
}

func showElastic(tx *cloud.Tx, region string, row *elasticRow) (types.Address, error) {
	shown := types.Address{
		AllocationId: aws.String(row.ID), PublicIp: aws.String(row.Public.String()), Domain: types.DomainTypeVpc,
		NetworkBorderGroup: aws.String(region), PublicIpv4Pool: aws.String("amazon"), Tags: tagList(row.Tags),
		AssociationId: optional(row.Association), NetworkInterfaceId: optional(row.Interface),
	}
	if row.Interface == "" {
		return shown, nil
	}
	nic, err := interfaces.find(tx, region, row.Interface)
	if err != nil {
		return shown, err
	}
	shown.PrivateIpAddress, shown.NetworkInterfaceOwnerId = aws.String(nic.Address.String()), aws.String(cloud.Account)
	if nic.Attachment != nil {
		shown.InstanceId = optional(nic.Attachment.Instance)
	}
	return shown, nil
}

// DescribeAddressesAttribute tells the reverse names of elastic addresses, of which the lab has none.
func (s *Service) DescribeAddressesAttribute(ctx context.Context, in *ec2.DescribeAddressesAttributeInput) (*ec2.DescribeAddressesAttributeOutput, error) {
	_ = in.Attribute // the only one is the domain name
	return &ec2.DescribeAddressesAttributeOutput{}, s.view(ctx, func(tx *cloud.Tx, region string) error {
		_, err := elastics.pick(tx, region, in.AllocationIds)
		return err
	})
}
