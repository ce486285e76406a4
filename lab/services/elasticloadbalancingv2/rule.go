package elasticloadbalancingv2

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
)

const maxPriority = 50000

func sameActions(a, b []types.Action) bool { return reflect.DeepEqual(a, b) }

// CreateRule adds a rule to a listener.
func (s *Service) CreateRule(ctx context.Context, in *elasticloadbalancingv2.CreateRuleInput) (*elasticloadbalancingv2.CreateRuleOutput, error) {
	if len(in.Transforms) > 0 {
		return nil, unsupported("Transforms of rules")
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	r := &rule{Listener: *in.ListenerArn, Number: *in.Priority, Tags: tags, Rule: types.Rule{
		Actions: in.Actions, Conditions: in.Conditions, IsDefault: aws.Bool(false), Priority: aws.String(strconv.Itoa(int(*in.Priority))),
	}}
	err = s.update(ctx, func(tx *cloud.Tx, region string) error { return createRule(tx, region, r) })
	if err != nil {
		return nil, err
	}
	return &elasticloadbalancingv2.CreateRuleOutput{Rules: []types.Rule{r.Rule}}, nil
}

func createRule(tx *cloud.Tx, region string, r *rule) error {
	if err := checkRule(tx, region, r); err != nil {
		return err
	}
	if r.Number < 1 || r.Number > maxPriority {
		return invalid("Priority '%d' must be in the range 1-%d", r.Number, maxPriority)
	}
	siblings, err := rulesOf(tx, region, r.Listener)
	if err != nil {
		return err
	}
	if len(siblings) >= maxRules {
		return cloud.Errorf("TooManyRules", "The limit of %d rules per listener has been reached", maxRules)
	}
	for _, other := range siblings {
		if other.Number == r.Number {
			return cloud.Errorf("PriorityInUse", "Priority '%d' is currently in use", r.Number)
		}
	}
	r.RuleArn = aws.String(ruleARN(r.Listener))
	return rules.Put(tx, region, *r.RuleArn, r)
}

// checkRule checks the rule's actions and conditions and fills in their defaults.
func checkRule(tx *cloud.Tx, region string, r *rule) error {
	l, err := findListener(tx, region, &r.Listener)
	if err != nil {
		return err
	}
	b, err := findBalancer(tx, region, l.LoadBalancerArn)
	if err != nil {
		return err
	}
	if r.Conditions, err = checkConditions(r.Conditions); err != nil {
		return err
	}
	r.Actions, err = checkActions(tx, region, b, r.Actions)
	return err
}

// ModifyRule replaces a rule's conditions or actions.
func (s *Service) ModifyRule(ctx context.Context, in *elasticloadbalancingv2.ModifyRuleInput) (*elasticloadbalancingv2.ModifyRuleOutput, error) {
	_ = in.ResetTransforms // no rule has any
	if len(in.Transforms) > 0 {
		return nil, unsupported("Transforms of rules")
	}
	out := &elasticloadbalancingv2.ModifyRuleOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		r, err := findOwnRule(tx, region, in.RuleArn)
		if err != nil {
			return err
		}
		if len(in.Conditions) > 0 {
			r.Conditions = in.Conditions
		}
		if len(in.Actions) > 0 {
			r.Actions = in.Actions
		}
		if err := checkRule(tx, region, r); err != nil {
			return err
		}
		out.Rules = []types.Rule{r.Rule}
		return rules.Put(tx, region, *r.RuleArn, r)
	})
}

// findOwnRule is findRule for what must not be a default rule, which belongs to its listener.
func findOwnRule(tx *cloud.Tx, region string, arn *string) (*rule, error) {
	all, err := listeners.List(tx, region)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(all, func(l *listener) bool { return l.DefaultRule == aws.ToString(arn) }) {
		return nil, cloud.Errorf(codeNotAllowed, "Default rule '%s' cannot be modified", *arn)
	}
	return findRule(tx, region, arn)
}

// DeleteRule deletes a rule.
func (s *Service) DeleteRule(ctx context.Context, in *elasticloadbalancingv2.DeleteRuleInput) (*elasticloadbalancingv2.DeleteRuleOutput, error) {
	return &elasticloadbalancingv2.DeleteRuleOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		r, err := findOwnRule(tx, region, in.RuleArn)
		if err != nil {
			return err
		}
		return rules.Delete(tx, region, *r.RuleArn)
	})
}

