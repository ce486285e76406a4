package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

var interfaceFilters = filterSet[types.NetworkInterface]{
	tags: func(n *types.NetworkInterface) []types.Tag { return n.TagSet },
	named: map[string]func(*types.NetworkInterface) []string{
		"addresses.association.public-ip":  ofAssociation(func(a types.NetworkInterfaceAssociation) []string { return text(a.PublicIp) }),
		"addresses.association.owner-id":   ofAssociation(func(a types.NetworkInterfaceAssociation) []string { return text(a.IpOwnerId) }),
		"addresses.private-ip-address":     func(n *types.NetworkInterface) []string { return text(n.PrivateIpAddress) },
		"addresses.primary":                func(*types.NetworkInterface) []string { return []string{"true"} },
		"association.allocation-id":        ofAssociation(func(a types.NetworkInterfaceAssociation) []string { return text(a.AllocationId) }),
		"association.association-id":       ofAssociation(func(a types.NetworkInterfaceAssociation) []string { return text(a.AssociationId) }),
		"association.ip-owner-id":          ofAssociation(func(a types.NetworkInterfaceAssociation) []string { return text(a.IpOwnerId) }),
		"association.public-dns-name":      ofAssociation(func(a types.NetworkInterfaceAssociation) []string { return text(a.PublicDnsName) }),
		"association.public-ip":            ofAssociation(func(a types.NetworkInterfaceAssociation) []string { return text(a.PublicIp) }),
		"attachment.attachment-id":         ofAttachment(func(a types.NetworkInterfaceAttachment) []string { return text(a.AttachmentId) }),
		"attachment.delete-on-termination": ofAttachment(func(a types.NetworkInterfaceAttachment) []string { return flag(a.DeleteOnTermination) }),
		"attachment.device-index":          ofAttachment(func(a types.NetworkInterfaceAttachment) []string { return number(a.DeviceIndex) }),
		"attachment.instance-id":           ofAttachment(func(a types.NetworkInterfaceAttachment) []string { return text(a.InstanceId) }),
		"attachment.instance-owner-id":     ofAttachment(func(a types.NetworkInterfaceAttachment) []string { return text(a.InstanceOwnerId) }),
		"attachment.status":                ofAttachment(func(a types.NetworkInterfaceAttachment) []string { return []string{string(a.Status)} }),
		"availability-zone":                func(n *types.NetworkInterface) []string { return text(n.AvailabilityZone) },
		"availability-zone-id":             func(n *types.NetworkInterface) []string { return text(n.AvailabilityZoneId) },
		"description":                      func(n *types.NetworkInterface) []string { return text(n.Description) },
		"group-id":                         ofNICGroups(func(g types.GroupIdentifier) []string { return text(g.GroupId) }),
		"group-name":                       ofNICGroups(func(g types.GroupIdentifier) []string { return text(g.GroupName) }),
		"interface-type":                   func(n *types.NetworkInterface) []string { return []string{string(n.InterfaceType)} },
		"mac-address":                      func(n *types.NetworkInterface) []string { return text(n.MacAddress) },
		"network-interface-id":             func(n *types.NetworkInterface) []string { return text(n.NetworkInterfaceId) },
		"owner-id":                         func(n *types.NetworkInterface) []string { return text(n.OwnerId) },
		"private-dns-name":                 func(n *types.NetworkInterface) []string { return text(n.PrivateDnsName) },
		"private-ip-address":               func(n *types.NetworkInterface) []string { return text(n.PrivateIpAddress) },
		"requester-id":                     func(n *types.NetworkInterface) []string { return text(n.RequesterId) },
		"requester-managed":                func(n *types.NetworkInterface) []string { return flag(n.RequesterManaged) },
		"source-dest-check":                func(n *types.NetworkInterface) []string { return flag(n.SourceDestCheck) },
		"status":                           func(n *types.NetworkInterface) []string { return []string{string(n.Status)} },
		"subnet-id":                        func(n *types.NetworkInterface) []string { return text(n.SubnetId) },
		"vpc-id":                           func(n *types.NetworkInterface) []string { return text(n.VpcId) },
	},
}

