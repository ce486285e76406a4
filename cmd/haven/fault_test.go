package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/control"
	"haven/lab/faults"
)

// brokenLab answers at a control socket as a lab does, for commands about faults.
type brokenLab struct {
	control.Lab
	set []faults.Status
}

func (b *brokenLab) Faults(context.Context) ([]faults.Status, error) { return b.set, nil }

func (b *brokenLab) Break(_ context.Context, request faults.Request) (faults.Fault, error) {
	made, err := faults.Plan(request, faults.Inventory{Subjects: []faults.Subject{{Region: "us-east-1", Zone: "us-east-1a", Name: "i-1", Instance: true}}})
	if err != nil {
		return made, err
	}
	made.ID, made.Since = "fault-1", time.Now()
	if request.For > 0 {
		made.Until = made.Since.Add(request.For)
	}
	b.set = append(b.set, faults.Status{Fault: made, Active: made.Target != "us-east-1f", Seen: []faults.Seen{{What: "disks " + made.Target, Holds: made.Target != "us-east-1f", Detail: "still there"}}})
	return made, nil
}

func (b *brokenLab) Heal(_ context.Context, ids []string) ([]faults.Fault, error) {
	var healed []faults.Fault
	for _, id := range ids {
		if id != "fault-1" {
			return nil, faults.ErrRefused
		}
	}
	for _, status := range b.set {
		healed = append(healed, status.Fault)
	}
	b.set = nil
	return healed, nil
}

// withLab runs command lines against a lab.
func withLab(t *testing.T) func(line string) (code int, stdout, stderr string) {
	t.Helper()
	root, err := os.MkdirTemp("", "haven") // a socket's path is short
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(root) })
	t.Setenv("HAVEN_ROOT", root)
	dir := filepath.Join(root, ".haven", "lab")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	listener, err := control.Listen(dir)
	require.NoError(t, err)
	server := &http.Server{Handler: control.Handler(&brokenLab{})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	return func(line string) (int, string, string) {
		var out, errs bytes.Buffer
		code := execute(context.Background(), strings.Fields(line), &out, &errs)
		return code, out.String(), errs.String()
	}
}

func TestFaultsAreSetListedAndHealed(t *testing.T) {
	run := withLab(t)
	code, stdout, _ := run("lab fault list")
	require.Zero(t, code)
	require.Contains(t, stdout, "Nothing is broken")

	code, stdout, stderr := run("lab fault disk us-east-1a --for 30s")
	require.Zero(t, code, stderr)
	require.Equal(t, "fault-1\n", stdout, "what a script needs, and nothing else")
	require.Contains(t, stderr, "heals by itself at")
	require.Contains(t, stderr, "haven lab fault heal fault-1")

	code, stdout, _ = run("lab fault list")
	require.Zero(t, code)
	require.Contains(t, stdout, "us-east-1a")
	require.Contains(t, stdout, "in force")
	_, stdout, _ = run("lab fault list --output json")
	var listed []faults.Status
	require.NoError(t, json.Unmarshal([]byte(stdout), &listed))
	require.Len(t, listed, 1)
	require.True(t, listed[0].Active)

	code, _, stderr = run("lab fault heal fault-1")
	require.Zero(t, code)
	require.Contains(t, stderr, "Healed: fault-1 (disk us-east-1a)")
	code, _, stderr = run("lab fault heal --all")
	require.Zero(t, code)
	require.Contains(t, stderr, "Nothing was broken")
}

func TestAFaultThatIsNotSeenToHoldSaysSo(t *testing.T) {
	run := withLab(t)
	code, stdout, stderr := run("lab fault disk us-east-1f --wait 1ms")
	require.Equal(t, 3, code)
	require.Equal(t, "fault-1\n", stdout)
	require.Contains(t, stderr, "disks us-east-1f: still there")
	code, _, _ = run("lab fault disk us-east-1f --wait 0")
	require.Zero(t, code, "nobody asked")
}

func TestWrongFaultsSayWhatThereIs(t *testing.T) {
	run := withLab(t)
	for line, want := range map[string]string{
		"lab fault flood x":                            `no fault "flood"`,
		"lab fault disk":                               "one target is needed: ZONE",
		"lab fault disk us-east-9z":                    "us-east-1a",
		"lab fault slow us-east-1a":                    "8kbit to 10gbit",
		"lab fault disk us-east-1a --rate 1mbit":       "unknown flag",
		"lab fault hang i-2":                           "there are i-1",
		"lab fault blackhole us-east-1a --direction x": "in, out, both",
		"lab fault heal":                               "--all",
		"lab fault heal fault-1 --all":                 "--all",
		"lab fault heal fault-2":                       "no such fault",
		"lab fault list --output yaml":                 "table or json",
	} {
		code, _, stderr := run(line)
		require.Equal(t, 2, code, line)
		require.Contains(t, stderr, want, line)
	}
}

func TestEachKindTellsWhatAClientSees(t *testing.T) {
	run := withLab(t)
	_, overview, _ := run("lab fault --help")
	for _, about := range faults.Kinds() {
		require.Contains(t, overview, string(about.Kind))
		code, help, _ := run("lab fault " + string(about.Kind) + " --help")
		require.Zero(t, code)
		require.Contains(t, help, strings.TrimSpace(about.Sees))
		for _, parameter := range about.Parameters {
			require.Contains(t, help, "--"+parameter)
		}
	}
}
