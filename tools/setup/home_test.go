package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// builtTools writes stand-ins for the toolchain's binaries.
func builtTools(t *testing.T) map[string]string {
	t.Helper()
	tools := map[string]string{}
	for _, name := range []string{pulumiBinary, languageBinary, providerBinary} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\necho "+name+"\n"), 0o755))
		tools[name] = path
	}
	return tools
}

func TestInstallPutsToolsWherePulumiLooks(t *testing.T) {
	h := home{root: t.TempDir()}
	tools := builtTools(t)
	for range 2 { // the second time changes nothing
		require.NoError(t, h.install(tools))
	}
	for path, source := range map[string]string{
		"bin/pulumi":             tools[pulumiBinary],
		"bin/pulumi-language-go": tools[languageBinary],
		"pulumi/plugins/resource-aws-v6.66.3/pulumi-resource-aws": tools[providerBinary],
	} {
		installed := filepath.Join(h.dir(), path)
		info, err := os.Lstat(installed)
		require.NoError(t, err)
		assert.True(t, info.Mode().IsRegular(), "%s: Pulumi would follow a symbolic link", path)
		same, err := sameFile(source, installed)
		require.NoError(t, err)
		assert.True(t, same, path)
	}
	assert.NoFileExists(t, filepath.Join(h.bin(), providerBinary), "on the PATH it would shadow the plugin")
}

func TestInstallReplacesAnOlderTool(t *testing.T) {
	h := home{root: t.TempDir()}
	require.NoError(t, h.install(builtTools(t)))
	newer := builtTools(t)
	require.NoError(t, os.WriteFile(newer[pulumiBinary], []byte("newer"), 0o755))
	require.NoError(t, h.install(newer))
	text, err := os.ReadFile(filepath.Join(h.bin(), pulumiBinary))
	require.NoError(t, err)
	assert.Equal(t, "newer", string(text))
	left, err := filepath.Glob(filepath.Join(h.bin(), "*.tmp"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestCopyIsTheSameAsItsSource(t *testing.T) {
	source := builtTools(t)[pulumiBinary]
	target := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, copyFile(source, target))
	same, err := sameFile(source, target)
	require.NoError(t, err)
	assert.True(t, same)
	require.NoError(t, os.WriteFile(source, []byte("another"), 0o755))
	same, err = sameFile(source, target)
	require.NoError(t, err)
	assert.False(t, same)
}

func TestEnvironmentIsReadByAShell(t *testing.T) {
	h := home{root: filepath.Join(t.TempDir(), "it's a $HOME")}
	require.NoError(t, os.MkdirAll(h.dir(), 0o755))
	for range 2 {
		require.NoError(t, h.writeEnvironment())
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c",
		". "+quote(h.environment())+`; printf '%s\n' "$PATH" "$PULUMI_HOME" "$PULUMI_SKIP_UPDATE_CHECK"`).Output()
	require.NoError(t, err)
	lines := strings.Split(string(out), "\n")
	assert.Equal(t, h.bin()+":"+os.Getenv("PATH"), lines[0])
	assert.Equal(t, h.pulumi(), lines[1])
	assert.Equal(t, "true", lines[2])
}

func TestVersionFlagIsTheRequiredVersion(t *testing.T) {
	assert.Equal(t, "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0",
		versionFlag(filepath.Join("..", "pulumi")))
}
