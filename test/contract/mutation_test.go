package contract

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestComparisonFindsMutations changes the true schema in every way that matters and wants each change found.
func TestComparisonFindsMutations(t *testing.T) {
	sdk, schema := bothSides(t)
	const vpc, template = "aws:ec2/vpc:Vpc", "aws:ec2/launchTemplate:LaunchTemplate"
	tests := map[string]struct {
		token  string
		mutate func(*Schema)
		want   string
	}{
		"another token": {
			vpc, func(s *Schema) { delete(s.Resources, vpc) },
			"aws:ec2/vpc:Vpc: the SDK has it, the provider does not",
		},
		"an input is missing": {
			vpc, func(s *Schema) { delete(s.Resources[vpc].InputProperties, "cidrBlock") },
			"aws:ec2/vpc:Vpc input.cidrBlock: the SDK has it, the provider does not",
		},
		"an input is renamed": {
			vpc, func(s *Schema) {
				s.Resources[vpc].InputProperties["cidrBlocks"] = s.Resources[vpc].InputProperties["cidrBlock"]
			},
			"aws:ec2/vpc:Vpc input.cidrBlocks: the provider has it, the SDK does not",
		},
		"an output is missing": {
			vpc, func(s *Schema) { delete(s.Resources[vpc].Properties, "defaultRouteTableId") },
			"aws:ec2/vpc:Vpc output.defaultRouteTableId: the SDK has it, the provider does not",
		},
		"a text is a number": {
			vpc, func(s *Schema) {
				s.Resources[vpc].InputProperties["cidrBlock"] = Property{Type: Type{Type: "integer"}}
			},
			"aws:ec2/vpc:Vpc input.cidrBlock: the SDK has string, the provider number",
		},
		"a list is a single object": {
			template, func(s *Schema) {
				p := s.Resources[template].InputProperties["blockDeviceMappings"]
				s.Resources[template].InputProperties["blockDeviceMappings"] = Property{Type: *p.Items}
			},
			template + " input.blockDeviceMappings: the SDK has array, the provider object",
		},
		"a nested property is renamed": {
			template, func(s *Schema) {
				ebs := s.Types["aws:ec2/LaunchTemplateBlockDeviceMappingEbs:LaunchTemplateBlockDeviceMappingEbs"].Properties
				ebs["sizeOfVolume"] = ebs["volumeSize"]
				delete(ebs, "volumeSize")
			},
			template + " input.blockDeviceMappings[].ebs.volumeSize: the SDK has it, the provider does not",
		},
		"an input becomes required": {
			vpc, func(s *Schema) {
				r := s.Resources[vpc]
				r.RequiredInputs = append(r.RequiredInputs, "tags")
				s.Resources[vpc] = r
			},
			"aws:ec2/vpc:Vpc input.tags: required in the provider, not in the SDK",
		},
		"a secret is laid open": {
			"aws:secretsmanager/secretVersion:SecretVersion", func(s *Schema) {
				outputs := s.Resources["aws:secretsmanager/secretVersion:SecretVersion"].Properties
				p := outputs["secretString"]
				p.Secret = false
				outputs["secretString"] = p
			},
			"aws:secretsmanager/secretVersion:SecretVersion output.secretString: secret in the SDK, not in the provider",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			mutant := copySchema(t, schema, test.token)
			before, err := sdk.CompareResource(mutant, test.token)
			require.NoError(t, err)
			require.Empty(t, before)
			test.mutate(mutant)
			after, err := sdk.CompareResource(mutant, test.token)
			require.NoError(t, err)
			assert.Contains(t, after, test.want)
		})
	}
}

// copySchema copies one resource and the types of its module.
func copySchema(t *testing.T, schema *Schema, token string) *Schema {
	t.Helper()
	part := Schema{
		Resources: map[string]Resource{token: schema.Resources[token]}, Types: maps.Clone(schema.Types),
	}
	maps.DeleteFunc(part.Types, func(name string, _ Object) bool { return module(name) != module(token) })
	text, err := json.Marshal(part)
	require.NoError(t, err)
	mutant, err := ParseSchema(text)
	require.NoError(t, err)
	return mutant
}

func TestUsesFindsCallsOnly(t *testing.T) {
	uses, err := Uses("testdata")
	require.NoError(t, err)
	var calls []string
	for _, use := range uses {
		calls = append(calls, use.Module+"."+use.Call)
	}
	assert.Equal(t, []string{"index.NewProvider", "index.GetRegion", "ec2.NewVpc", "iam.GetPolicyDocument"}, calls)
}

func TestUnknownCallIsAnError(t *testing.T) {
	sdk, err := OpenSDK(t.Context(), root)
	require.NoError(t, err)
	_, _, err = sdk.Token(Use{Module: "ec2", Call: "NewMoon", Where: "moon.go:1"})
	assert.ErrorContains(t, err, "moon.go:1: ec2.NewMoon neither registers a resource nor invokes a function")
	_, _, err = sdk.Token(Use{Module: "nowhere", Call: "NewVpc", Where: "vpc.go:1"})
	assert.ErrorContains(t, err, `the SDK has no package for "nowhere"`)
}
