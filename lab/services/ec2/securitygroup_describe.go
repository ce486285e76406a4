package ec2

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

var securityGroupFilters = filterSet[types.SecurityGroup]{
	tags:  func(g *types.SecurityGroup) []types.Tag { return g.Tags },
	named: permissionFilters(),
}

func permissionFilters() map[string]func(*types.SecurityGroup) []string {
	named := map[string]func(*types.SecurityGroup) []string{
		"description": func(g *types.SecurityGroup) []string { return text(g.Description) },
		"group-id":    func(g *types.SecurityGroup) []string { return text(g.GroupId) },
		"group-name":  func(g *types.SecurityGroup) []string { return text(g.GroupName) },
		"owner-id":    func(g *types.SecurityGroup) []string { return text(g.OwnerId) },
		"vpc-id":      func(g *types.SecurityGroup) []string { return text(g.VpcId) },
	}
	parts := map[string]func(types.IpPermission) []string{
		"cidr": func(p types.IpPermission) []string {
			return each(p.IpRanges, func(r types.IpRange) []string { return text(r.CidrIp) })
		},
		"group-id": func(p types.IpPermission) []string {
			return each(p.UserIdGroupPairs, func(u types.UserIdGroupPair) []string { return text(u.GroupId) })
		},
		"prefix-list-id": func(p types.IpPermission) []string {
			return each(p.PrefixListIds, func(l types.PrefixListId) []string { return text(l.PrefixListId) })
		},
		"from-port": func(p types.IpPermission) []string { return number(p.FromPort) },
		"to-port":   func(p types.IpPermission) []string { return number(p.ToPort) },
		"protocol":  func(p types.IpPermission) []string { return text(p.IpProtocol) },
	}
	for name, values := range parts {
		named["ip-permission."+name] = func(g *types.SecurityGroup) []string { return each(g.IpPermissions, values) }
		named["egress.ip-permission."+name] = func(g *types.SecurityGroup) []string { return each(g.IpPermissionsEgress, values) }
	}
	return named
}

// DescribeSecurityGroups lists security groups.
func (s *Service) DescribeSecurityGroups(ctx context.Context, in *ec2.DescribeSecurityGroupsInput) (*ec2.DescribeSecurityGroupsOutput, error) {
	if len(in.GroupNames) > 0 {
		return nil, cloud.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC", in.GroupNames[0])
	}
	out := &ec2.DescribeSecurityGroupsOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		rules, err := rulesByGroup(tx, region)
		if err != nil {
			return err
		}
		q := query{in.GroupIds, in.Filters, in.MaxResults, in.NextToken}
		out.SecurityGroups, out.NextToken, err = describe(tx, region, securityGroups, q, securityGroupFilters,
			func(row *securityGroupRow) (types.SecurityGroup, error) {
				return showGroup(row, region, rules[row.ID]), nil
			})
		return err
	})
	return out, err
}

func rulesByGroup(tx *cloud.Tx, region string) (map[string][]*groupRuleRow, error) {
	all, err := groupRules.List(tx, region)
	rules := map[string][]*groupRuleRow{}
	for _, rule := range all {
		rules[rule.Group] = append(rules[rule.Group], rule)
	}
	return rules, err
}

func showGroup(row *securityGroupRow, region string, rules []*groupRuleRow) types.SecurityGroup {
	shown := types.SecurityGroup{
		GroupId: aws.String(row.ID), GroupName: aws.String(row.Name), Description: aws.String(row.Description),
		VpcId: aws.String(row.VPC), OwnerId: aws.String(cloud.Account), Tags: tagList(row.Tags),
		SecurityGroupArn: aws.String(cloud.ARN("ec2", region, "security-group/"+row.ID)),
	}
	for _, rule := range slices.SortedFunc(slices.Values(rules), compareRules) {
		if rule.Egress {
			shown.IpPermissionsEgress = addPermission(shown.IpPermissionsEgress, rule)
		} else {
			shown.IpPermissions = addPermission(shown.IpPermissions, rule)
		}
	}
	return shown
}

