package ec2

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// AuthorizeSecurityGroupIngress adds rules for what may enter.
func (s *Service) AuthorizeSecurityGroupIngress(ctx context.Context, in *ec2.AuthorizeSecurityGroupIngressInput) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	permissions := slices.Concat(in.IpPermissions, legacyPermission(in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp))
	if in.GroupId == nil && in.GroupName != nil {
		return nil, unknownName(*in.GroupName)
	}
	rules, err := s.authorize(ctx, in.GroupId, false, permissions, in.TagSpecifications)
	return &ec2.AuthorizeSecurityGroupIngressOutput{Return: aws.Bool(true), SecurityGroupRules: rules}, err
}

// AuthorizeSecurityGroupEgress adds rules for what may leave.
func (s *Service) AuthorizeSecurityGroupEgress(ctx context.Context, in *ec2.AuthorizeSecurityGroupEgressInput) (*ec2.AuthorizeSecurityGroupEgressOutput, error) {
	permissions := slices.Concat(in.IpPermissions, legacyPermission(in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp))
	rules, err := s.authorize(ctx, in.GroupId, true, permissions, in.TagSpecifications)
	return &ec2.AuthorizeSecurityGroupEgressOutput{Return: aws.Bool(true), SecurityGroupRules: rules}, err
}

func unknownName(name string) error {
	return cloud.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC", name)
}

func (s *Service) authorize(ctx context.Context, groupID *string, egress bool, permissions []types.IpPermission,
	specs []types.TagSpecification,
) (shown []types.SecurityGroupRule, err error) {
	tags, err := tagsFrom(specs, types.ResourceTypeSecurityGroupRule)
	if err != nil {
		return nil, err
	}
	for _, permission := range permissions {
		if err := refuse("IpPermissions.Ipv6Ranges", permission.Ipv6Ranges); err != nil {
			return nil, err
		}
	}
	err = s.update(ctx, func(tx *cloud.Tx, region string) error {
		group, err := securityGroups.find(tx, region, aws.ToString(groupID))
		if err != nil {
			return err
		}
		rules, err := rulesOf(group, egress, permissions)
		if err != nil {
			return err
		}
		if len(rules) == 0 {
			return cloud.Errorf("MissingParameter", "The request must contain the parameter ipPermissions, with a peer in each")
		}
		if err := addRules(tx, region, group, egress, rules); err != nil {
			return err
		}
		for _, rule := range rules {
			rule.meta = meta{ID: cloud.NewID("sgr"), Created: now(), Tags: maps.Clone(tags)}
			if err := groupRules.save(tx, region, rule); err != nil {
				return err
			}
			shown = append(shown, showRule(rule, region))
		}
		return nil
	})
	return shown, err
}

// addRules checks that new rules can join those that the group has in the direction.
func addRules(tx *cloud.Tx, region string, group *securityGroupRow, egress bool, rules []*groupRuleRow) error {
	present, err := groupRules.where(tx, region, func(r *groupRuleRow) bool { return r.Group == group.ID && r.Egress == egress })
	if err != nil {
		return err
	}
	for _, rule := range rules {
		if err := checkPeer(tx, region, rule); err != nil {
			return err
		}
		if slices.ContainsFunc(present, rule.sameAs) {
			return duplicateRule(rule)
		}
		present = append(present, rule)
	}
	if len(present) > maxGroupRules {
		return cloud.Errorf("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached: %d.", maxGroupRules)
	}
	return nil
}

func duplicateRule(rule *groupRuleRow) error {
	traffic := cmp.Or(map[string]string{protocolAll: "ALL"}[rule.Protocol], strings.ToUpper(rule.Protocol))
	return cloud.Errorf("InvalidPermission.Duplicate", "the specified rule \"peer: %s, %s, from port: %d, to port: %d, ALLOW\" already exists",
		rule.peerText(), traffic, rule.From, rule.To)
}

