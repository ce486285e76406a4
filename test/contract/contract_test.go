package contract

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// builtPlugin is where scripts/setup puts the provider.
const builtPlugin = root + "/.haven/pulumi/plugins/resource-aws-v6.66.3/pulumi-resource-aws"

// readSchema asks the plugin once for all tests: writing the schema takes it seconds.
var readSchema = sync.OnceValues(func() (*Schema, error) {
	binary, err := filepath.Abs(builtPlugin)
	if err != nil {
		return nil, err
	}
	text, err := PluginSchema(context.Background(), binary)
	if err != nil {
		return nil, err
	}
	return ParseSchema(text)
})

func bothSides(t *testing.T) (*SDK, *Schema) {
	t.Helper()
	if _, err := os.Stat(builtPlugin); err != nil {
		t.Skipf("the provider is not built (%v): run scripts/setup", err)
	}
	schema, err := readSchema()
	require.NoError(t, err)
	sdk, err := OpenSDK(t.Context(), root)
	require.NoError(t, err)
	return sdk, schema
}

func TestProgramUsesWhatTheProviderHas(t *testing.T) {
	sdk, schema := bothSides(t)
	uses, err := Uses(filepath.Join(root, "components"), filepath.Join(root, "infra"))
	require.NoError(t, err)
	require.NotEmpty(t, uses, "the program registers nothing: is it still where this test looks?")
	for _, use := range uses {
		token, isResource, err := sdk.Token(use)
		if !assert.NoError(t, err) || token == "pulumi:providers:aws" {
			continue
		}
		if isResource {
			assert.Contains(t, schema.Resources, token, "%s: the lab's provider lacks it; add its service to tools/provider-aws", use.Where)
		} else {
			assert.Contains(t, schema.Functions, token, "%s: the lab's provider lacks it; add its service to tools/provider-aws", use.Where)
		}
	}
}

func TestResourcesAreTheSDKs(t *testing.T) {
	sdk, schema := bothSides(t)
	for _, token := range slices.Sorted(maps.Keys(schema.Resources)) {
		differences, err := sdk.CompareResource(schema, token)
		require.NoError(t, err)
		for _, difference := range differences {
			t.Error(difference)
		}
	}
}

func TestFunctionsAreTheSDKs(t *testing.T) {
	sdk, schema := bothSides(t)
	for _, token := range slices.Sorted(maps.Keys(schema.Functions)) {
		differences, err := sdk.CompareFunction(schema, token)
		require.NoError(t, err)
		for _, difference := range differences {
			t.Error(difference)
		}
	}
}

func TestProviderSettingsAreTheSDKs(t *testing.T) {
	sdk, schema := bothSides(t)
	differences, err := sdk.CompareProvider(schema)
	require.NoError(t, err)
	assert.Empty(t, differences)
}
