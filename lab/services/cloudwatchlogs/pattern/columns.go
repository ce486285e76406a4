package pattern

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ellipsis stands for any number of columns.
const ellipsis = "..."

var goodColumn = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_\-]*$`)

// parseColumns reads [a, b = x*, ..., c > 1].
func parseColumns(text string) (*Pattern, error) {
	inner, closed := strings.CutSuffix(text[1:], "]")
	if !closed {
		return nil, fmt.Errorf("a pattern of columns ends with ]")
	}
	tokens, err := split(inner)
	if err != nil {
		return nil, err
	}
	pattern := &Pattern{columns: []string{}}
	var conditions []condition
	for len(tokens) > 0 {
		column := tokens
		if comma := slices.IndexFunc(tokens, func(t token) bool { return t.is(",") }); comma >= 0 {
			column, tokens = tokens[:comma], tokens[comma+1:]
		} else {
			tokens = nil
		}
		name, holds, err := parseColumn(column, len(pattern.columns))
		if err != nil {
			return nil, err
		}
		if name != ellipsis && slices.Contains(pattern.columns, name) || name == ellipsis && slices.Contains(pattern.columns, ellipsis) {
			return nil, fmt.Errorf("the column %s is there twice", name)
		}
		pattern.columns = append(pattern.columns, name)
		if holds != nil {
			conditions = append(conditions, holds)
		}
	}
	pattern.matches = func(line string) (Match, bool) {
		values, ok := assign(pattern.columns, fields(line))
		if !ok {
			return Match{}, false
		}
		find := func(reference string) ([]any, bool) {
			value, there := values[reference]
			return []any{value}, there
		}
		if slices.ContainsFunc(conditions, func(holds condition) bool { return !holds(find) }) {
			return Match{}, false
		}
		return Match{fields: func(reference string) (string, bool) {
			value, there := values[strings.TrimPrefix(reference, "$")]
			return value, there
		}}, true
	}
	return pattern, nil
}

// parseColumn reads one column: its name, or a condition on it.
func parseColumn(tokens []token, index int) (name string, holds condition, err error) {
	first := slices.IndexFunc(tokens, func(t token) bool { return t.kind == 'w' })
	if len(tokens) == 0 || first < 0 {
		return fmt.Sprintf("unnamed%d", index), nil, nil // a column that nobody asks for
	}
	name = tokens[first].text
	if name == ellipsis && len(tokens) == 1 {
		return name, nil, nil
	}
	if !goodColumn.MatchString(name) {
		return "", nil, fmt.Errorf("%q is no name for a column", name)
	}
	if len(tokens) == 1 {
		return name, nil, nil
	}
	p := &parser{tokens: tokens, name: func(word string) (string, error) {
		if word != name {
			return "", fmt.Errorf("the conditions of the column %s are on %s", name, word)
		}
		return word, nil
	}}
	holds, err = p.or()
	if err == nil && p.peek().kind != 0 {
		err = fmt.Errorf("%q is not expected behind the column %s", p.peek().text, name)
	}
	return name, holds, err
}

// fields cuts a line at its spaces; what is in quotes or brackets is one field.
func fields(line string) (all []string) {
	for rest := strings.TrimLeft(line, " \t"); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		closing := map[byte]string{'"': `"`, '[': "]"}[rest[0]]
		if closing != "" {
			if inner, after, closed := strings.Cut(rest[1:], closing); closed {
				all, rest = append(all, inner), after
				continue
			}
		}
		length := strings.IndexAny(rest, " \t")
		if length < 0 {
			length = len(rest)
		}
		all, rest = append(all, rest[:length]), rest[length:]
	}
	return all
}

// assign gives fields to columns: as many as there are columns, or any number where the ellipsis stands.
func assign(columns, fields []string) (map[string]string, bool) {
	gap := slices.Index(columns, ellipsis)
	if gap < 0 && len(columns) != len(fields) || gap >= 0 && len(fields) < len(columns)-1 {
		return nil, false
	}
	values := map[string]string{}
	for i, name := range columns {
		switch {
		case name == ellipsis:
		case gap >= 0 && i > gap:
			values[name] = fields[len(fields)-(len(columns)-i)]
		default:
			values[name] = fields[i]
		}
	}
	return values, true
}
