package networkfirewall

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

// rank is the order of actions where rules have no order of their own
// (https://docs.aws.amazon.com/network-firewall/latest/developerguide/suricata-rule-evaluation-order.html).
var rank = map[string]int{"pass": 0, "drop": 1, "reject": 2, "alert": 3}

// translate puts a policy and its groups, in the order of their priorities, into the endpoint's terms.
func translate(policy types.FirewallPolicy, groups []types.RuleGroup, vpcCIDRs []string) (*vpc.FirewallPolicy, error) {
	result := &vpc.FirewallPolicy{DefaultDrop: dropsByDefault(policy)}
	if policy.StatefulEngineOptions != nil {
		result.StreamException = vpc.StreamException(policy.StatefulEngineOptions.StreamExceptionPolicy)
	}
	home := map[netip.Prefix]bool{}
	for _, group := range groups {
		vars := variablesOf(group, vpcCIDRs)
		for _, text := range vars.addresses["HOME_NET"] {
			prefix, err := parsePrefix(text)
			if err != nil {
				return nil, err
			}
			home[prefix] = true
		}
		rules, domains, err := compile(group, vars)
		if err != nil {
			return nil, err
		}
		result.Rules = append(result.Rules, rules...)
		result.AllowDomains = append(result.AllowDomains, domains...)
	}
	for prefix := range home {
		result.HomeNet = append(result.HomeNet, prefix)
	}
	slices.SortFunc(result.HomeNet, func(a, b netip.Prefix) int { return cmp.Compare(a.String(), b.String()) })
	if !strict(policy) {
		slices.SortStableFunc(result.Rules, func(a, b vpc.FirewallRule) int { return cmp.Compare(rank[a.Action], rank[b.Action]) })
	}
	return result, nil
}

func strict(policy types.FirewallPolicy) bool {
	return policy.StatefulEngineOptions != nil && policy.StatefulEngineOptions.RuleOrder == types.RuleOrderStrictOrder
}

func dropsByDefault(policy types.FirewallPolicy) bool {
	return slices.ContainsFunc(policy.StatefulDefaultActions, func(action string) bool { return strings.HasPrefix(action, "aws:drop_") })
}

// variablesOf returns the group's sets; HOME_NET is the VPC's range unless the group declares it.
func variablesOf(group types.RuleGroup, vpcCIDRs []string) variables {
	vars := variables{addresses: map[string][]string{"HOME_NET": vpcCIDRs}, ports: map[string][]string{}}
	if group.RuleVariables == nil {
		return vars
	}
	for name, set := range group.RuleVariables.IPSets {
		vars.addresses[name] = set.Definition
	}
	for name, set := range group.RuleVariables.PortSets {
		vars.ports[name] = set.Definition
	}
	return vars
}

// compile translates one rule group. Its errors tell whoever declares the group what the lab can't honour.
func compile(group types.RuleGroup, vars variables) (rules []vpc.FirewallRule, domains []string, err error) {
	source := group.RulesSource
	switch {
	case source == nil:
		return nil, nil, fmt.Errorf("the rule group has no rules source")
	case source.StatelessRulesAndCustomActions != nil:
		return nil, nil, fmt.Errorf("the lab does not implement stateless rules")
	case group.ReferenceSets != nil:
		return nil, nil, fmt.Errorf("the lab does not implement reference sets")
	case source.RulesSourceList != nil:
		domains, err = domainList(*source.RulesSourceList)
		return nil, domains, err
	}
	signatures, err := signaturesOf(*source, vars)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range signatures {
		translated, err := s.rules()
		if err != nil {
			return nil, nil, err
		}
		rules = append(rules, translated...)
	}
	return rules, nil, nil
}

func domainList(list types.RulesSourceList) ([]string, error) {
	if list.GeneratedRulesType != types.GeneratedRulesTypeAllowlist {
		return nil, fmt.Errorf("the lab does not implement a domain list of type %s", list.GeneratedRulesType)
	}
	if len(list.TargetTypes) < 2 {
		return nil, fmt.Errorf("the lab filters TLS_SNI and HTTP_HOST together; the list names only %v", list.TargetTypes)
	}
	return list.Targets, nil
}

