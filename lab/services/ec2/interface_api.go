package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// CreateNetworkInterface makes an interface that an instance can be launched with.
func (s *Service) CreateNetworkInterface(ctx context.Context, in *ec2.CreateNetworkInterfaceInput) (*ec2.CreateNetworkInterfaceOutput, error) {
	err := refuse("Ipv6AddressCount", in.Ipv6AddressCount, "SecondaryPrivateIpAddressCount", in.SecondaryPrivateIpAddressCount,
		"PrivateIpAddresses", len(in.PrivateIpAddresses) > 1)
	if err != nil {
		return nil, err
	}
	if in.InterfaceType != "" && in.InterfaceType != "interface" {
		return nil, cloud.Unsupportedf("UnsupportedOperation", "the interface type %s", in.InterfaceType)
	}
	address := aws.ToString(in.PrivateIpAddress)
	if len(in.PrivateIpAddresses) == 1 {
		address = aws.ToString(in.PrivateIpAddresses[0].PrivateIpAddress)
	}
	out := &ec2.CreateNetworkInterfaceOutput{ClientToken: in.ClientToken}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		id, err := once(tx, region, "CreateNetworkInterface", in.ClientToken, in, interfaces.exists(tx, region), func() (string, error) {
			head, err := interfaces.newMeta(in.TagSpecifications)
			if err != nil {
				return "", err
			}
			subnet, err := subnets.find(tx, region, aws.ToString(in.SubnetId))
			if err != nil {
				return "", err
			}
			row := &interfaceRow{meta: head, Groups: in.Groups, Description: aws.ToString(in.Description), Type: types.NetworkInterfaceTypeInterface}
			if len(row.Groups) == 0 {
				if row.Groups, err = defaultGroups(tx, region, subnet.VPC); err != nil {
					return "", err
				}
			}
			return row.ID, createInterface(tx, region, row, subnet.ID, address)
		})
		if err != nil {
			return err
		}
		row, err := interfaces.find(tx, region, id)
		if err != nil {
			return err
		}
		around, err := survey(tx, region)
		shown := showInterface(row, around)
		out.NetworkInterface = &shown
		return err
	})
}

// DeleteNetworkInterface deletes an interface that is attached to nothing.
func (s *Service) DeleteNetworkInterface(ctx context.Context, in *ec2.DeleteNetworkInterfaceInput) (*ec2.DeleteNetworkInterfaceOutput, error) {
	return &ec2.DeleteNetworkInterfaceOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := interfaces.find(tx, region, aws.ToString(in.NetworkInterfaceId))
		if err != nil {
			return err
		}
		if row.Attachment != nil {
			return cloud.Errorf("InvalidParameterValue", "Network interface '%s' is currently in use.", row.ID)
		}
		return dropInterface(tx, region, row)
	})
}

// DetachNetworkInterface refuses, as AWS does, what the lab has: primary interfaces, and those that services own.
func (s *Service) DetachNetworkInterface(ctx context.Context, in *ec2.DetachNetworkInterfaceInput) (*ec2.DetachNetworkInterfaceOutput, error) {
	_ = in.Force // nothing can be detached
	return nil, s.view(ctx, func(tx *cloud.Tx, region string) error {
		found, err := interfaces.where(tx, region, func(r *interfaceRow) bool {
			return r.Attachment != nil && r.Attachment.ID == aws.ToString(in.AttachmentId)
		})
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return cloud.Errorf("InvalidAttachmentID.NotFound", "The attachment '%s' does not exist", aws.ToString(in.AttachmentId))
		case found[0].Requester != "":
			return cloud.Errorf("AuthFailure", "You do not have permission to access the specified resource: %s is managed by %s.", found[0].ID, found[0].Requester)
		}
		return cloud.Errorf("OperationNotPermitted", "The network interface at device index 0 and networkCard index 0 cannot be detached.")
	})
}

// ModifyNetworkInterfaceAttribute changes an interface's description, security groups, source check or attachment.
func (s *Service) ModifyNetworkInterfaceAttribute(ctx context.Context, in *ec2.ModifyNetworkInterfaceAttributeInput) (*ec2.ModifyNetworkInterfaceAttributeOutput, error) {
	return &ec2.ModifyNetworkInterfaceAttributeOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := interfaces.find(tx, region, aws.ToString(in.NetworkInterfaceId))
		if err != nil {
			return err
		}
		if row.Requester != "" {
			return cloud.Errorf("AuthFailure", "You do not have permission to access the specified resource: %s is managed by %s.", row.ID, row.Requester)
		}
		if len(in.Groups) > 0 {
			if err := checkGroups(tx, region, row.VPC, in.Groups); err != nil {
				return err
			}
			row.Groups = in.Groups
		}
		if in.Description != nil {
			row.Description = aws.ToString(in.Description.Value)
		}
		if in.SourceDestCheck != nil {
			row.NoCheck = !aws.ToBool(in.SourceDestCheck.Value)
		}
		if change := in.Attachment; change != nil {
			if row.Attachment == nil || row.Attachment.ID != aws.ToString(change.AttachmentId) {
				return cloud.Errorf("InvalidAttachmentID.NotFound", "The attachment '%s' does not exist", aws.ToString(change.AttachmentId))
			}
			row.Attachment.DeleteOnTermination = aws.ToBool(change.DeleteOnTermination)
		}
		return interfaces.save(tx, region, row)
	})
}
