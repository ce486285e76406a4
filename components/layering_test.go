// Package components_test holds the building blocks to their layering.
package components_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shared are the packages that every building block may use.
var shared = []string{"haven/components/zones", "haven/components/internal/"}

// forTests are the packages that only tests, and the recorder, may use.
var forTests = []string{"github.com/stretchr/testify", "pgregory.net/rapid", "haven/components/recording"}

// Building blocks use Pulumi's SDKs, the standard library and what is shared;
// they never know each other, the program, the lab or the application.
func TestBuildingBlocksKnowNothingOfEachOther(t *testing.T) {
	checked := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		checked++
		own := "haven/components/" + filepath.ToSlash(filepath.Dir(path))
		testing := strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "recording/")
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			require.True(t, allowed(imported, own, testing), "%s imports %s", path, imported)
		}
		return nil
	}))
	require.Greater(t, checked, 40)
}

func allowed(imported, own string, testing bool) bool {
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case !strings.Contains(first, ".") && first != "haven": // the standard library
		return true
	case strings.HasPrefix(imported, "github.com/pulumi/"), imported == own:
		return true
	case testing && (hasPrefix(imported, forTests) || strings.HasPrefix(imported, "google.golang.org/protobuf/")):
		return true
	}
	return hasPrefix(imported, shared)
}

func hasPrefix(imported string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(imported, prefix) {
			return true
		}
	}
	return false
}

func TestLayeringCanFail(t *testing.T) {
	own := "haven/components/network"
	for imported, want := range map[string]bool{
		"fmt": true, "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2": true, "haven/components/zones": true,
		"haven/components/internal/naming": true, "haven/components/firewall": false, "haven/lab": false, "haven/infra/settings": false,
		"github.com/aws/aws-sdk-go-v2": false, "github.com/stretchr/testify/require": false,
	} {
		require.Equal(t, want, allowed(imported, own, false), imported)
	}
	require.True(t, allowed("github.com/stretchr/testify/require", own, true))
}