func signaturesOf(source types.RulesSource, vars variables) ([]signature, error) {
	if source.RulesString != nil {
		return parseRules(*source.RulesString, vars)
	}
	var lines []string
	for _, rule := range source.StatefulRules {
		line, err := suricataLine(rule)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return parseRules(strings.Join(lines, "\n"), vars)
}

// suricataLine writes a five-tuple rule in Suricata's language, as the service itself does.
func suricataLine(rule types.StatefulRule) (string, error) {
	if rule.Header == nil {
		return "", fmt.Errorf("a stateful rule has no header")
	}
	direction := "->"
	if rule.Header.Direction == types.StatefulRuleDirectionAny {
		direction = "<>"
	}
	var options []string
	for _, option := range rule.RuleOptions {
		text := aws.ToString(option.Keyword)
		if len(option.Settings) > 0 {
			text += ":" + strings.Join(option.Settings, ",")
		}
		options = append(options, text)
	}
	wildcard := func(text *string) string {
		if aws.ToString(text) == "" || strings.EqualFold(*text, "any") {
			return "any"
		}
		return *text
	}
	h := rule.Header
	return fmt.Sprintf("%s %s %s %s %s %s %s (%s;)", strings.ToLower(string(rule.Action)), strings.ToLower(string(h.Protocol)),
		wildcard(h.Source), wildcard(h.SourcePort), direction, wildcard(h.Destination), wildcard(h.DestinationPort), strings.Join(options, "; ")), nil
}

// checkPolicy refuses what no endpoint of the lab could do.
func checkPolicy(policy *types.FirewallPolicy) error {
	refuse := func(what string) error {
		return cloud.Unsupportedf("InvalidRequestException", "%s of a firewall policy", what)
	}
	switch {
	case policy == nil:
		return cloud.Errorf("InvalidRequestException", "FirewallPolicy is required.")
	case len(policy.StatelessRuleGroupReferences) > 0:
		return refuse("StatelessRuleGroupReferences")
	case len(policy.StatelessCustomActions) > 0:
		return refuse("StatelessCustomActions")
	case policy.TLSInspectionConfigurationArn != nil:
		return refuse("TLSInspectionConfigurationArn")
	case policy.PolicyVariables != nil:
		return refuse("PolicyVariables")
	}
	for _, actions := range [][]string{policy.StatelessDefaultActions, policy.StatelessFragmentDefaultActions} {
		if !slices.Equal(actions, []string{"aws:forward_to_sfe"}) {
			return cloud.Unsupportedf("InvalidRequestException", "stateless default actions other than aws:forward_to_sfe (%v)", actions)
		}
	}
	known := []string{"aws:drop_strict", "aws:drop_established", "aws:alert_strict", "aws:alert_established"}
	for _, action := range policy.StatefulDefaultActions {
		if !slices.Contains(known, action) {
			return cloud.Errorf("InvalidRequestException", "The stateful default action %s is not one of %v.", action, known)
		}
	}
	if len(policy.StatefulDefaultActions) > 0 && !strict(*policy) {
		return cloud.Errorf("InvalidRequestException", "Stateful default actions need the rule order STRICT_ORDER.")
	}
	return checkReferences(policy)
}

func checkReferences(policy *types.FirewallPolicy) error {
	priorities := map[int32]bool{}
	for _, reference := range policy.StatefulRuleGroupReferences {
		if reference.Override != nil || aws.ToBool(reference.DeepThreatInspection) {
			return cloud.Unsupportedf("InvalidRequestException", "overrides and managed rule groups of a firewall policy")
		}
		if (reference.Priority != nil) != strict(*policy) {
			return cloud.Errorf("InvalidRequestException", "A rule group reference has a priority with STRICT_ORDER, and only then.")
		}
		if reference.Priority != nil && priorities[*reference.Priority] {
			return cloud.Errorf("InvalidRequestException", "Two rule groups have the priority %d.", *reference.Priority)
		}
		priorities[aws.ToInt32(reference.Priority)] = true
	}
	return nil
}
