package policy

import (
	"slices"
	"strings"
)

// Decision is what policies say to a question.
type Decision int

// Decisions.
const (
	NotAllowed Decision = iota // nothing allows it
	Allowed
	Denied // something denies it, whatever allows it
)

// Question is what somebody wants to do.
type Question struct {
	Action string // such as "s3:GetObject"
	// Resources are the names that the one resource goes by; one that matches is enough.
	Resources []string
	// Principals are the names that the caller goes by, by kind, for policies that say who: {"AWS": {arn}}.
	Principals map[string][]string
	// Context are the condition keys of the request, in lower case.
	Context map[string][]string
	// literally leaves out principals that are wildcards: only policies that name the caller match.
	literally bool
}

// Evaluate decides by all documents together.
func Evaluate(documents []*Document, question Question) Decision {
	decision := NotAllowed
	for _, document := range documents {
		for i := range document.Statement {
			statement := &document.Statement[i]
			if !statement.matches(question) {
				continue
			}
			if statement.Effect == Deny {
				return Denied
			}
			decision = Allowed
		}
	}
	return decision
}

func (s *Statement) matches(q Question) bool {
	action := func(pattern string) bool { return Match(strings.ToLower(pattern), strings.ToLower(q.Action)) }
	resource := func(pattern string) bool {
		pattern, known := substitute(pattern, q.Context)
		return known && slices.ContainsFunc(q.Resources, func(name string) bool { return Match(pattern, name) })
	}
	return either(s.Action, s.NotAction, action) && either(s.Resource, s.NotResource, resource) &&
		s.concerns(q) && s.conditions(q.Context)
}

// either tells whether one of the patterns matches, or none of the negated ones. Neither given: matches.
func either(patterns, negated Strings, match func(string) bool) bool {
	if patterns != nil {
		return slices.ContainsFunc(patterns, match)
	}
	return !slices.ContainsFunc(negated, match)
}

func (s *Statement) concerns(q Question) bool {
	if s.Principal != nil {
		return s.Principal.include(q)
	}
	return s.NotPrincipal == nil || !s.NotPrincipal.include(q)
}

func (p Principals) include(q Question) bool {
	if p["*"] != nil {
		return !q.literally
	}
	for kind, given := range p {
		for _, name := range given {
			if name == "*" && len(q.Principals[kind]) > 0 && !q.literally || slices.Contains(q.Principals[kind], name) {
				return true
			}
		}
	}
	return false
}

// Match tells whether a text fits a pattern in which * stands for any text and ? for any one character.
func Match(pattern, text string) bool {
	star, resume := -1, 0
	i := 0
	for j := 0; j < len(text); {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, resume = i, j
			i++
		case i < len(pattern) && (pattern[i] == '?' || pattern[i] == text[j]):
			i++
			j++
		case star >= 0:
			resume++
			i, j = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[i:], "*") == ""
}

// substitute puts the request's values for variables, such as ${aws:username}. It reports false when one is not known.
func substitute(pattern string, context map[string][]string) (string, bool) {
	for {
		before, rest, found := strings.Cut(pattern, "${")
		if !found {
			return pattern, true
		}
		name, after, closed := strings.Cut(rest, "}")
		values := context[strings.ToLower(name)]
		if !closed || len(values) != 1 {
			return "", false
		}
		pattern = before + values[0] + after
	}
}
