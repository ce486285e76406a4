package ec2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

var groupRuleFilters = filterSet[types.SecurityGroupRule]{
	tags: func(r *types.SecurityGroupRule) []types.Tag { return r.Tags },
	named: map[string]func(*types.SecurityGroupRule) []string{
		"group-id":               func(r *types.SecurityGroupRule) []string { return text(r.GroupId) },
		"security-group-rule-id": func(r *types.SecurityGroupRule) []string { return text(r.SecurityGroupRuleId) },
	},
}

// DescribeSecurityGroupRules lists rules of security groups.
func (s *Service) DescribeSecurityGroupRules(ctx context.Context, in *ec2.DescribeSecurityGroupRulesInput) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	out := &ec2.DescribeSecurityGroupRulesOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) (err error) {
		q := query{in.SecurityGroupRuleIds, in.Filters, in.MaxResults, in.NextToken}
		out.SecurityGroupRules, out.NextToken, err = describe(tx, region, groupRules, q, groupRuleFilters,
			func(row *groupRuleRow) (types.SecurityGroupRule, error) { return showRule(row, region), nil })
		return err
	})
	return out, err
}

// ModifySecurityGroupRules replaces the content of rules; their ids stay.
func (s *Service) ModifySecurityGroupRules(ctx context.Context, in *ec2.ModifySecurityGroupRulesInput) (*ec2.ModifySecurityGroupRulesOutput, error) {
	out := &ec2.ModifySecurityGroupRulesOutput{Return: aws.Bool(true)}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		group, err := securityGroups.find(tx, region, aws.ToString(in.GroupId))
		if err != nil {
			return err
		}
		for _, change := range in.SecurityGroupRules {
			if err := modifyRule(tx, region, group, change); err != nil {
				return err
			}
		}
		return nil
	})
}

func modifyRule(tx *cloud.Tx, region string, group *securityGroupRow, change types.SecurityGroupRuleUpdate) error {
	rule, err := groupRules.find(tx, region, aws.ToString(change.SecurityGroupRuleId))
	if err != nil {
		return err
	}
	if rule.Group != group.ID {
		return cloud.Errorf("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '%s' does not exist in %s", rule.ID, group.ID)
	}
	if err := rule.setContent(change.SecurityGroupRule); err != nil {
		return err
	}
	if err := checkPeer(tx, region, rule); err != nil {
		return err
	}
	others, err := groupRules.where(tx, region, func(r *groupRuleRow) bool { return r.ID != rule.ID })
	if err != nil {
		return err
	}
	if slices.ContainsFunc(others, rule.sameAs) {
		return duplicateRule(rule)
	}
	return groupRules.save(tx, region, rule)
}

// setContent replaces what the rule allows; exactly one peer must be given.
func (r *groupRuleRow) setContent(content *types.SecurityGroupRuleRequest) error {
	if content == nil {
		return cloud.Errorf("MissingParameter", "The request must contain the parameter SecurityGroupRule")
	}
	if err := refuse("SecurityGroupRule.CidrIpv6", content.CidrIpv6); err != nil {
		return err
	}
	r.CIDR, r.Peer, r.PrefixList = groupRuleRow{}.CIDR, aws.ToString(content.ReferencedGroupId), aws.ToString(content.PrefixListId)
	r.Description = aws.ToString(content.Description)
	peers := 0
	for _, peer := range []*string{content.CidrIpv4, content.ReferencedGroupId, content.PrefixListId} {
		if aws.ToString(peer) != "" {
			peers++
		}
	}
	if peers != 1 {
		return cloud.Errorf("InvalidParameterCombination", "Exactly one of CidrIpv4, ReferencedGroupId and PrefixListId must be specified, and %d are", peers)
	}
	if content.CidrIpv4 != nil {
		block, err := parseRuleCIDR(*content.CidrIpv4)
		if err != nil {
			return err
		}
		r.CIDR = block
	}
	return r.setTraffic(content.IpProtocol, content.FromPort, content.ToPort)
}

// UpdateSecurityGroupRuleDescriptionsIngress replaces the descriptions of ingress rules.
func (s *Service) UpdateSecurityGroupRuleDescriptionsIngress(ctx context.Context, in *ec2.UpdateSecurityGroupRuleDescriptionsIngressInput) (*ec2.UpdateSecurityGroupRuleDescriptionsIngressOutput, error) {
	if in.GroupId == nil && in.GroupName != nil {
		return nil, unknownName(*in.GroupName)
	}
	out := &ec2.UpdateSecurityGroupRuleDescriptionsIngressOutput{Return: aws.Bool(true)}
	return out, s.redescribe(ctx, in.GroupId, false, in.IpPermissions, in.SecurityGroupRuleDescriptions)
}

// UpdateSecurityGroupRuleDescriptionsEgress replaces the descriptions of egress rules.
func (s *Service) UpdateSecurityGroupRuleDescriptionsEgress(ctx context.Context, in *ec2.UpdateSecurityGroupRuleDescriptionsEgressInput) (*ec2.UpdateSecurityGroupRuleDescriptionsEgressOutput, error) {
	if in.GroupId == nil && in.GroupName != nil {
		return nil, unknownName(*in.GroupName)
	}
	out := &ec2.UpdateSecurityGroupRuleDescriptionsEgressOutput{Return: aws.Bool(true)}
	return out, s.redescribe(ctx, in.GroupId, true, in.IpPermissions, in.SecurityGroupRuleDescriptions)
}

func (s *Service) redescribe(ctx context.Context, groupID *string, egress bool, permissions []types.IpPermission,
	descriptions []types.SecurityGroupRuleDescription,
) error {
	return s.update(ctx, func(tx *cloud.Tx, region string) error {
		group, err := securityGroups.find(tx, region, aws.ToString(groupID))
		if err != nil {
			return err
		}
		for _, described := range descriptions {
			rules, err := rulesOfIDs(tx, region, group, egress, []string{aws.ToString(described.SecurityGroupRuleId)})
			if err != nil {
				return err
			}
			rules[0].Description = aws.ToString(described.Description)
			if err := groupRules.save(tx, region, rules[0]); err != nil {
				return err
			}
		}
		return redescribeByContent(tx, region, group, egress, permissions)
	})
}

func redescribeByContent(tx *cloud.Tx, region string, group *securityGroupRow, egress bool, permissions []types.IpPermission) error {
	if len(permissions) == 0 {
		return nil
	}
	wanted, err := rulesOf(group, egress, permissions)
	if err != nil {
		return err
	}
	present, err := chooseRules(tx, region, group, egress, permissions, nil)
	if err != nil {
		return err
	}
	for i, rule := range present {
		rule.Description = wanted[i].Description
		if err := groupRules.save(tx, region, rule); err != nil {
			return err
		}
	}
	return nil
}
