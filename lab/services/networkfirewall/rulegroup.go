package networkfirewall

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"

	"haven/lab/cloud"
)

const inUse = "Unable to delete the object because it is still in use"

// anyNetwork stands for the VPC's range where a group is checked before any firewall uses it.
var anyNetwork = []string{"10.0.0.0/8"}

// groupOf returns the declared group; rules given as text are the same as a rules string.
func groupOf(kind types.RuleGroupType, group *types.RuleGroup, rules *string) (types.RuleGroup, error) {
	switch {
	case kind == types.RuleGroupTypeStateless:
		return types.RuleGroup{}, cloud.Unsupportedf("InvalidRequestException", "stateless rule groups")
	case (group == nil) == (rules == nil):
		return types.RuleGroup{}, cloud.Errorf("InvalidRequestException", "Give either RuleGroup or Rules.")
	case rules != nil:
		return types.RuleGroup{RulesSource: &types.RulesSource{RulesString: rules}}, nil
	}
	return *group, nil
}

// checkGroup refuses rules that the lab can't honour, and more of them than the group's capacity.
func checkGroup(group types.RuleGroup, capacity int32) error {
	if _, _, err := compile(group, variablesOf(group, anyNetwork)); err != nil {
		return cloud.Errorf("InvalidRequestException", "The rule group is not valid: %v", err)
	}
	if used := consumed(group); used > capacity {
		return cloud.Errorf("InvalidRequestException", "The rules need a capacity of %d; the rule group has %d.", used, capacity)
	}
	return nil
}

// consumed is one unit a stateful rule, and one a domain for each protocol
// (https://docs.aws.amazon.com/network-firewall/latest/developerguide/nwfw-rule-group-capacity.html).
func consumed(group types.RuleGroup) int32 {
	source := group.RulesSource
	switch {
	case source.RulesSourceList != nil:
		return int32(len(source.RulesSourceList.Targets) * len(source.RulesSourceList.TargetTypes))
	case source.RulesString != nil:
		var rules int32
		for line := range strings.Lines(*source.RulesString) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				rules++
			}
		}
		return rules
	}
	return int32(len(source.StatefulRules))
}

// CreateRuleGroup declares a stateful rule group.
func (s *Service) CreateRuleGroup(ctx context.Context, in *networkfirewall.CreateRuleGroupInput) (*networkfirewall.CreateRuleGroupOutput, error) {
	group, err := groupOf(in.Type, in.RuleGroup, in.Rules)
	if err != nil {
		return nil, err
	}
	_ = in.EncryptionConfiguration // the store is encrypted by nobody: AWS's own key is what Describe shows
	if err := errorsOf(checkGroup(group, aws.ToInt32(in.Capacity)), checkOwnKey(in.EncryptionConfiguration)); err != nil {
		return nil, err
	}
	region := cloud.RegionOf(ctx)
	made := &ruleGroup{
		object: newObject(region, "stateful-rulegroup", in.RuleGroupName, in.Description, in.Tags),
		Type:   in.Type, Capacity: aws.ToInt32(in.Capacity), Group: group,
	}
	err = s.store.Update(func(tx *cloud.Tx) error {
		if existing, err := ruleGroups.Get(tx, region, made.Name); err != nil {
			return err
		} else if existing != nil {
			return cloud.Errorf("InvalidRequestException", "A resource with the specified name already exists: %s", made.Name)
		}
		if in.DryRun {
			return nil
		}
		return ruleGroups.Put(tx, region, made.Name, made)
	})
	if err != nil {
		return nil, err
	}
	return &networkfirewall.CreateRuleGroupOutput{RuleGroupResponse: made.response(0), UpdateToken: aws.String(made.Token)}, nil
}

