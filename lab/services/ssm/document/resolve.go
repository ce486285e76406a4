package document

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Work is what a step has a node run.
type Work struct {
	Plugin  string // the step's name
	Script  string
	Dir     string        // empty: the node's choice
	Timeout time.Duration // then it is killed
	Skip    bool          // its precondition does not hold on Linux
}

// defaultTimeout is the plugin's own.
const defaultTimeout = time.Hour

// references are what stands for parameters in texts: {{ name }}, or {{ ssm:name }} for Parameter Store's.
var references = regexp.MustCompile(`\{\{\s*([a-zA-Z0-9_:./-]+)\s*\}\}`)

// Resolve works out what the steps run when a command gives some parameters. store returns a parameter of Parameter Store.
func (d *Document) Resolve(given map[string][]string, store func(name string) (string, error)) ([]Work, error) {
	values, err := d.values(given)
	if err != nil {
		return nil, err
	}
	for name, list := range values {
		for i, text := range list {
			if list[i], err = fromStore(text, store); err != nil {
				return nil, fmt.Errorf("parameter %s: %w", name, err)
			}
		}
	}
	var all []Work
	for _, step := range d.MainSteps {
		work, err := step.resolve(values, store)
		if err != nil {
			return nil, fmt.Errorf("step %s: %w", step.Name, err)
		}
		all = append(all, work)
	}
	return all, nil
}

// values are the parameters' values, given or by default, checked.
func (d *Document) values(given map[string][]string) (map[string][]string, error) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !d.declares(name) {
			return nil, fmt.Errorf("the document has no parameter %s", name)
		}
	}
	values := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(d.Parameters)) {
		p := d.Parameters[name]
		list, ok := given[name]
		if !ok {
			if list, ok = p.byDefault(); !ok {
				return nil, fmt.Errorf("the parameter %s is required", name)
			}
		} else if err := p.accepts(list); err != nil {
			return nil, fmt.Errorf("the parameter %s: %w", name, err)
		}
		values[name] = slices.Clone(list)
	}
	return values, nil
}

func (p Parameter) byDefault() ([]string, bool) {
	if p.Default == nil {
		return nil, false
	}
	return texts(p.Default), true
}

// texts brings a value of a document into the form that commands give parameters in.
func texts(value any) []string {
	if list, ok := value.([]any); ok {
		var all []string
		for _, item := range list {
			all = append(all, texts(item)...)
		}
		return all
	}
	if number, ok := value.(float64); ok {
		return []string{strconv.FormatFloat(number, 'f', -1, 64)}
	}
	return []string{fmt.Sprint(value)}
}

func (p Parameter) accepts(list []string) error {
	if p.Type != "StringList" && len(list) != 1 {
		return fmt.Errorf("it takes one value, and %d are given", len(list))
	}
	if p.MinItems != nil && len(list) < *p.MinItems || p.MaxItems != nil && len(list) > *p.MaxItems {
		return fmt.Errorf("%d values are too few or too many", len(list))
	}
	for _, text := range list {
		if err := p.acceptsOne(text); err != nil {
			return err
		}
	}
	return nil
}

func (p Parameter) acceptsOne(text string) error {
	_, notNumber := strconv.Atoi(text)
	switch {
	case p.Type == "Integer" && notNumber != nil, p.Type == "Boolean" && text != "true" && text != "false":
		return fmt.Errorf("%q is no %s", text, p.Type)
	case len(p.AllowedValues) > 0 && !slices.Contains(texts(p.AllowedValues), text):
		return fmt.Errorf("%q is not among its allowedValues", text)
	case p.pattern != nil && !p.pattern.MatchString(text):
		return fmt.Errorf("%q does not match its allowedPattern %s", text, p.AllowedPattern)
	case p.MinChars != nil && len(text) < *p.MinChars || p.MaxChars != nil && len(text) > *p.MaxChars:
		return fmt.Errorf("a value of %d characters is too short or too long", len(text))
	}
	return nil
}

func (s Step) resolve(values map[string][]string, store func(string) (string, error)) (Work, error) {
	work := Work{Plugin: s.Name, Timeout: defaultTimeout, Skip: s.skips()}
	var lines []string
	for _, text := range texts(s.Inputs.RunCommand) {
		if name, ok := whole(text); ok && len(values[name]) > 0 {
			lines = append(lines, values[name]...) // a list stands for its lines
			continue
		}
		filled, err := fill(text, values, store)
		if err != nil {
			return work, err
		}
		lines = append(lines, filled)
	}
	work.Script = strings.Join(lines, "\n") + "\n"
	var err error
	if work.Dir, err = fill(s.Inputs.WorkingDirectory, values, store); err != nil {
		return work, err
	}
	if s.Inputs.TimeoutSeconds == nil {
		return work, nil
	}
	limit, err := fill(texts(s.Inputs.TimeoutSeconds)[0], values, store)
	if err != nil {
		return work, err
	}
	seconds, err := strconv.Atoi(limit)
	if err != nil || seconds <= 0 {
		return work, fmt.Errorf("timeoutSeconds %q is no number of seconds", limit)
	}
	work.Timeout = time.Duration(seconds) * time.Second
	return work, nil
}

// skips tells whether a precondition asks for another platform than Linux.
func (s Step) skips() bool {
	for _, operands := range s.Precondition {
		if !slices.Contains(operands, "Linux") {
			return true
		}
	}
	return false
}

// whole returns the name of the parameter that a text is a reference to and nothing else.
func whole(text string) (string, bool) {
	match := references.FindStringSubmatch(text)
	return first(match), match != nil && match[0] == strings.TrimSpace(text)
}

func first(match []string) string {
	if match == nil {
		return ""
	}
	return match[1]
}

// fill replaces the references in a text.
func fill(text string, values map[string][]string, store func(string) (string, error)) (string, error) {
	filled := references.ReplaceAllStringFunc(text, func(reference string) string {
		name, _ := whole(reference)
		if list, ok := values[name]; ok {
			return strings.Join(list, " ")
		}
		return reference
	})
	return fromStore(filled, store)
}

// fromStore replaces references to Parameter Store.
func fromStore(text string, store func(string) (string, error)) (string, error) {
	var failed error
	filled := references.ReplaceAllStringFunc(text, func(reference string) string {
		name, _ := whole(reference)
		name, ok := strings.CutPrefix(name, "ssm:")
		if !ok {
			return reference
		}
		value, err := store(name)
		if err != nil {
			failed = err
		}
		return value
	})
	return filled, failed
}

// DefaultText is a parameter's default as descriptions show it; empty when it is required or empty.
func (p Parameter) DefaultText() string {
	if p.Default == nil {
		return ""
	}
	return strings.Join(texts(p.Default), ",")
}
