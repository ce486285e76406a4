// Package filter reads and applies SNS's subscription filter policies, over message attributes or over the message's body
// (https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html). It is pure.
package filter

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Limits (https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html).
const (
	maxKeys         = 5
	maxCombinations = 150
	maxDepth        = 20
)

// Attribute is a message attribute.
type Attribute struct{ Type, Value string }

// Policy is a filter policy.
type Policy struct {
	root         node
	body         bool
	keys         int
	combinations int
}

// node tells whether some values of an object match: all keys must, and of "$or" one alternative.
type node struct {
	keys map[string]keyRule
	any  [][]node // each "$or": its alternatives
}

// keyRule is what one key asks for: conditions, of which one must hold, or an object below.
type keyRule struct {
	conditions []condition
	below      *node
}

// Parse reads a policy for the attributes ("MessageAttributes" or "") or the body ("MessageBody").
func Parse(document, scope string) (*Policy, error) {
	p := &Policy{body: scope == "MessageBody", combinations: 1}
	if scope != "" && scope != "MessageAttributes" && scope != "MessageBody" {
		return nil, fmt.Errorf("FilterPolicyScope is MessageAttributes or MessageBody, and not %q", scope)
	}
	var tree map[string]json.RawMessage
	if err := json.Unmarshal([]byte(document), &tree); err != nil {
		return nil, fmt.Errorf("failed to parse JSON: %w", err)
	}
	root, err := p.node(tree, 0)
	if err != nil {
		return nil, err
	}
	if p.keys > maxKeys {
		return nil, fmt.Errorf("filter policy can not have more than %d keys", maxKeys)
	}
	if p.combinations > maxCombinations {
		return nil, fmt.Errorf("filter policy is too complex: more than %d combinations of values", maxCombinations)
	}
	p.root = root
	return p, nil
}

func (p *Policy) node(tree map[string]json.RawMessage, depth int) (node, error) {
	n := node{keys: map[string]keyRule{}}
	if depth > maxDepth {
		return n, fmt.Errorf("filter policy is nested deeper than %d", maxDepth)
	}
	for key, raw := range tree {
		var alternatives []map[string]json.RawMessage
		if key == "$or" && json.Unmarshal(raw, &alternatives) == nil && len(alternatives) > 1 {
			all, err := p.alternatives(alternatives, depth)
			if err != nil {
				return n, err
			}
			n.any = append(n.any, all)
			continue
		}
		rule, err := p.key(key, raw, depth)
		if err != nil {
			return n, err
		}
		n.keys[key] = rule
	}
	return n, nil
}

func (p *Policy) alternatives(trees []map[string]json.RawMessage, depth int) (all []node, err error) {
	for _, tree := range trees {
		one, err := p.node(tree, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func (p *Policy) key(key string, raw json.RawMessage, depth int) (rule keyRule, err error) {
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) == nil {
		if len(elements) == 0 {
			return rule, fmt.Errorf("the list of %q is empty", key)
		}
		p.keys++
		p.combinations *= len(elements)
		for _, element := range elements {
			one, err := parseCondition(element, p.body)
			if err != nil {
				return rule, fmt.Errorf("the key %q: %w", key, err)
			}
			rule.conditions = append(rule.conditions, one)
		}
		return rule, nil
	}
	var below map[string]json.RawMessage
	if json.Unmarshal(raw, &below) != nil {
		return rule, fmt.Errorf("%q must be an object or an array", key)
	}
	if !p.body {
		return rule, fmt.Errorf("filter policy scope MessageAttributes does not support nested filter policy")
	}
	inner, err := p.node(below, depth+1)
	return keyRule{below: &inner}, err
}

// Matches tells whether a message with such attributes and body is wanted.
func (p *Policy) Matches(attributes map[string]Attribute, body string) bool {
	if !p.body {
		values := map[string]any{}
		for name, attribute := range attributes {
			if value, ok := attribute.value(); ok {
				values[name] = value
			}
		}
		return p.root.matches(values)
	}
	decoded, err := decodeObject(body)
	return err == nil && p.root.matches(decoded)
}

// value returns an attribute as JSON would have it; binary ones cannot be filtered by.
func (a Attribute) value() (any, bool) {
	switch a.Type {
	case "Number":
		number, err := strconv.ParseFloat(a.Value, 64)
		return number, err == nil
	case "String.Array":
		var all []any
		err := json.Unmarshal([]byte(a.Value), &all)
		return all, err == nil
	case "Binary":
		return nil, false
	}
	return a.Value, true
}

func decodeObject(body string) (map[string]any, error) {
	var decoded map[string]any
	if err := json.Unmarshal([]byte(body), &decoded); err != nil {
		return nil, err
	}
	return decoded, nil
}

func (n node) matches(values map[string]any) bool {
	for key, rule := range n.keys {
		value, there := values[key]
		if !rule.matches(value, there) {
			return false
		}
	}
	for _, alternatives := range n.any {
		found := false
		for _, alternative := range alternatives {
			found = found || alternative.matches(values)
		}
		if !found {
			return false
		}
	}
	return true
}

func (r keyRule) matches(value any, there bool) bool {
	if r.below != nil {
		return r.below.matchesBelow(value)
	}
	for _, condition := range r.conditions {
		if condition.holds(value, there) {
			return true
		}
	}
	return false
}

// matchesBelow looks into an object, or into each of an array of objects.
func (n node) matchesBelow(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		return n.matches(value)
	case []any:
		for _, element := range value {
			if n.matchesBelow(element) {
				return true
			}
		}
		return false
	}
	return n.matches(nil) // nothing is there: only exists:false can hold
}
