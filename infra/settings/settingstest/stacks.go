// Package settingstest reads the settings that the project's own stacks declare.
//
// It is for tests.
package settingstest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// StackNames are the names of the stacks in the project's folder stacks.
func StackNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(stackFile("*"))
	require.NoError(t, err)
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml"))
	}
	require.Subset(t, names, []string{"lab", "dev", "staging", "production"})
	return names
}

// StackConfig reads a stack's file as Pulumi hands it to the program.
func StackConfig(t *testing.T, stack string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(stackFile(stack))
	require.NoError(t, err)
	var file struct {
		Config map[string]any `yaml:"config"`
	}
	require.NoError(t, yaml.Unmarshal(raw, &file))
	config := map[string]string{}
	for key, value := range file.Config {
		switch value.(type) {
		case string, int, bool:
			config[key] = fmt.Sprint(value)
		default:
			text, err := json.Marshal(value)
			require.NoError(t, err)
			config[key] = string(text)
		}
	}
	return config
}

// stackFile finds a stack's file from wherever the test runs.
func stackFile(stack string) string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "../../../stacks", "Pulumi."+stack+".yaml")
}
