package pattern

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// step is a part of a selector: a member's name, an index, or every element.
type step struct {
	name  string
	index int
	every bool
	list  bool
}

var stepForm = regexp.MustCompile(`^(?:\.?\[['"]([^'"]+)['"]\]|\.([A-Za-z0-9_@\-]+)|\[(\d+|\*)\])`)

// parsePath reads a selector such as $.a.b[0], $.a[*].b or $.['a.b'].
func parsePath(text string) (steps []step, err error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok || rest == "" {
		return nil, fmt.Errorf("%q is no selector: it begins with $.", text)
	}
	for rest != "" {
		match := stepForm.FindStringSubmatch(rest)
		if match == nil {
			return nil, fmt.Errorf("the selector %s cannot be read at %q", text, rest)
		}
		rest = rest[len(match[0]):]
		switch {
		case match[3] == "*":
			steps = append(steps, step{list: true, every: true})
		case match[3] != "":
			index, err := strconv.Atoi(match[3])
			if err != nil {
				return nil, fmt.Errorf("the selector %s: %w", text, err)
			}
			steps = append(steps, step{list: true, index: index})
		default:
			steps = append(steps, step{name: match[1] + match[2]})
		}
	}
	return steps, nil
}

// follow returns the values at a path.
func follow(value any, steps []step) (values []any, ok bool) {
	if len(steps) == 0 {
		return []any{value}, true
	}
	if !steps[0].list {
		object, isObject := value.(map[string]any)
		below, there := object[steps[0].name]
		if !isObject || !there {
			return nil, false
		}
		return follow(below, steps[1:])
	}
	list, isList := value.([]any)
	if !isList || !steps[0].every && steps[0].index >= len(list) {
		return nil, false
	}
	if !steps[0].every {
		return follow(list[steps[0].index], steps[1:])
	}
	for _, element := range list {
		found, there := follow(element, steps[1:])
		values, ok = append(values, found...), ok || there
	}
	return values, ok
}

func parseJSON(text string) (*Pattern, error) {
	inner, closed := strings.CutSuffix(text[1:], "}")
	if !closed {
		return nil, fmt.Errorf("a JSON pattern ends with }")
	}
	tokens, err := split(inner)
	if err != nil {
		return nil, err
	}
	paths := map[string][]step{}
	p := &parser{tokens: tokens, name: func(word string) (string, error) {
		steps, err := parsePath(word)
		paths[word] = steps
		return word, err
	}}
	holds, err := p.or()
	if err == nil && p.peek().kind != 0 {
		err = fmt.Errorf("%q is not expected after a complete condition", p.peek().text)
	}
	if err != nil {
		return nil, err
	}
	return &Pattern{json: true, matches: func(line string) (Match, bool) {
		var object map[string]any
		if json.Unmarshal([]byte(line), &object) != nil {
			return Match{}, false
		}
		if !holds(func(reference string) ([]any, bool) { return follow(object, paths[reference]) }) {
			return Match{}, false
		}
		return Match{fields: func(reference string) (string, bool) { return fieldOf(object, reference) }}, true
	}}, nil
}

// fieldOf returns the first value at a selector.
func fieldOf(object map[string]any, reference string) (string, bool) {
	steps, err := parsePath(reference)
	if err != nil {
		return "", false
	}
	values, ok := follow(object, steps)
	if !ok || len(values) == 0 {
		return "", false
	}
	return textOf(values[0]), true
}
