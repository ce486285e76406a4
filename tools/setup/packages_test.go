package main

import (
	"errors"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"

	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// machine is a system that has just these files.
func machine(files ...string) system {
	return system{
		lookPath: func(program string) (string, error) {
			for _, file := range files {
				if path.Base(file) == program {
					return file, nil
				}
			}
			return "", errors.New("not found")
		},
		glob: func(pattern string) ([]string, error) {
			var found []string
			for _, file := range files {
				if match, err := path.Match(pattern, file); err != nil || match {
					found = append(found, file)
				}
			}
			return found, nil
		},
	}
}

var complete = []string{
	"/usr/bin/aws", "/usr/bin/curl", "/usr/sbin/mkfs.btrfs", "/usr/sbin/haproxy", "/usr/sbin/ip", "/usr/sbin/tc",
	"/usr/sbin/nft", "/usr/lib/postgresql/15/bin/postgres",
}

func TestMissingPackages(t *testing.T) {
	assert.Empty(t, missingPackages(machine(complete...)))
	assert.Len(t, missingPackages(machine()), len(needed))
	for lost, want := range map[string]string{
		"/usr/bin/aws":                        "awscli",
		"/usr/bin/curl":                       "curl",
		"/usr/sbin/mkfs.btrfs":                "btrfs-progs",
		"/usr/sbin/haproxy":                   "haproxy",
		"/usr/sbin/tc":                        "iproute2",
		"/usr/sbin/nft":                       "nftables",
		"/usr/lib/postgresql/15/bin/postgres": "postgresql",
	} {
		rest := slices.DeleteFunc(slices.Clone(complete), func(file string) bool { return file == lost })
		assert.Equal(t, []string{want}, missingPackages(machine(rest...)), "without %s", lost)
	}
}

func TestAUsersOwnProgramIsNoneOfTheServers(t *testing.T) {
	rest := slices.DeleteFunc(slices.Clone(complete), func(file string) bool { return file == "/usr/bin/aws" })
	assert.Equal(t, []string{"awscli"}, missingPackages(machine(append(rest, "/root/.pyenv/shims/aws")...)))
}

func TestPostgreSQLMustBeNewEnough(t *testing.T) {
	for file, want := range map[string]bool{
		"/usr/lib/postgresql/9.6/bin/postgres": false,
		"/usr/lib/postgresql/13/bin/postgres":  false,
		"/usr/lib/postgresql/15/bin/postgres":  true,
		"/usr/lib/postgresql/18/bin/postgres":  true,
		"/usr/pgsql-17/bin/postgres":           true,
		"/usr/pgsql-12/bin/postgres":           false,
	} {
		assert.Equal(t, want, postgresql(machine(file)), file)
	}
}

func TestAdviceIsTheCommandToType(t *testing.T) {
	assert.Contains(t, installAdvice([]string{"haproxy", "postgresql"}, true),
		"sudo apt-get update && sudo apt-get install --yes --no-install-recommends haproxy postgresql\n")
	assert.Contains(t, installAdvice([]string{"haproxy"}, false), "haproxy; install them with the system's package manager")
}

// runAptScript runs the script with an apt-get that looks at the policy while it works.
func runAptScript(t *testing.T, policy, aptGet string) (string, error) {
	t.Helper()
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "apt-get"), []byte("#!/bin/sh\n"+aptGet), 0o755))
	c := exec.CommandContext(t.Context(), "sh", "-c", aptScript, "apt", "haproxy", "nftables")
	c.Env = append(os.Environ(), "HAVEN_POLICY_RC_D="+policy, "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := c.CombinedOutput()
	return string(out), err
}

const showPolicy = `echo "$@"; "$HAVEN_POLICY_RC_D"; echo "policy $?"`

func TestAptStartsNoService(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy-rc.d")
	out, err := runAptScript(t, policy, showPolicy)
	require.NoError(t, err)
	assert.Equal(t, "install --yes --no-install-recommends haproxy nftables\npolicy 101\n", out)
	assert.NoFileExists(t, policy)
}

func TestAptUpdatesWhenItMust(t *testing.T) {
	once := filepath.Join(t.TempDir(), "once")
	out, err := runAptScript(t, filepath.Join(t.TempDir(), "policy-rc.d"),
		`echo "$1"; if [ "$1" = install ] && [ ! -e `+once+` ]; then touch `+once+`; exit 100; fi`)
	require.NoError(t, err)
	assert.Equal(t, []string{"install", "update", "install"}, strings.Fields(out))
}

func TestAptFailureLeavesNoPolicy(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy-rc.d")
	_, err := runAptScript(t, policy, "exit 100")
	require.Error(t, err)
	assert.NoFileExists(t, policy)
}

func TestAnothersPolicyStays(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy-rc.d")
	require.NoError(t, os.WriteFile(policy, []byte("#!/bin/sh\nexit 104\n"), 0o755))
	out, err := runAptScript(t, policy, showPolicy)
	require.NoError(t, err)
	assert.Contains(t, out, "policy 104")
	assert.FileExists(t, policy)
}

func TestPolicyOfAKilledInstallRemovesItself(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy-rc.d")
	_, err := runAptScript(t, policy, `kill -KILL "$PPID"`)
	require.Error(t, err)
	require.FileExists(t, policy, "a script that is killed cannot clean up")
	require.NoError(t, exec.CommandContext(t.Context(), policy).Run(), "nothing may be started from now on")
	assert.NoFileExists(t, policy)
}

func TestPackageCounterKeepsErrors(t *testing.T) {
	c := &packageCounter{count: new(atomic.Int64)}
	for _, part := range []string{"fmt\nexample.test/a/", "b\n# example.test/a/b\n./x.go:3:4: undefined: y\n"} {
		_, err := c.Write([]byte(part))
		require.NoError(t, err)
	}
	assert.EqualValues(t, 2, c.count.Load())
	assert.Equal(t, "# example.test/a/b\n./x.go:3:4: undefined: y\n", c.rest.String())
}
