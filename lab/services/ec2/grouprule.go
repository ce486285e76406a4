package ec2

import (
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// sameAs tells whether two rules allow the same; their descriptions do not matter.
func (r *groupRuleRow) sameAs(other *groupRuleRow) bool {
	return r.Group == other.Group && r.Egress == other.Egress && r.Protocol == other.Protocol && r.From == other.From &&
		r.To == other.To && r.CIDR == other.CIDR && r.Peer == other.Peer && r.PrefixList == other.PrefixList
}

func (r *groupRuleRow) peerText() string {
	switch {
	case r.Peer != "":
		return r.Peer
	case r.PrefixList != "":
		return r.PrefixList
	}
	return r.CIDR.String()
}

// legacyPermission is the one permission that older members of a request describe.
func legacyPermission(protocol *string, from, to *int32, block *string) []types.IpPermission {
	if protocol == nil {
		return nil
	}
	permission := types.IpPermission{IpProtocol: protocol, FromPort: from, ToPort: to}
	if block != nil {
		permission.IpRanges = []types.IpRange{{CidrIp: block}}
	}
	return []types.IpPermission{permission}
}

// rulesOf takes permissions apart into rules: one for each protocol, ports and peer. Blocks of IPv6 are left to the caller.
func rulesOf(group *securityGroupRow, egress bool, permissions []types.IpPermission) ([]*groupRuleRow, error) {
	var rules []*groupRuleRow
	for _, permission := range permissions {
		base := groupRuleRow{Group: group.ID, Egress: egress}
		if err := base.setTraffic(permission.IpProtocol, permission.FromPort, permission.ToPort); err != nil {
			return nil, err
		}
		peers, err := peersOf(permission)
		if err != nil {
			return nil, err
		}
		for _, peer := range peers {
			rule := base
			rule.CIDR, rule.Peer, rule.PrefixList, rule.Description = peer.CIDR, peer.Peer, peer.PrefixList, peer.Description
			rules = append(rules, &rule)
		}
	}
	return rules, nil
}

func peersOf(permission types.IpPermission) ([]groupRuleRow, error) {
	var peers []groupRuleRow
	for _, block := range permission.IpRanges {
		prefix, err := parseRuleCIDR(aws.ToString(block.CidrIp))
		if err != nil {
			return nil, err
		}
		peers = append(peers, groupRuleRow{CIDR: prefix, Description: aws.ToString(block.Description)})
	}
	for _, pair := range permission.UserIdGroupPairs {
		if err := checkPair(pair); err != nil {
			return nil, err
		}
		peers = append(peers, groupRuleRow{Peer: *pair.GroupId, Description: aws.ToString(pair.Description)})
	}
	for _, list := range permission.PrefixListIds {
		peers = append(peers, groupRuleRow{PrefixList: aws.ToString(list.PrefixListId), Description: aws.ToString(list.Description)})
	}
	return peers, nil
}

func checkPair(pair types.UserIdGroupPair) error {
	if err := refuse("UserIdGroupPairs.VpcPeeringConnectionId", pair.VpcPeeringConnectionId); err != nil {
		return err
	}
	if pair.GroupId == nil {
		return cloud.Unsupportedf("UnsupportedOperation", "security groups named by GroupName in rules; use GroupId")
	}
	if user := aws.ToString(pair.UserId); user != "" && user != cloud.Account {
		return cloud.Errorf("InvalidGroup.NotFound", "The security group '%s' does not belong to account %s", *pair.GroupId, user)
	}
	return nil
}

// parseRuleCIDR reads a rule's block; AWS refuses one with host bits.
func parseRuleCIDR(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil || !prefix.Addr().Is4() {
		return prefix, cloud.Errorf("InvalidParameterValue", "CIDR block %s is malformed", text)
	}
	return prefix.Masked(), nil
}

// setTraffic checks and sets protocol and ports in the form in which they are kept: well-known protocols by name, and
// -1 for the ports of protocols that have none.
func (r *groupRuleRow) setTraffic(protocol *string, from, to *int32) error {
	given := strings.ToLower(aws.ToString(protocol))
	normal, ok := protocolNumber(given)
	if !ok || given == "icmpv6" || normal == "58" {
		return cloud.Errorf("InvalidParameterValue", "Invalid value '%s' for IP protocol. Unknown protocol, or one of IPv6, which the lab lacks.", given)
	}
	r.Protocol, r.From, r.To = normal, -1, -1
	switch normal {
	case protocolTCP, protocolUDP:
		r.Protocol = map[string]string{protocolTCP: "tcp", protocolUDP: "udp"}[normal]
		if from == nil || to == nil {
			return cloud.Errorf("InvalidParameterValue", "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
		}
		r.From, r.To = *from, *to
		return checkPorts(r.From, r.To)
	case protocolICMP:
		r.Protocol = "icmp"
		if from != nil && to != nil {
			r.From, r.To = *from, *to
		}
		if r.From < -1 || r.From > 255 || r.To < -1 || r.To > 255 {
			return cloud.Errorf("InvalidParameterValue", "Invalid ICMP type or code: %d, %d", r.From, r.To)
		}
	}
	return nil
}

// checkPeer refuses a rule whose peer is not there.
func checkPeer(tx *cloud.Tx, region string, rule *groupRuleRow) error {
	switch {
	case rule.Peer != "":
		_, err := securityGroups.find(tx, region, rule.Peer)
		return err
	case rule.PrefixList != "":
		_, err := findPrefixList(region, rule.PrefixList)
		return err
	}
	return nil
}

func showRule(rule *groupRuleRow, region string) types.SecurityGroupRule {
	shown := types.SecurityGroupRule{
		SecurityGroupRuleId: aws.String(rule.ID), GroupId: aws.String(rule.Group), GroupOwnerId: aws.String(cloud.Account),
		SecurityGroupRuleArn: aws.String(cloud.ARN("ec2", region, "security-group-rule/"+rule.ID)),
		IsEgress:             aws.Bool(rule.Egress), IpProtocol: aws.String(rule.Protocol), FromPort: aws.Int32(rule.From), ToPort: aws.Int32(rule.To),
		Description: optional(rule.Description), PrefixListId: optional(rule.PrefixList), Tags: tagList(rule.Tags),
	}
	if rule.Peer != "" {
		shown.ReferencedGroupInfo = &types.ReferencedSecurityGroup{GroupId: aws.String(rule.Peer), UserId: aws.String(cloud.Account)}
	}
	if rule.CIDR.IsValid() {
		shown.CidrIpv4 = aws.String(rule.CIDR.String())
	}
	return shown
}
