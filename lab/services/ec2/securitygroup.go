package ec2

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"haven/lab/cloud"
)

// Quotas of security groups (https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html).
const (
	maxGroups     = 2500 // in a region
	maxGroupRules = 60   // in each direction
)

// groupText is what names and descriptions of security groups may be.
var groupText = regexp.MustCompile(`^[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}$`)

// CreateSecurityGroup makes a security group that lets everything out.
func (s *Service) CreateSecurityGroup(ctx context.Context, in *ec2.CreateSecurityGroupInput) (*ec2.CreateSecurityGroupOutput, error) {
	name, description := aws.ToString(in.GroupName), aws.ToString(in.Description)
	if err := checkGroupText(name, description); err != nil {
		return nil, err
	}
	if in.VpcId == nil {
		return nil, cloud.Errorf("VPCIdNotSpecified", "No default VPC for this user")
	}
	out := &ec2.CreateSecurityGroupOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		owner, err := vpcs.find(tx, region, *in.VpcId)
		if err != nil {
			return err
		}
		head, err := securityGroups.newMeta(in.TagSpecifications)
		if err != nil {
			return err
		}
		if err := checkQuota(tx, region, securityGroups, nil, maxGroups, "SecurityGroupLimitExceeded", "security groups"); err != nil {
			return err
		}
		twin, err := firstOf(tx, region, securityGroups, func(g *securityGroupRow) bool { return g.VPC == owner.ID && g.Name == name })()
		if err != nil {
			return err
		}
		if twin != "" {
			return cloud.Errorf("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", name, owner.ID)
		}
		out.GroupId, out.Tags = aws.String(head.ID), tagList(head.Tags)
		out.SecurityGroupArn = aws.String(cloud.ARN("ec2", region, "security-group/"+head.ID))
		return createGroup(tx, region, &securityGroupRow{meta: head, VPC: owner.ID, Name: name, Description: description}, false)
	})
}

func checkGroupText(name, description string) error {
	switch {
	case strings.HasPrefix(name, "sg-"):
		return cloud.Errorf("InvalidParameterValue", "Value (%s) for parameter GroupName is invalid. Group names may not be in the format sg-*.", name)
	case strings.EqualFold(name, "default"):
		return cloud.Errorf("InvalidParameterValue", "Cannot use reserved security group name: %s", name)
	case !groupText.MatchString(name):
		return cloud.Errorf("InvalidParameterValue", "Value (%s) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.", name)
	case !groupText.MatchString(description):
		return cloud.Errorf("InvalidParameterValue", "Value (%s) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.", description)
	}
	return nil
}

// createGroup writes a group with its first rules: everything may leave, and its own members may enter a default one.
func createGroup(tx *cloud.Tx, region string, group *securityGroupRow, isDefault bool) error {
	rules := []*groupRuleRow{{Egress: true, CIDR: anywhere}}
	if isDefault {
		rules = append(rules, &groupRuleRow{Peer: group.ID})
	}
	for _, rule := range rules {
		rule.meta = meta{ID: cloud.NewID("sgr"), Created: now()}
		rule.Group, rule.Protocol, rule.From, rule.To = group.ID, protocolAll, -1, -1
		if err := groupRules.save(tx, region, rule); err != nil {
			return err
		}
	}
	return securityGroups.save(tx, region, group)
}

// DeleteSecurityGroup deletes a group that no interface and no other group's rule uses.
func (s *Service) DeleteSecurityGroup(ctx context.Context, in *ec2.DeleteSecurityGroupInput) (*ec2.DeleteSecurityGroupOutput, error) {
	out := &ec2.DeleteSecurityGroupOutput{GroupId: in.GroupId, Return: aws.Bool(true)}
	if in.GroupId == nil {
		if in.GroupName != nil {
			return nil, cloud.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC", *in.GroupName)
		}
		return nil, cloud.Errorf("MissingParameter", "The request must contain the parameter GroupName or GroupId")
	}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		group, err := securityGroups.find(tx, region, *in.GroupId)
		if err != nil {
			return err
		}
		if group.Name == "default" {
			return cloud.Errorf("CannotDelete", "the specified group: \"%s\" name: \"default\" cannot be deleted by a user", group.ID)
		}
		if err := checkGroupUnused(tx, region, group.ID); err != nil {
			return err
		}
		return deleteGroup(tx, region, group)
	})
}

func checkGroupUnused(tx *cloud.Tx, region, id string) error {
	for _, first := range []func() (string, error){
		firstOf(tx, region, interfaces, func(r *interfaceRow) bool { return slices.Contains(r.Groups, id) }),
		firstOf(tx, region, groupRules, func(r *groupRuleRow) bool { return r.Peer == id && r.Group != id }),
	} {
		user, err := first()
		if err != nil {
			return err
		}
		if user != "" {
			return cloud.Errorf("DependencyViolation", "resource %s has a dependent object: %s", id, user)
		}
	}
	return nil
}

func deleteGroup(tx *cloud.Tx, region string, group *securityGroupRow) error {
	if err := removeWhere(tx, region, groupRules, func(r *groupRuleRow) bool { return r.Group == group.ID }); err != nil {
		return err
	}
	return securityGroups.remove(tx, region, group)
}
