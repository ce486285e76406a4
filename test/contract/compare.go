package contract

import (
	"fmt"
	"strings"
)

// CompareResource returns what differs, one line each, between a resource of the SDK and the provider's.
func (s *SDK) CompareResource(schema *Schema, token string) ([]string, error) {
	p, err := s.load(module(token))
	if err != nil {
		return nil, err
	}
	sdk, ok := p.resources[token]
	if !ok {
		return []string{token + ": the provider has it, the SDK does not"}, nil
	}
	provider, ok := schema.Resources[token]
	if !ok {
		return []string{token + ": the SDK has it, the provider does not"}, nil
	}
	c := newComparison()
	c.properties(token+" input", p.shapes(sdk.inputs), schema.shapes(provider.InputProperties))
	c.properties(token+" output", p.shapes(sdk.outputs), schema.shapes(provider.Properties))
	c.names(token+" input", "required", pulumiNames(sdk.inputs, sdk.required), provider.RequiredInputs)
	c.names(token+" output", "secret", sdk.secrets, secrets(provider.Properties))
	return c.differences, nil
}

// CompareFunction returns what differs between a function of the SDK and the provider's.
func (s *SDK) CompareFunction(schema *Schema, token string) ([]string, error) {
	p, err := s.load(module(token))
	if err != nil {
		return nil, err
	}
	sdk, ok := p.functions[token]
	if !ok {
		return []string{token + ": the provider has it, the SDK does not"}, nil
	}
	provider, ok := schema.Functions[token]
	if !ok {
		return []string{token + ": the SDK has it, the provider does not"}, nil
	}
	c := newComparison()
	c.properties(token+" input", p.shapes(sdk.inputs), schema.shapes(provider.Inputs.Properties))
	outputs := schema.shapes(provider.Outputs.Properties)
	c.properties(token+" output", p.shapes(sdk.outputs), outputs)
	return c.differences, nil
}

// CompareProvider returns what differs between the settings of the provider itself.
func (s *SDK) CompareProvider(schema *Schema) ([]string, error) {
	p, err := s.load("index")
	if err != nil {
		return nil, err
	}
	sdk, ok := p.resources["pulumi:providers:aws"]
	if !ok {
		return nil, fmt.Errorf("the SDK does not register the provider")
	}
	c := newComparison()
	c.properties("provider", p.shapes(sdk.inputs), schema.shapes(schema.Provider.InputProperties))
	return c.differences, nil
}

// module is the part of a token that names the SDK's package: "ec2" in aws:ec2/vpc:Vpc.
func module(token string) string {
	_, rest, _ := strings.Cut(token, ":")
	name, _, _ := strings.Cut(rest, "/")
	return name
}