func compareRules(a, b *groupRuleRow) int {
	return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.ID, b.ID))
}

// addPermission adds a rule to the permission of its protocol and ports, as the API groups them.
func addPermission(permissions []types.IpPermission, rule *groupRuleRow) []types.IpPermission {
	from, to := rule.ports()
	same := func(p types.IpPermission) bool {
		return *p.IpProtocol == rule.Protocol && equal(p.FromPort, from) && equal(p.ToPort, to)
	}
	at := slices.IndexFunc(permissions, same)
	if at < 0 {
		at = len(permissions)
		permissions = append(permissions, types.IpPermission{IpProtocol: aws.String(rule.Protocol), FromPort: from, ToPort: to})
	}
	permission, description := &permissions[at], optional(rule.Description)
	switch {
	case rule.Peer != "":
		permission.UserIdGroupPairs = append(permission.UserIdGroupPairs, types.UserIdGroupPair{
			GroupId: aws.String(rule.Peer), UserId: aws.String(cloud.Account), Description: description,
		})
	case rule.PrefixList != "":
		permission.PrefixListIds = append(permission.PrefixListIds, types.PrefixListId{
			PrefixListId: aws.String(rule.PrefixList), Description: description,
		})
	default:
		permission.IpRanges = append(permission.IpRanges, types.IpRange{CidrIp: aws.String(rule.CIDR.String()), Description: description})
	}
	return permissions
}

// ports returns the rule's ports; a rule for all protocols has none.
func (r *groupRuleRow) ports() (from, to *int32) {
	if r.Protocol == protocolAll {
		return nil, nil
	}
	return aws.Int32(r.From), aws.Int32(r.To)
}

func equal[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// GetSecurityGroupsForVpc lists the groups that can be used in a VPC.
func (s *Service) GetSecurityGroupsForVpc(ctx context.Context, in *ec2.GetSecurityGroupsForVpcInput) (*ec2.GetSecurityGroupsForVpcOutput, error) {
	set := filterSet[types.SecurityGroupForVpc]{
		tags: func(g *types.SecurityGroupForVpc) []types.Tag { return g.Tags },
		named: map[string]func(*types.SecurityGroupForVpc) []string{
			"group-id":       func(g *types.SecurityGroupForVpc) []string { return text(g.GroupId) },
			"group-name":     func(g *types.SecurityGroupForVpc) []string { return text(g.GroupName) },
			"description":    func(g *types.SecurityGroupForVpc) []string { return text(g.Description) },
			"owner-id":       func(g *types.SecurityGroupForVpc) []string { return text(g.OwnerId) },
			"primary-vpc-id": func(g *types.SecurityGroupForVpc) []string { return text(g.PrimaryVpcId) },
		},
	}
	out := &ec2.GetSecurityGroupsForVpcOutput{}
	return out, s.view(ctx, func(tx *cloud.Tx, region string) error {
		owner, err := vpcs.find(tx, region, aws.ToString(in.VpcId))
		if err != nil {
			return err
		}
		groups, err := securityGroups.where(tx, region, func(g *securityGroupRow) bool { return g.VPC == owner.ID })
		if err != nil {
			return err
		}
		answer := page[types.SecurityGroupForVpc]{set: set}
		for _, group := range groups {
			answer.add(group.ID, types.SecurityGroupForVpc{
				GroupId: aws.String(group.ID), GroupName: aws.String(group.Name), Description: aws.String(group.Description),
				OwnerId: aws.String(cloud.Account), PrimaryVpcId: aws.String(group.VPC), Tags: tagList(group.Tags),
			})
		}
		out.SecurityGroupForVpcs, out.NextToken, err = answer.cut(query{filters: in.Filters, limit: in.MaxResults, token: in.NextToken})
		return err
	})
}
