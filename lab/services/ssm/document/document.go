// Package document reads Systems Manager documents of type Command (schema 2.2 and 1.2) and works out, for given
// parameters, what a node has to run. It is pure: it knows neither the API nor the store.
//
// Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-schemas-features.html. Only the plugin
// aws:runShellScript is implemented; everything else is refused when the document is made.
package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// RunShellScript is the one plugin that the lab has.
const RunShellScript = "aws:runShellScript"

// Document is a document's content.
type Document struct {
	SchemaVersion string               `json:"schemaVersion"`
	Description   string               `json:"description,omitempty"`
	Parameters    map[string]Parameter `json:"parameters,omitempty"`
	MainSteps     []Step               `json:"mainSteps"`
}

// Parameter declares what a command gives or leaves to its default.
type Parameter struct {
	Type           string `json:"type"`
	Description    string `json:"description,omitempty"`
	Default        any    `json:"default,omitempty"`
	AllowedValues  []any  `json:"allowedValues,omitempty"`
	AllowedPattern string `json:"allowedPattern,omitempty"`
	DisplayType    string `json:"displayType,omitempty"`
	MinItems       *int   `json:"minItems,omitempty"`
	MaxItems       *int   `json:"maxItems,omitempty"`
	MinChars       *int   `json:"minChars,omitempty"`
	MaxChars       *int   `json:"maxChars,omitempty"`
	Interpolation  string `json:"interpolationType,omitempty"`
	pattern        *regexp.Regexp
}

// Step is one plugin's work.
type Step struct {
	Action       string              `json:"action"`
	Name         string              `json:"name"`
	Inputs       Inputs              `json:"inputs"`
	Precondition map[string][]string `json:"precondition,omitempty"`
}

// Inputs are those of aws:runShellScript; each may hold references to parameters.
type Inputs struct {
	RunCommand       any    `json:"runCommand"` // a list of texts, or one reference to a list
	WorkingDirectory string `json:"workingDirectory,omitempty"`
	TimeoutSeconds   any    `json:"timeoutSeconds,omitempty"`
	ID               string `json:"id,omitempty"` // schema 1.2
}

// Parse reads a document in JSON or YAML; what the lab does not implement in it is an error that names it.
func Parse(content string, isYAML bool) (*Document, error) {
	raw := []byte(content)
	if isYAML {
		var tree any
		if err := yaml.Unmarshal(raw, &tree); err != nil {
			return nil, fmt.Errorf("the content is no YAML: %w", err)
		}
		var err error
		if raw, err = json.Marshal(tree); err != nil {
			return nil, fmt.Errorf("the content is no document: %w", err)
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	d := new(Document)
	if err := decoder.Decode(d); err != nil {
		return nil, fmt.Errorf("the content is no Command document of schema 2.2 that the lab implements: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the document")
	}
	return d, d.check()
}

func (d *Document) check() error {
	if d.SchemaVersion != "2.2" && d.SchemaVersion != "2.0" {
		return fmt.Errorf("the lab does not implement documents of schema %q; use 2.2", d.SchemaVersion)
	}
	if len(d.MainSteps) == 0 {
		return errors.New("the document has no mainSteps")
	}
	for _, name := range slices.Sorted(maps.Keys(d.Parameters)) {
		p := d.Parameters[name]
		if err := p.check(); err != nil {
			return fmt.Errorf("parameter %s: %w", name, err)
		}
		d.Parameters[name] = p
	}
	names := map[string]bool{}
	for _, step := range d.MainSteps {
		if names[step.Name] || step.Name == "" {
			return fmt.Errorf("a step's name %q is empty or given twice", step.Name)
		}
		names[step.Name] = true
		if err := d.checkStep(step); err != nil {
			return fmt.Errorf("step %s: %w", step.Name, err)
		}
	}
	return nil
}

func (d *Document) checkStep(step Step) error {
	if step.Action != RunShellScript {
		return fmt.Errorf("the lab does not implement the plugin %q, only %s", step.Action, RunShellScript)
	}
	for _, reference := range references.FindAllStringSubmatch(fmt.Sprint(step.Inputs.RunCommand, step.Inputs.WorkingDirectory, step.Inputs.TimeoutSeconds), -1) {
		if name := reference[1]; !strings.HasPrefix(name, "ssm:") && !d.declares(name) {
			return fmt.Errorf("it refers to the parameter %s, which is not declared", name)
		}
	}
	for condition, operands := range step.Precondition {
		if condition != "StringEquals" || len(operands) != 2 || !slices.Contains(operands, "platformType") {
			return fmt.Errorf("the lab does not implement the precondition %s %v, only StringEquals of platformType", condition, operands)
		}
	}
	return nil
}

func (d *Document) declares(name string) bool {
	_, ok := d.Parameters[name]
	return ok
}

var parameterTypes = []string{"String", "StringList", "Integer", "Boolean"}

func (p *Parameter) check() (err error) {
	if !slices.Contains(parameterTypes, p.Type) {
		return fmt.Errorf("the lab does not implement parameters of type %q, only %s", p.Type, strings.Join(parameterTypes, ", "))
	}
	if p.AllowedPattern != "" {
		if p.pattern, err = regexp.Compile("^(?:" + p.AllowedPattern + ")$"); err != nil {
			return fmt.Errorf("its allowedPattern: %w", err)
		}
	}
	return nil
}
