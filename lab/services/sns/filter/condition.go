package filter

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// condition is one element of a key's list.
type condition struct {
	value func(value any) bool // for one value; nil: exists
	// exists asks whether the key is there at all.
	exists *bool
	// none asks that no element of an array fits (anything-but), rather than that one does.
	none bool
}

func (c condition) holds(value any, there bool) bool {
	if c.exists != nil {
		return there == *c.exists
	}
	if !there {
		return false
	}
	all, isArray := value.([]any)
	if !isArray {
		return c.value(value) != c.none
	}
	return slices.ContainsFunc(all, c.value) != c.none
}

// parseCondition reads an element: a value, or an object with one operator.
func parseCondition(raw json.RawMessage, body bool) (condition, error) {
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return condition{}, err
	}
	operator, isObject := value.(map[string]any)
	if !isObject {
		return exactly(value, body)
	}
	if len(operator) != 1 {
		return condition{}, fmt.Errorf("a condition has exactly one operator")
	}
	for name, operand := range operator {
		return parseOperator(name, operand)
	}
	panic("unreachable: the map has one entry")
}

func exactly(value any, body bool) (condition, error) {
	if _, isArray := value.([]any); isArray {
		return condition{}, fmt.Errorf("match value must be String, number, true, false, or null")
	}
	if value == nil && !body {
		return condition{value: func(any) bool { return false }}, nil // attributes are never null
	}
	return condition{value: func(got any) bool { return got == value }}, nil
}

func parseOperator(name string, operand any) (condition, error) {
	switch name {
	case "exists":
		wanted, ok := operand.(bool)
		if !ok {
			return condition{}, fmt.Errorf("exists match pattern must be either true or false")
		}
		return condition{exists: &wanted}, nil
	case "numeric":
		return numeric(operand)
	case "anything-but":
		return anythingBut(operand)
	}
	test, err := textTest(name, operand)
	return condition{value: test}, err
}

// textTest returns the test of an operator on texts.
func textTest(name string, operand any) (func(any) bool, error) {
	text, ok := operand.(string)
	if !ok {
		return nil, fmt.Errorf("%s match pattern must be a string", name)
	}
	onText := func(test func(got string) bool) func(any) bool {
		return func(value any) bool {
			got, ok := value.(string)
			return ok && test(got)
		}
	}
	switch name {
	case "prefix":
		return onText(func(got string) bool { return strings.HasPrefix(got, text) }), nil
	case "suffix":
		return onText(func(got string) bool { return strings.HasSuffix(got, text) }), nil
	case "equals-ignore-case":
		return onText(func(got string) bool { return strings.EqualFold(got, text) }), nil
	case "wildcard":
		return onText(func(got string) bool { return wildcard(text, got) }), nil
	case "cidr":
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("cidr: %w", err)
		}
		return onText(func(got string) bool {
			address, err := netip.ParseAddr(got)
			return err == nil && prefix.Contains(address)
		}), nil
	}
	return nil, fmt.Errorf("unrecognized match type %s", name)
}

// wildcard tells whether a text matches a pattern in which each * stands for anything.
func wildcard(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return strings.HasSuffix(text, parts[len(parts)-1])
}

// anythingBut is a value, a list of values, or an object with prefix, suffix, wildcard or equals-ignore-case.
func anythingBut(operand any) (condition, error) {
	switch operand := operand.(type) {
	case map[string]any:
		if len(operand) != 1 {
			return condition{}, fmt.Errorf("anything-but has exactly one operator")
		}
		for name, inner := range operand {
			test, err := textTest(name, inner)
			return condition{value: test, none: true}, err
		}
	case []any:
		if len(operand) == 0 {
			return condition{}, fmt.Errorf("anything-but needs a value")
		}
		for _, one := range operand {
			if !isScalar(one) {
				return condition{}, fmt.Errorf("anything-but takes strings and numbers")
			}
		}
		return condition{value: func(got any) bool { return isScalar(got) && slices.Contains(operand, got) }, none: true}, nil
	case string, float64:
		return condition{value: func(got any) bool { return got == operand }, none: true}, nil
	}
	return condition{}, fmt.Errorf("anything-but takes strings, numbers, lists of them, or an operator")
}

func isScalar(value any) bool {
	switch value.(type) {
	case string, float64, bool, nil:
		return true
	}
	return false
}

var numericTests = map[string]func(got, wanted float64) bool{
	"=": func(g, w float64) bool { return g == w }, "<": func(g, w float64) bool { return g < w }, "<=": func(g, w float64) bool { return g <= w },
	">": func(g, w float64) bool { return g > w }, ">=": func(g, w float64) bool { return g >= w },
}

// numeric is one comparison, or two that make a range.
func numeric(operand any) (condition, error) {
	list, ok := operand.([]any)
	if !ok || len(list) != 2 && len(list) != 4 {
		return condition{}, fmt.Errorf("numeric takes one or two pairs of an operator and a number")
	}
	var tests []func(float64) bool
	for i := 0; i < len(list); i += 2 {
		sign, _ := list[i].(string)
		wanted, isNumber := list[i+1].(float64)
		test := numericTests[sign]
		if test == nil || !isNumber {
			return condition{}, fmt.Errorf("numeric takes =, <, <=, > and >= with a number each")
		}
		tests = append(tests, func(got float64) bool { return test(got, wanted) })
	}
	return condition{value: func(value any) bool {
		got, ok := value.(float64)
		return ok && !slices.ContainsFunc(tests, func(test func(float64) bool) bool { return !test(got) })
	}}, nil
}
