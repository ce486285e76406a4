package rights

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"haven/drill/scenario"
	"haven/drill/stack"
	"haven/drill/target"
	"haven/drill/undo"
	"haven/infra/outputs"
)

// Document is an IAM policy.
type Document struct {
	Version   string
	Statement []Statement
}

// Statement allows actions on resources.
type Statement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string]string `json:",omitempty"`
}

// Needed returns the IAM actions that the scenarios need on AWS, sorted: their own, and those of every drill. What only a lab can do
// needs none.
func Needed(scenarios []scenario.Scenario) []string {
	all := map[string]bool{}
	for _, s := range scenarios {
		if s.LabOnly == "" {
			for _, action := range s.Needs {
				all[action] = true
			}
		}
	}
	for _, action := range Always() {
		all[action] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// Always are the actions that every run needs, whatever it drills.
func Always() []string { return slices.Concat(stack.Needs, target.StrengthNeeds, undo.Needs) }

// Policy returns the least policy that allows the actions on a stack; without outputs, on one whose names are left open as ${Name}. An
// action that is not in the table of resources is an error: nothing is allowed on everything by mistake.
func Policy(actions []string, o *outputs.Outputs) (Document, error) {
	names := placeholders
	if o != nil {
		names = known(*o)
	}
	type key struct{ resources, condition string }
	groups := map[key][]string{}
	var unknown []string
	for _, action := range actions {
		about, listed := resources[action]
		if !listed {
			unknown = append(unknown, action)
			continue
		}
		where := key{strings.Join(about.arns, " "), about.condition}
		groups[where] = append(groups[where], action)
	}
	if len(unknown) > 0 {
		return Document{}, fmt.Errorf("it is not known which resources %s are about; add them to drill/rights/resources.go from AWS's Service Authorization Reference", strings.Join(unknown, ", "))
	}
	document := Document{Version: "2012-10-17"}
	for where, allowed := range groups {
		slices.Sort(allowed)
		statement := Statement{Sid: sid(allowed), Effect: "Allow", Action: slices.Compact(allowed)}
		for _, pattern := range strings.Fields(where.resources) {
			filled, err := fill(pattern, names)
			if err != nil {
				return Document{}, err
			}
			statement.Resource = append(statement.Resource, filled...)
		}
		slices.Sort(statement.Resource)
		if where.condition != "" {
			stack, err := fill("${Stack}", names)
			if err != nil {
				return Document{}, err
			}
			statement.Condition = map[string]map[string]string{"StringEquals": {where.condition: stack[0]}}
		}
		document.Statement = append(document.Statement, statement)
	}
	slices.SortFunc(document.Statement, func(a, b Statement) int { return strings.Compare(a.Action[0], b.Action[0]) })
	return document, nil
}

// sid names a statement after its first action: letters and digits only, and different for each group.
func sid(actions []string) string {
	var name strings.Builder
	for _, part := range strings.FieldsFunc(actions[0], func(r rune) bool { return r == ':' || r == '-' }) {
		name.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	if len(actions) > 1 {
		fmt.Fprintf(&name, "And%d", len(actions)-1)
	}
	return name.String()
}

// fill puts names for ${Name} in a pattern. A name with several values makes several resources.
func fill(pattern string, names map[string][]string) ([]string, error) {
	begin := strings.Index(pattern, "${")
	if begin < 0 {
		return []string{pattern}, nil
	}
	end := begin + strings.Index(pattern[begin:], "}")
	name := pattern[begin+2 : end]
	values, given := names[name]
	if !given || len(values) == 0 {
		return nil, fmt.Errorf("the stack has no %s, which %s needs", name, pattern)
	}
	var filled []string
	for _, value := range values {
		rest, err := fill(pattern[end+1:], names)
		if err != nil {
			return nil, err
		}
		for _, tail := range rest {
			filled = append(filled, pattern[:begin]+value+tail)
		}
	}
	return filled, nil
}