func ofAssociation(values func(types.NetworkInterfaceAssociation) []string) func(*types.NetworkInterface) []string {
	return func(n *types.NetworkInterface) []string {
		if n.Association == nil {
			return nil
		}
		return values(*n.Association)
	}
}

func ofAttachment(values func(types.NetworkInterfaceAttachment) []string) func(*types.NetworkInterface) []string {
	return func(n *types.NetworkInterface) []string {
		if n.Attachment == nil {
			return nil
		}
		return values(*n.Attachment)
	}
}

func ofNICGroups(values func(types.GroupIdentifier) []string) func(*types.NetworkInterface) []string {
	return func(n *types.NetworkInterface) []string { return each(n.Groups, values) }
}

// DescribeNetworkInterfaces lists network interfaces, those of services too.
func (s *Service) DescribeNetworkInterfaces(ctx context.Context, in *ec2.DescribeNetworkInterfacesInput) (*ec2.DescribeNetworkInterfacesOutput, error) {
	out := &ec2.DescribeNetworkInterfacesOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		around, err := survey(tx, region)
		if err != nil {
			return err
		}
		q := query{in.NetworkInterfaceIds, in.Filters, in.MaxResults, in.NextToken}
		out.NetworkInterfaces, out.NextToken, err = describe(tx, region, interfaces, q, interfaceFilters,
			func(row *interfaceRow) (types.NetworkInterface, error) { return showInterface(row, around), nil })
		return err
	})
	return out, err
}

func showInterface(row *interfaceRow, around *surroundings) types.NetworkInterface {
	address := aws.String(row.Address.String())
	name := aws.String(privateName(around.region, row.Address.String()))
	shown := types.NetworkInterface{
		NetworkInterfaceId: aws.String(row.ID), SubnetId: aws.String(row.Subnet), VpcId: aws.String(row.VPC), MacAddress: aws.String(row.MAC),
		AvailabilityZone: aws.String(row.Zone), AvailabilityZoneId: aws.String(cloud.ZoneID(row.Zone)), Description: aws.String(row.Description),
		InterfaceType: row.Type, OwnerId: aws.String(cloud.Account), PrivateIpAddress: address, PrivateDnsName: name,
		RequesterId: optional(row.Requester), RequesterManaged: aws.Bool(row.Requester != ""), SourceDestCheck: aws.Bool(!row.NoCheck),
		Groups: around.groupsOf(row), Status: types.NetworkInterfaceStatusAvailable, TagSet: tagList(row.Tags),
		PrivateIpAddresses: []types.NetworkInterfacePrivateIpAddress{{Primary: aws.Bool(true), PrivateIpAddress: address, PrivateDnsName: name}},
	}
	if row.Attachment != nil {
		shown.Status = types.NetworkInterfaceStatusInUse
		shown.Attachment = showAttachment(row)
	}
	if addr, public, elastic := around.publicOf(row); addr.IsValid() {
		shown.Association = &types.NetworkInterfaceAssociation{
			PublicIp: aws.String(addr.String()), PublicDnsName: aws.String(public), IpOwnerId: aws.String("amazon"),
		}
		if elastic != nil {
			shown.Association.IpOwnerId = aws.String(cloud.Account)
			shown.Association.AllocationId, shown.Association.AssociationId = aws.String(elastic.ID), aws.String(elastic.Association)
		}
		shown.PrivateIpAddresses[0].Association = shown.Association
	}
	return shown
}

// showAttachment names the owning service as the instance's owner where there is no instance, as AWS does.
func showAttachment(row *interfaceRow) *types.NetworkInterfaceAttachment {
	shown := &types.NetworkInterfaceAttachment{
		AttachmentId: aws.String(row.Attachment.ID), AttachTime: aws.Time(row.Attachment.At), DeviceIndex: aws.Int32(row.Attachment.Device),
		DeleteOnTermination: aws.Bool(row.Attachment.DeleteOnTermination), Status: types.AttachmentStatusAttached,
		InstanceId: optional(row.Attachment.Instance), InstanceOwnerId: aws.String(cloud.Account), NetworkCardIndex: aws.Int32(0),
	}
	if row.Requester != "" {
		shown.InstanceOwnerId = aws.String(row.Requester)
	}
	return shown
}
