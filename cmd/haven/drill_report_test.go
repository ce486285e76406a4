package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/history"
	"haven/drill/run"
)

// savedRun puts a run with one drill that passed into a project's folder, and returns the folder.
func savedRun(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	folder := filepath.Join(drillsFolder(root), "20261122T030000", "failover-web-terminate")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	raw, err := json.Marshal(run.Report{Target: "lab", Took: time.Minute, Results: []run.Result{
		{Scenario: "failover/web/terminate", Verdict: run.Passed, Evidence: "failover-web-terminate", Promises: []string{"HA-04"}},
	}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(folder), run.ReportFile), raw, 0o600))
	file, err := os.Create(filepath.Join(folder, run.HistoryFile))
	require.NoError(t, err)
	require.NoError(t, history.Write(file, history.History{Operations: []history.Operation{{Kind: history.Look, Outcome: history.OK}}}))
	require.NoError(t, file.Close())
	return root
}

func TestARunIsShown(t *testing.T) {
	root := savedRun(t)
	for _, args := range [][]string{{"drill", "report"}, {"drill", "report", "20261122T030000"}, {"drill", "report", filepath.Join(drillsFolder(root), "20261122T030000")}} {
		code, stdout, stderr := havenIn(t, root, args...)
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, "failover/web/terminate")
		require.Contains(t, stdout, "1 passed, 0 failed")
	}
	code, stdout, _ := havenIn(t, root, "drill", "report", "-o", "junit")
	require.Zero(t, code)
	require.NoError(t, xml.Unmarshal([]byte(stdout), &struct{}{}))
	to := filepath.Join(root, "out.html")
	code, stdout, _ = havenIn(t, root, "drill", "report", "-o", "html", "--to", to)
	require.Zero(t, code)
	require.Empty(t, stdout)
	raw, err := os.ReadFile(to)
	require.NoError(t, err)
	require.Contains(t, string(raw), "The drill kept its promises")
	code, _, stderr := havenIn(t, root, "drill", "report", "-o", "pdf")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "text, json, junit or html")
}

func TestARecheckTellsWhatChanged(t *testing.T) {
	code, stdout, _ := havenIn(t, savedRun(t), "drill", "recheck")
	require.Equal(t, 4, code, "its history has no fault")
	require.Contains(t, stdout, "CHANGED")
	require.Contains(t, stdout, "Not all verdicts are as they were.")
}

func TestWithoutARunItSaysWhatToType(t *testing.T) {
	for _, verb := range []string{"report", "recheck"} {
		code, _, stderr := haven(t, "drill", verb)
		require.Equal(t, 1, code)
		require.Contains(t, stderr, "haven drill run")
	}
}
