package ec2

import (
	"context"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// Quotas of network ACLs (https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-nacls).
const (
	maxACLs       = 200 // in a VPC
	maxACLEntries = 20  // in each direction
	lastACLRule   = 32766
)

// networkACLRow is a network ACL; which subnets use it is told by them.
type networkACLRow struct {
	meta
	VPC     string
	Default bool
	Entries []aclEntry // in the order of direction and number; the final deny is implied
}

type aclEntry struct {
	Number   int32
	Egress   bool
	Protocol string // a number; "-1": all
	Allow    bool
	CIDR     netip.Prefix
	From, To int32 // ports, for protocols 6 and 17
	ICMPType int32 // for protocol 1
	ICMPCode int32
}

var networkACLs = kind[networkACLRow, *networkACLRow]{
	Table: cloud.NewTable[networkACLRow]("ec2.network-acls"), resource: types.ResourceTypeNetworkAcl, prefix: "acl",
	noun: "networkAcl ID", missing: "InvalidNetworkAclID.NotFound", malformed: "InvalidNetworkAclId.Malformed",
}

var anywhere = netip.MustParsePrefix("0.0.0.0/0")

// createDefaultACL makes a VPC's default network ACL, which lets everything through.
func createDefaultACL(tx *cloud.Tx, region, vpcID string) error {
	row := &networkACLRow{meta: meta{ID: cloud.NewID("acl"), Created: now()}, VPC: vpcID, Default: true}
	for _, egress := range []bool{false, true} {
		row.Entries = append(row.Entries, aclEntry{Number: 100, Egress: egress, Protocol: "-1", Allow: true, CIDR: anywhere})
	}
	return networkACLs.save(tx, region, row)
}

func defaultACL(tx *cloud.Tx, region, vpcID string) (*networkACLRow, error) {
	found, err := networkACLs.where(tx, region, func(r *networkACLRow) bool { return r.VPC == vpcID && r.Default })
	if err != nil || len(found) == 0 {
		return nil, cmpErr(err, cloud.Errorf("InvalidNetworkAclID.NotFound", "The VPC '%s' has no default network ACL", vpcID))
	}
	return found[0], nil
}

// CreateNetworkAcl makes a network ACL that denies everything until it has entries.
func (s *Service) CreateNetworkAcl(ctx context.Context, in *ec2.CreateNetworkAclInput) (*ec2.CreateNetworkAclOutput, error) {
	out := &ec2.CreateNetworkAclOutput{ClientToken: in.ClientToken}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		id, err := once(tx, region, "CreateNetworkAcl", in.ClientToken, in, networkACLs.exists(tx, region), func() (string, error) {
			owner, err := vpcs.find(tx, region, aws.ToString(in.VpcId))
			if err != nil {
				return "", err
			}
			inVPC := func(r *networkACLRow) bool { return r.VPC == owner.ID }
			if err := checkQuota(tx, region, networkACLs, inVPC, maxACLs, "NetworkAclLimitExceeded", "network ACLs"); err != nil {
				return "", err
			}
			head, err := networkACLs.newMeta(in.TagSpecifications)
			if err != nil {
				return "", err
			}
			return head.ID, networkACLs.save(tx, region, &networkACLRow{meta: head, VPC: owner.ID})
		})
		if err != nil {
			return err
		}
		row, err := networkACLs.find(tx, region, id)
		if err == nil {
			out.NetworkAcl = showACL(row, nil)
		}
		return err
	})
}

// DeleteNetworkAcl deletes a network ACL that no subnet uses.
func (s *Service) DeleteNetworkAcl(ctx context.Context, in *ec2.DeleteNetworkAclInput) (*ec2.DeleteNetworkAclOutput, error) {
	return &ec2.DeleteNetworkAclOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := networkACLs.find(tx, region, aws.ToString(in.NetworkAclId))
		if err != nil {
			return err
		}
		if row.Default {
			return cloud.Errorf("InvalidParameterValue", "cannot delete default network ACL %s", row.ID)
		}
		user, err := firstOf(tx, region, subnets, func(r *subnetRow) bool { return r.ACL == row.ID })()
		if err != nil {
			return err
		}
		if user != "" {
			return cloud.Errorf("DependencyViolation", "The networkAcl '%s' has dependencies and cannot be deleted: %s uses it.", row.ID, user)
		}
		return networkACLs.remove(tx, region, row)
	})
}

// ReplaceNetworkAclAssociation has a subnet, named by its association, use another network ACL.
func (s *Service) ReplaceNetworkAclAssociation(ctx context.Context, in *ec2.ReplaceNetworkAclAssociationInput) (*ec2.ReplaceNetworkAclAssociationOutput, error) {
	out := &ec2.ReplaceNetworkAclAssociationOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		acl, err := networkACLs.find(tx, region, aws.ToString(in.NetworkAclId))
		if err != nil {
			return err
		}
		found, err := subnets.where(tx, region, func(r *subnetRow) bool { return r.ACLAssoc == aws.ToString(in.AssociationId) })
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return cloud.Errorf("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", aws.ToString(in.AssociationId))
		}
		if found[0].VPC != acl.VPC {
			return cloud.Errorf("InvalidParameterValue", "The network ACL %s and the subnet %s belong to different networks", acl.ID, found[0].ID)
		}
		found[0].ACL, found[0].ACLAssoc = acl.ID, cloud.NewID("aclassoc")
		out.NewAssociationId = aws.String(found[0].ACLAssoc)
		return subnets.save(tx, region, found[0])
	})
}