func checkOwnKey(configuration *types.EncryptionConfiguration) error {
	if configuration != nil && configuration.Type != types.EncryptionTypeAwsOwnedKmsKey {
		return cloud.Unsupportedf("InvalidRequestException", "customer managed keys for firewall objects")
	}
	return nil
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

var ownedKey = &types.EncryptionConfiguration{Type: types.EncryptionTypeAwsOwnedKmsKey, KeyId: aws.String("AWS_OWNED_KMS_KEY")}

func (g *ruleGroup) response(users int32) *types.RuleGroupResponse {
	response := &types.RuleGroupResponse{
		RuleGroupArn: aws.String(g.ARN), RuleGroupId: aws.String(g.ID), RuleGroupName: aws.String(g.Name), Type: g.Type,
		Capacity: aws.Int32(g.Capacity), ConsumedCapacity: aws.Int32(consumed(g.Group)), NumberOfAssociations: aws.Int32(users),
		RuleGroupStatus: types.ResourceStatusActive, EncryptionConfiguration: ownedKey, LastModifiedTime: &g.Modified, Tags: g.tags(),
	}
	if g.Description != "" {
		response.Description = aws.String(g.Description)
	}
	return response
}

// DescribeRuleGroup returns a rule group with its rules.
func (s *Service) DescribeRuleGroup(ctx context.Context, in *networkfirewall.DescribeRuleGroupInput) (out *networkfirewall.DescribeRuleGroupOutput, err error) {
	_ = in.Type // names are unique over both types in the lab
	err = s.store.View(func(tx *cloud.Tx) error {
		found, err := findRuleGroup(tx, cloud.RegionOf(ctx), in.RuleGroupName, in.RuleGroupArn)
		if err != nil {
			return err
		}
		users, err := groupUsers(tx, cloud.RegionOf(ctx), found.ARN)
		out = &networkfirewall.DescribeRuleGroupOutput{RuleGroup: &found.Group, RuleGroupResponse: found.response(users), UpdateToken: aws.String(found.Token)}
		return err
	})
	return out, err
}

// UpdateRuleGroup replaces a group's rules; endpoints follow at once.
func (s *Service) UpdateRuleGroup(ctx context.Context, in *networkfirewall.UpdateRuleGroupInput) (out *networkfirewall.UpdateRuleGroupOutput, err error) {
	group, err := groupOf(in.Type, in.RuleGroup, in.Rules)
	if err != nil {
		return nil, err
	}
	if err := checkOwnKey(in.EncryptionConfiguration); err != nil {
		return nil, err
	}
	err = s.store.Update(func(tx *cloud.Tx) error {
		found, err := findRuleGroup(tx, cloud.RegionOf(ctx), in.RuleGroupName, in.RuleGroupArn)
		if err != nil {
			return err
		}
		if err := errorsOf(found.checkToken(in.UpdateToken), checkGroup(group, found.Capacity)); err != nil {
			return err
		}
		users, err := groupUsers(tx, cloud.RegionOf(ctx), found.ARN)
		if err != nil {
			return err
		}
		if in.Description != nil {
			found.Description = *in.Description
		}
		if !in.DryRun {
			found.Group = group
			found.touch()
		}
		out = &networkfirewall.UpdateRuleGroupOutput{RuleGroupResponse: found.response(users), UpdateToken: aws.String(found.Token)}
		return ruleGroups.Put(tx, cloud.RegionOf(ctx), found.Name, found)
	})
	return out, err
}

// DeleteRuleGroup removes a group that no policy uses.
func (s *Service) DeleteRuleGroup(ctx context.Context, in *networkfirewall.DeleteRuleGroupInput) (out *networkfirewall.DeleteRuleGroupOutput, err error) {
	_ = in.Type // names are unique over both types in the lab
	err = s.store.Update(func(tx *cloud.Tx) error {
		found, err := findRuleGroup(tx, cloud.RegionOf(ctx), in.RuleGroupName, in.RuleGroupArn)
		if err != nil {
			return err
		}
		if users, err := groupUsers(tx, cloud.RegionOf(ctx), found.ARN); err != nil {
			return err
		} else if users > 0 {
			return cloud.Errorf("InvalidOperationException", "%s: %s", inUse, found.ARN)
		}
		response := found.response(0)
		response.RuleGroupStatus = types.ResourceStatusDeleting
		out = &networkfirewall.DeleteRuleGroupOutput{RuleGroupResponse: response}
		return ruleGroups.Delete(tx, cloud.RegionOf(ctx), found.Name)
	})
	return out, err
}

// ListRuleGroups returns the account's rule groups.
func (s *Service) ListRuleGroups(ctx context.Context, in *networkfirewall.ListRuleGroupsInput) (*networkfirewall.ListRuleGroupsOutput, error) {
	var all []*ruleGroup
	err := s.store.View(func(tx *cloud.Tx) error {
		rows, err := ruleGroups.List(tx, cloud.RegionOf(ctx))
		for _, row := range rows {
			if in.Type == "" || in.Type == row.Type {
				all = append(all, row)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	page, next, err := page(all, func(g *ruleGroup) string { return g.Name }, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	out := &networkfirewall.ListRuleGroupsOutput{NextToken: next}
	for _, g := range page {
		out.RuleGroups = append(out.RuleGroups, types.RuleGroupMetadata{Arn: aws.String(g.ARN), Name: aws.String(g.Name)})
	}
	return out, nil
}

func page[T any](items []T, key func(T) string, token *string, limit *int32) ([]T, *string, error) {
	most := 100
	if limit != nil {
		most = int(*limit)
	}
	page, next, err := cloud.Page(items, key, aws.ToString(token), most)
	if err != nil {
		return nil, nil, cloud.Errorf("InvalidRequestException", "NextToken: %v", err)
	}
	if next == "" {
		return page, nil, nil
	}
	return page, &next, nil
}
