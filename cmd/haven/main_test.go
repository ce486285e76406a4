package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// haven runs a command line in a project's folder of its own.
func haven(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "Pulumi.yaml"), nil, 0o644))
	return havenIn(t, root, args...)
}

// havenIn runs a command line in a project's folder.
func havenIn(t *testing.T, root string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("HAVEN_ROOT", root)
	var out, errs bytes.Buffer
	code = execute(context.Background(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestWrongCallsSayWhatToType(t *testing.T) {
	for line, want := range map[string]string{
		"status --output yaml":              "table or json",
		"lab status --nonsense":             "haven lab status --help",
		"lab certificate x --address there": "not an IP address",
	} {
		code, _, stderr := haven(t, strings.Fields(line)...)
		require.Equal(t, 2, code, line)
		require.Contains(t, stderr, want, line)
	}
}

func TestALabThatDoesNotRun(t *testing.T) {
	code, _, stderr := haven(t, "lab", "status")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "haven lab start")
	code, _, stderr = haven(t, "lab", "stop")
	require.Zero(t, code, "stopping what does not run is no error")
	require.Contains(t, stderr, "was not running")
}

func TestAPortInUseIsNamedWithItsOwner(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	code, _, stderr := haven(t, "lab", "start", "--address", listener.Addr().String())
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "in use by process")
	require.Contains(t, stderr, filepath.Base(os.Args[0])[:8], "the owner is this test")
}

func TestThePublicIsNotServed(t *testing.T) {
	code, _, stderr := haven(t, "lab", "start", "--address", "0.0.0.0:4566")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "not on loopback")
}

func TestACertificateIsKeptWhileItCovers(t *testing.T) {
	root := t.TempDir()
	t.Setenv("HAVEN_ROOT", root)
	issue := func(args ...string) string {
		code := execute(context.Background(), append([]string{"lab", "certificate", "site"}, args...), &bytes.Buffer{}, &bytes.Buffer{})
		require.Zero(t, code)
		raw, err := os.ReadFile(filepath.Join(root, ".haven", "lab", "site.pem"))
		require.NoError(t, err)
		return string(raw)
	}
	first := issue("--name", "a.test")
	require.Equal(t, first, issue("--name", "a.test"))
	require.NotEqual(t, first, issue("--name", "a.test", "--name", "b.test"))
}
