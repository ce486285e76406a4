package settings_test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/infra/settings"
)

var update = flag.Bool("update", false, "write Pulumi.yaml and docs/settings.md from the table of settings")

// What is written down for people and for Pulumi is what the program believes.
func TestWrittenFilesMatchTheTable(t *testing.T) {
	for path, want := range map[string]string{
		"../../Pulumi.yaml":      settings.ProjectFile(),
		"../../docs/settings.md": settings.Document(),
	} {
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		}
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, want, string(got), "%s is out of date: go test ./infra/settings -update", path)
	}
}
