package failover

import (
	"context"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/run"
	"haven/drill/scenario"
	"haven/drill/stack"
	"haven/drill/target"
	"haven/drill/undo"
)

// stage runs a part of the suite unless SKIP_<name> is set: Terratest's convention. Its own package for that would bring Terraform along.
func stage(t *testing.T, name string, do func()) {
	t.Helper()
	if os.Getenv("SKIP_"+name) != "" {
		t.Logf("SKIP_%s is set: stage %s is left out", name, name)
		return
	}
	do()
}

// chosen are the scenarios that HAVEN_FAILOVER_ONLY selects; all without.
func chosen(t *testing.T) []scenario.Scenario {
	t.Helper()
	var patterns []string
	if only := os.Getenv("HAVEN_FAILOVER_ONLY"); only != "" {
		patterns = strings.Split(only, ",")
	}
	all, err := scenario.Select(patterns...)
	require.NoError(t, err)
	return all
}

func TestFailover(t *testing.T) {
	if os.Getenv("HAVEN_FAILOVER_DRY") != "" {
		for _, s := range chosen(t) {
			t.Logf("%s (%s): %s", s.Name, strings.Join(s.Promises, " "), s.Does)
		}
		return
	}
	name := os.Getenv("HAVEN_FAILOVER")
	if name == "" {
		t.Skip("set HAVEN_FAILOVER=lab, or to another stack that is up; HAVEN_FAILOVER_DRY=1 lists the scenarios")
	}
	s := open(t, name)
	environment := s.Drill.Environment
	stage(t, "reachable", func() {
		node := environment.Nodes[0].Address
		require.NoError(t, reachable(t, environment.Outputs.URL, node, environment.Roots))
	})
	stage(t, "drills", func() {
		require.NoError(t, s.Heal(t.Context()))
		for _, one := range chosen(t) {
			t.Run(one.Name, func(t *testing.T) { drill(t, s, one) })
		}
	})
	stage(t, "whole", func() {
		problems, err := missing(t.Context(), viaTerratest{t, environment.Outputs.Region}, environment.Outputs)
		require.NoError(t, err)
		require.Empty(t, problems)
	})
}

// drill runs one scenario, into a folder of its own.
func drill(t *testing.T, s *run.Suite, one scenario.Scenario) {
	alone := *s
	alone.Folder, alone.Scenarios = filepath.Join(s.Folder, strings.ReplaceAll(one.Name, "/", "-")), []scenario.Scenario{one}
	report, err := alone.Run(t.Context(), run.Report{Target: os.Getenv("HAVEN_FAILOVER")})
	require.NoError(t, err)
	result := report.Results[0]
	switch result.Verdict {
	case run.Skipped:
		t.Skip(result.Reason)
	case run.Invalid:
		t.Errorf("it proves nothing: %s; see %s", result.Reason, alone.Folder)
	case run.Failed:
		t.Errorf("a promise was broken; see %s", alone.Folder)
	}
	for _, f := range result.Findings {
		t.Errorf("%s [%s]: %s", f.Promise, strings.Join(f.Controls, " "), f.Text)
	}
	t.Logf("longest gap %s, %d of %d requests failed, whole after %v", result.Measured.Gap, result.Measured.Failures, result.Measured.Operations, result.Measured.Whole)
}

// open opens the stack. What tidies up is registered first: it also runs when a drill panics.
func open(t *testing.T, name string) *run.Suite {
	t.Helper()
	root := project(t)
	folder := filepath.Join(root, ".haven", "drills", "test-"+time.Now().UTC().Format("20060102T150405"))
	require.NoError(t, os.MkdirAll(folder, 0o755))
	s := &run.Suite{Folder: folder, Seed: seed(t)}
	t.Cleanup(func() {
		if s.Drill == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		defer cancel()
		require.NoError(t, s.Heal(ctx))
	})
	calls, err := os.Create(filepath.Join(folder, run.JournalFile))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, calls.Close()) })
	s.Journal = target.NewJournal(calls)
	environment, err := stack.Open(t.Context(), stack.Options{Root: root, Stack: name, Journal: s.Journal})
	require.NoError(t, err)
	leftovers, err := undo.Open(filepath.Join(root, ".haven", undo.Name))
	require.NoError(t, err)
	s.Drill = &run.Drill{Environment: environment, Leftovers: leftovers, Say: t.Logf}
	if name == stack.Lab { // Terratest finds the lab by the variables of AWS's SDK
		for key, value := range map[string]string{
			"AWS_ENDPOINT_URL": *environment.Config.BaseEndpoint, "AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab", "AWS_REGION": environment.Outputs.Region,
		} {
			t.Setenv(key, value)
		}
	}
	t.Logf("seed %d, evidence in %s", s.Seed, folder)
	return s
}

// project is the folder of the clone that is up: this one unless HAVEN_FAILOVER_ROOT names another.
func project(t *testing.T) string {
	t.Helper()
	if other := os.Getenv("HAVEN_FAILOVER_ROOT"); other != "" {
		return other
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	return root
}

func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("HAVEN_FAILOVER_SEED")
	if text == "" {
		return rand.Uint64N(1 << 32)
	}
	given, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err)
	return given
}

// hostOf is the host name of a URL.
func hostOf(text string) string {
	parsed, err := url.Parse(text)
	if err != nil {
		return ""
	}
	if host, _, err := net.SplitHostPort(parsed.Host); err == nil {
		return host
	}
	return parsed.Host
}
