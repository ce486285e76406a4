package ec2

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

var networkACLFilters = filterSet[types.NetworkAcl]{
	tags: func(a *types.NetworkAcl) []types.Tag { return a.Tags },
	named: map[string]func(*types.NetworkAcl) []string{
		"association.association-id": ofAssociations(func(a types.NetworkAclAssociation) []string { return text(a.NetworkAclAssociationId) }),
		"association.network-acl-id": ofAssociations(func(a types.NetworkAclAssociation) []string { return text(a.NetworkAclId) }),
		"association.subnet-id":      ofAssociations(func(a types.NetworkAclAssociation) []string { return text(a.SubnetId) }),
		"default":                    func(a *types.NetworkAcl) []string { return flag(a.IsDefault) },
		"entry.cidr":                 ofEntries(func(e types.NetworkAclEntry) []string { return text(e.CidrBlock) }),
		"entry.egress":               ofEntries(func(e types.NetworkAclEntry) []string { return flag(e.Egress) }),
		"entry.protocol":             ofEntries(func(e types.NetworkAclEntry) []string { return text(e.Protocol) }),
		"entry.rule-action":          ofEntries(func(e types.NetworkAclEntry) []string { return []string{string(e.RuleAction)} }),
		"entry.rule-number":          ofEntries(func(e types.NetworkAclEntry) []string { return number(e.RuleNumber) }),
		"entry.port-range.from":      ofEntries(func(e types.NetworkAclEntry) []string { return number(portsOf(e).From) }),
		"entry.port-range.to":        ofEntries(func(e types.NetworkAclEntry) []string { return number(portsOf(e).To) }),
		"network-acl-id":             func(a *types.NetworkAcl) []string { return text(a.NetworkAclId) },
		"owner-id":                   func(a *types.NetworkAcl) []string { return text(a.OwnerId) },
		"vpc-id":                     func(a *types.NetworkAcl) []string { return text(a.VpcId) },
	},
}

func ofAssociations(values func(types.NetworkAclAssociation) []string) func(*types.NetworkAcl) []string {
	return func(a *types.NetworkAcl) []string { return each(a.Associations, values) }
}

func ofEntries(values func(types.NetworkAclEntry) []string) func(*types.NetworkAcl) []string {
	return func(a *types.NetworkAcl) []string { return each(a.Entries, values) }
}

func portsOf(e types.NetworkAclEntry) types.PortRange {
	if e.PortRange == nil {
		return types.PortRange{}
	}
	return *e.PortRange
}

// DescribeNetworkAcls lists network ACLs.
func (s *Service) DescribeNetworkAcls(ctx context.Context, in *ec2.DescribeNetworkAclsInput) (*ec2.DescribeNetworkAclsOutput, error) {
	out := &ec2.DescribeNetworkAclsOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		all, err := subnets.List(tx, region)
		if err != nil {
			return err
		}
		users := map[string][]*subnetRow{}
		for _, subnet := range all {
			users[subnet.ACL] = append(users[subnet.ACL], subnet)
		}
		q := query{in.NetworkAclIds, in.Filters, in.MaxResults, in.NextToken}
		out.NetworkAcls, out.NextToken, err = describe(tx, region, networkACLs, q, networkACLFilters,
			func(row *networkACLRow) (types.NetworkAcl, error) { return *showACL(row, users[row.ID]), nil })
		return err
	})
	return out, err
}

func showACL(row *networkACLRow, users []*subnetRow) *types.NetworkAcl {
	shown := &types.NetworkAcl{
		NetworkAclId: aws.String(row.ID), VpcId: aws.String(row.VPC), IsDefault: aws.Bool(row.Default),
		OwnerId: aws.String(cloud.Account), Tags: tagList(row.Tags),
	}
	for _, subnet := range users {
		shown.Associations = append(shown.Associations, types.NetworkAclAssociation{
			NetworkAclAssociationId: aws.String(subnet.ACLAssoc), NetworkAclId: aws.String(row.ID), SubnetId: aws.String(subnet.ID),
		})
	}
	for _, entry := range row.Entries {
		shown.Entries = append(shown.Entries, showEntry(entry))
	}
	for _, egress := range []bool{false, true} {
		shown.Entries = append(shown.Entries, types.NetworkAclEntry{
			RuleNumber: aws.Int32(lastACLRule + 1), Egress: aws.Bool(egress), Protocol: aws.String("-1"),
			RuleAction: types.RuleActionDeny, CidrBlock: aws.String(anywhere.String()),
		})
	}
	return shown
}

func showEntry(entry aclEntry) types.NetworkAclEntry {
	shown := types.NetworkAclEntry{
		RuleNumber: aws.Int32(entry.Number), Egress: aws.Bool(entry.Egress), Protocol: aws.String(entry.Protocol),
		RuleAction: types.RuleActionDeny, CidrBlock: aws.String(entry.CIDR.String()),
	}
	if entry.Allow {
		shown.RuleAction = types.RuleActionAllow
	}
	switch entry.Protocol {
	case protocolTCP, protocolUDP:
		shown.PortRange = &types.PortRange{From: aws.Int32(entry.From), To: aws.Int32(entry.To)}
	case protocolICMP:
		shown.IcmpTypeCode = &types.IcmpTypeCode{Type: aws.Int32(entry.ICMPType), Code: aws.Int32(entry.ICMPCode)}
	}
	return shown
}

// Protocol numbers as network ACLs write them.
const (
	protocolAll  = "-1"
	protocolICMP = "1"
	protocolTCP  = "6"
	protocolUDP  = "17"
)

// protocolNumber returns a protocol's number, which may be given by name.
func protocolNumber(given string) (string, bool) {
	switch given {
	case "all":
		return protocolAll, true
	case "icmp":
		return protocolICMP, true
	case "tcp":
		return protocolTCP, true
	case "udp":
		return protocolUDP, true
	}
	n, err := strconv.Atoi(given)
	return given, err == nil && n >= -1 && n <= 255
}
