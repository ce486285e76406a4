package networkfirewall

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"

	"haven/lab/cloud"
)

// groupsOf returns a policy's rule groups in the order of their priorities.
func groupsOf(tx *cloud.Tx, region string, policy types.FirewallPolicy) ([]*ruleGroup, error) {
	references := slices.Clone(policy.StatefulRuleGroupReferences)
	slices.SortStableFunc(references, func(a, b types.StatefulRuleGroupReference) int {
		return cmp.Compare(aws.ToInt32(a.Priority), aws.ToInt32(b.Priority))
	})
	var groups []*ruleGroup
	for _, reference := range references {
		found, err := findRuleGroup(tx, region, nil, reference.ResourceArn)
		if err != nil {
			return nil, err
		}
		groups = append(groups, found)
	}
	return groups, nil
}

// checkGroups refuses groups whose rule order is not the policy's.
func checkGroups(tx *cloud.Tx, region string, policy types.FirewallPolicy) error {
	groups, err := groupsOf(tx, region, policy)
	if err != nil {
		return err
	}
	for _, g := range groups {
		ordered := g.Group.StatefulRuleOptions != nil && g.Group.StatefulRuleOptions.RuleOrder == types.RuleOrderStrictOrder
		if ordered != strict(policy) {
			return cloud.Errorf("InvalidRequestException", "The rule order of rule group %s is not that of the policy.", g.ARN)
		}
	}
	return nil
}

// CreateFirewallPolicy declares a policy over rule groups that exist.
func (s *Service) CreateFirewallPolicy(ctx context.Context, in *networkfirewall.CreateFirewallPolicyInput) (*networkfirewall.CreateFirewallPolicyOutput, error) {
	if err := errorsOf(checkPolicy(in.FirewallPolicy), checkOwnKey(in.EncryptionConfiguration)); err != nil {
		return nil, err
	}
	region := cloud.RegionOf(ctx)
	made := &firewallPolicy{object: newObject(region, "firewall-policy", in.FirewallPolicyName, in.Description, in.Tags), Policy: *in.FirewallPolicy}
	err := s.store.Update(func(tx *cloud.Tx) error {
		if existing, err := policies.Get(tx, region, made.Name); err != nil {
			return err
		} else if existing != nil {
			return cloud.Errorf("InvalidRequestException", "A resource with the specified name already exists: %s", made.Name)
		}
		if err := checkGroups(tx, region, made.Policy); err != nil || in.DryRun {
			return err
		}
		return policies.Put(tx, region, made.Name, made)
	})
	if err != nil {
		return nil, err
	}
	return &networkfirewall.CreateFirewallPolicyOutput{FirewallPolicyResponse: made.response(0), UpdateToken: aws.String(made.Token)}, nil
}

func (p *firewallPolicy) response(users int32) *types.FirewallPolicyResponse {
	response := &types.FirewallPolicyResponse{
		FirewallPolicyArn: aws.String(p.ARN), FirewallPolicyId: aws.String(p.ID), FirewallPolicyName: aws.String(p.Name),
		FirewallPolicyStatus: types.ResourceStatusActive, NumberOfAssociations: aws.Int32(users), EncryptionConfiguration: ownedKey,
		LastModifiedTime: &p.Modified, Tags: p.tags(),
	}
	if p.Description != "" {
		response.Description = aws.String(p.Description)
	}
	return response
}

// DescribeFirewallPolicy returns a policy.
func (s *Service) DescribeFirewallPolicy(ctx context.Context, in *networkfirewall.DescribeFirewallPolicyInput) (out *networkfirewall.DescribeFirewallPolicyOutput, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		found, err := findPolicy(tx, cloud.RegionOf(ctx), in.FirewallPolicyName, in.FirewallPolicyArn)
		if err != nil {
			return err
		}
		users, err := policyUsers(tx, cloud.RegionOf(ctx), found.ARN)
		out = &networkfirewall.DescribeFirewallPolicyOutput{FirewallPolicy: &found.Policy, FirewallPolicyResponse: found.response(users), UpdateToken: aws.String(found.Token)}
		return err
	})
	return out, err
}

// UpdateFirewallPolicy replaces a policy; the endpoints of its firewalls follow at once.
func (s *Service) UpdateFirewallPolicy(ctx context.Context, in *networkfirewall.UpdateFirewallPolicyInput) (out *networkfirewall.UpdateFirewallPolicyOutput, err error) {
	if err := errorsOf(checkPolicy(in.FirewallPolicy), checkOwnKey(in.EncryptionConfiguration)); err != nil {
		return nil, err
	}
	region := cloud.RegionOf(ctx)
	err = s.store.Update(func(tx *cloud.Tx) error {
		found, err := findPolicy(tx, region, in.FirewallPolicyName, in.FirewallPolicyArn)
		if err != nil {
			return err
		}
		if err := errorsOf(found.checkToken(in.UpdateToken), checkGroups(tx, region, *in.FirewallPolicy)); err != nil {
			return err
		}
		users, err := policyUsers(tx, region, found.ARN)
		if err != nil {
			return err
		}
		if in.Description != nil {
			found.Description = *in.Description
		}
		if !in.DryRun {
			found.Policy = *in.FirewallPolicy
			found.touch()
		}
		out = &networkfirewall.UpdateFirewallPolicyOutput{FirewallPolicyResponse: found.response(users), UpdateToken: aws.String(found.Token)}
		return policies.Put(tx, region, found.Name, found)
	})
	return out, err
}

// DeleteFirewallPolicy removes a policy that no firewall uses.
func (s *Service) DeleteFirewallPolicy(ctx context.Context, in *networkfirewall.DeleteFirewallPolicyInput) (out *networkfirewall.DeleteFirewallPolicyOutput, err error) {
	region := cloud.RegionOf(ctx)
	err = s.store.Update(func(tx *cloud.Tx) error {
		found, err := findPolicy(tx, region, in.FirewallPolicyName, in.FirewallPolicyArn)
		if err != nil {
			return err
		}
		if users, err := policyUsers(tx, region, found.ARN); err != nil {
			return err
		} else if users > 0 {
			return cloud.Errorf("InvalidOperationException", "%s: %s", inUse, found.ARN)
		}
		response := found.response(0)
		response.FirewallPolicyStatus = types.ResourceStatusDeleting
		out = &networkfirewall.DeleteFirewallPolicyOutput{FirewallPolicyResponse: response}
		return policies.Delete(tx, region, found.Name)
	})
	return out, err
}

// ListFirewallPolicies returns the account's policies.
func (s *Service) ListFirewallPolicies(ctx context.Context, in *networkfirewall.ListFirewallPoliciesInput) (*networkfirewall.ListFirewallPoliciesOutput, error) {
	var all []*firewallPolicy
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		all, err = policies.List(tx, cloud.RegionOf(ctx))
		return err
	})
	if err != nil {
		return nil, err
	}
	page, next, err := page(all, func(p *firewallPolicy) string { return p.Name }, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	out := &networkfirewall.ListFirewallPoliciesOutput{NextToken: next}
	for _, p := range page {
		out.FirewallPolicies = append(out.FirewallPolicies, types.FirewallPolicyMetadata{Arn: aws.String(p.ARN), Name: aws.String(p.Name)})
	}
	return out, nil
}