// SetRulePriorities moves rules, all or none.
func (s *Service) SetRulePriorities(ctx context.Context, in *elasticloadbalancingv2.SetRulePrioritiesInput) (*elasticloadbalancingv2.SetRulePrioritiesOutput, error) {
	out := &elasticloadbalancingv2.SetRulePrioritiesOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		touched := map[string]bool{}
		for _, pair := range in.RulePriorities {
			r, err := findOwnRule(tx, region, pair.RuleArn)
			if err != nil {
				return err
			}
			if r.Number = aws.ToInt32(pair.Priority); r.Number < 1 || r.Number > maxPriority {
				return invalid("Priority '%d' must be in the range 1-%d", r.Number, maxPriority)
			}
			r.Priority = aws.String(strconv.Itoa(int(r.Number)))
			touched[r.Listener] = true
			if err := rules.Put(tx, region, *r.RuleArn, r); err != nil {
				return err
			}
			out.Rules = append(out.Rules, r.Rule)
		}
		for listener := range touched {
			if err := distinctPriorities(tx, region, listener); err != nil {
				return err
			}
		}
		return nil
	})
}

func distinctPriorities(tx *cloud.Tx, region, listener string) error {
	all, err := rulesOf(tx, region, listener)
	if err != nil {
		return err
	}
	used := map[int32]bool{}
	for _, r := range all {
		if used[r.Number] {
			return cloud.Errorf("PriorityInUse", "Priority '%d' is currently in use", r.Number)
		}
		used[r.Number] = true
	}
	return nil
}

// DescribeRules lists rules by their ARNs, or a listener's in the order of their priorities with the default rule last.
func (s *Service) DescribeRules(ctx context.Context, in *elasticloadbalancingv2.DescribeRulesInput) (*elasticloadbalancingv2.DescribeRulesOutput, error) {
	if (in.ListenerArn == nil) == (len(in.RuleArns) == 0) {
		return nil, invalid("You must specify either listener rule ARNs or a listener ARN")
	}
	out := &elasticloadbalancingv2.DescribeRulesOutput{Rules: []types.Rule{}}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		found, err := chooseRules(tx, region, in)
		if err != nil {
			return err
		}
		slices.SortFunc(found, func(a, b types.Rule) int { return cmp.Compare(ruleKey(a), ruleKey(b)) })
		out.Rules, out.NextMarker, err = page(found, ruleKey, in.Marker, in.PageSize)
		return err
	})
	return out, err
}

// ruleKey sorts by priority, the default rule last.
func ruleKey(r types.Rule) string {
	number, err := strconv.Atoi(*r.Priority)
	if err != nil {
		number = maxPriority + 1
	}
	return fmt.Sprintf("%05d %s", number, *r.RuleArn)
}

func chooseRules(tx *cloud.Tx, region string, in *elasticloadbalancingv2.DescribeRulesInput) ([]types.Rule, error) {
	if in.ListenerArn != nil {
		l, err := findListener(tx, region, in.ListenerArn)
		if err != nil {
			return nil, err
		}
		own, err := rulesOf(tx, region, *l.ListenerArn)
		found := []types.Rule{l.defaultRule()}
		for _, r := range own {
			found = append(found, r.Rule)
		}
		return found, err
	}
	all, err := listeners.List(tx, region)
	if err != nil {
		return nil, err
	}
	var found []types.Rule
	for _, arn := range in.RuleArns {
		if i := slices.IndexFunc(all, func(l *listener) bool { return l.DefaultRule == arn }); i >= 0 {
			found = append(found, all[i].defaultRule())
			continue
		}
		r, err := findRule(tx, region, &arn)
		if err != nil {
			return nil, err
		}
		found = append(found, r.Rule)
	}
	return found, nil
}

func (l *listener) defaultRule() types.Rule {
	return types.Rule{
		Actions: l.DefaultActions, Conditions: []types.RuleCondition{}, IsDefault: aws.Bool(true), Priority: aws.String("default"),
		RuleArn: aws.String(l.DefaultRule),
	}
}