// RevokeSecurityGroupIngress removes rules for what may enter.
func (s *Service) RevokeSecurityGroupIngress(ctx context.Context, in *ec2.RevokeSecurityGroupIngressInput) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	permissions := slices.Concat(in.IpPermissions, legacyPermission(in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp))
	if in.GroupId == nil && in.GroupName != nil {
		return nil, unknownName(*in.GroupName)
	}
	revoked, err := s.revoke(ctx, in.GroupId, false, permissions, in.SecurityGroupRuleIds)
	return &ec2.RevokeSecurityGroupIngressOutput{Return: aws.Bool(true), RevokedSecurityGroupRules: revoked}, err
}

// RevokeSecurityGroupEgress removes rules for what may leave.
func (s *Service) RevokeSecurityGroupEgress(ctx context.Context, in *ec2.RevokeSecurityGroupEgressInput) (*ec2.RevokeSecurityGroupEgressOutput, error) {
	permissions := slices.Concat(in.IpPermissions, legacyPermission(in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp))
	revoked, err := s.revoke(ctx, in.GroupId, true, permissions, in.SecurityGroupRuleIds)
	return &ec2.RevokeSecurityGroupEgressOutput{Return: aws.Bool(true), RevokedSecurityGroupRules: revoked}, err
}

// revoke removes the rules that are named by id or told by their content; each must be there.
func (s *Service) revoke(ctx context.Context, groupID *string, egress bool, permissions []types.IpPermission,
	ids []string,
) (revoked []types.RevokedSecurityGroupRule, err error) {
	err = s.update(ctx, func(tx *cloud.Tx, region string) error {
		group, err := securityGroups.find(tx, region, aws.ToString(groupID))
		if err != nil {
			return err
		}
		doomed, err := chooseRules(tx, region, group, egress, permissions, ids)
		if err != nil {
			return err
		}
		for _, rule := range doomed {
			revoked = append(revoked, showRevoked(rule))
			if err := groupRules.remove(tx, region, rule); err != nil {
				return err
			}
		}
		return nil
	})
	return revoked, err
}

func chooseRules(tx *cloud.Tx, region string, group *securityGroupRow, egress bool, permissions []types.IpPermission, ids []string) ([]*groupRuleRow, error) {
	if len(ids) > 0 {
		return rulesOfIDs(tx, region, group, egress, ids)
	}
	if slices.ContainsFunc(permissions, func(p types.IpPermission) bool { return len(p.Ipv6Ranges) > 0 }) {
		return nil, unknownRule() // the lab has no rules of IPv6
	}
	wanted, err := rulesOf(group, egress, permissions)
	if err != nil {
		return nil, err
	}
	if len(wanted) == 0 {
		return nil, cloud.Errorf("MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.")
	}
	present, err := groupRules.where(tx, region, func(r *groupRuleRow) bool { return r.Group == group.ID })
	if err != nil {
		return nil, err
	}
	var chosen []*groupRuleRow
	for _, rule := range wanted {
		at := slices.IndexFunc(present, rule.sameAs)
		if at < 0 {
			return nil, unknownRule()
		}
		chosen = append(chosen, present[at])
	}
	return chosen, nil
}

func unknownRule() error {
	return cloud.Errorf("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
}

func rulesOfIDs(tx *cloud.Tx, region string, group *securityGroupRow, egress bool, ids []string) ([]*groupRuleRow, error) {
	rules, err := groupRules.pick(tx, region, ids)
	if err != nil {
		return nil, err
	}
	for _, rule := range rules {
		if rule.Group != group.ID || rule.Egress != egress {
			return nil, cloud.Errorf("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '%s' does not exist in %s in this direction", rule.ID, group.ID)
		}
	}
	return rules, nil
}

func showRevoked(rule *groupRuleRow) types.RevokedSecurityGroupRule {
	revoked := types.RevokedSecurityGroupRule{
		SecurityGroupRuleId: aws.String(rule.ID), GroupId: aws.String(rule.Group), IsEgress: aws.Bool(rule.Egress),
		IpProtocol: aws.String(rule.Protocol), FromPort: aws.Int32(rule.From), ToPort: aws.Int32(rule.To),
		Description: optional(rule.Description), PrefixListId: optional(rule.PrefixList), ReferencedGroupId: optional(rule.Peer),
	}
	if rule.CIDR.IsValid() {
		revoked.CidrIpv4 = aws.String(rule.CIDR.String())
	}
	return revoked
}
