package pattern

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// term is a word that lines must have (0), may have ('?') or must not have ('-').
type term struct {
	sign  byte
	found func(line string) bool
}

// parseTerms reads terms: all plain ones must be in the line, one of those with a question mark, none of those with a
// minus.
func parseTerms(text string) (*Pattern, error) {
	var all, some, none []func(string) bool
	for rest := text; rest != ""; rest = strings.TrimSpace(rest) {
		one, left, err := nextTerm(rest)
		if err != nil {
			return nil, err
		}
		rest = left
		switch {
		case one.found == nil:
		case one.sign == '-':
			none = append(none, one.found)
		case one.sign == '?':
			some = append(some, one.found)
		default:
			all = append(all, one.found)
		}
	}
	return &Pattern{matches: func(line string) (Match, bool) {
		has := func(found func(string) bool) bool { return found(line) }
		lacks := func(found func(string) bool) bool { return !found(line) }
		return Match{}, !slices.ContainsFunc(all, lacks) && (len(some) == 0 || slices.ContainsFunc(some, has)) && !slices.ContainsFunc(none, has)
	}}, nil
}

func nextTerm(rest string) (one term, left string, err error) {
	if rest[0] == '?' || rest[0] == '-' {
		one.sign, rest = rest[0], rest[1:]
	}
	switch {
	case strings.HasPrefix(rest, `"`):
		text, left, closed := quoted(rest)
		if !closed {
			return one, "", fmt.Errorf("a quote is not closed: %s", rest)
		}
		one.found = contains(text)
		return one, left, nil
	case strings.HasPrefix(rest, "%"):
		expression, left, closed := strings.Cut(rest[1:], "%")
		if !closed {
			return one, "", fmt.Errorf("a regular expression is not closed with %%: %s", rest)
		}
		compiled, err := regexp.Compile(expression)
		if err != nil {
			return one, "", fmt.Errorf("the regular expression %%%s%%: %w", expression, err)
		}
		one.found = compiled.MatchString
		return one, left, nil
	}
	text, left, _ := strings.Cut(rest, " ")
	if text != "" {
		one.found = contains(text)
	}
	return one, left, nil
}

func contains(text string) func(string) bool {
	return func(line string) bool { return strings.Contains(line, text) }
}

// quoted takes a text in quotes, in which a backslash goes before a quote, off the front.
func quoted(rest string) (text, left string, closed bool) {
	var out strings.Builder
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '"':
			return out.String(), rest[i+1:], true
		case rest[i] == '\\' && i+1 < len(rest) && (rest[i+1] == '"' || rest[i+1] == '\\'):
			i++
		}
		out.WriteByte(rest[i])
	}
	return "", "", false
}
