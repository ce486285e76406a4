package report_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"encoding/json"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/history"
	"haven/drill/report"
	"haven/drill/run"
)

// hostile is what an error could say.
const hostile = `</pre></style><script>alert("1")</script><img src=http://evil.test/x onerror=alert(1)> & "quoted" ]]>`

// seen is a history of a minute with one fault, from 10 to 30 s, in which three seconds fail.
func seen() history.History {
	h := history.History{Begun: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)}
	for i := range 600 {
		at := time.Duration(i) * 100 * time.Millisecond
		o := history.Operation{Kind: history.Look, Start: at, End: at + time.Duration(5+i%90)*time.Millisecond, Outcome: history.OK}
		switch {
		case i >= 110 && i < 130:
			o.Outcome, o.Error = history.Failed, hostile
		case i >= 130 && i < 140:
			o.Kind, o.Outcome = history.Append, history.Unknown
		}
		h.Operations = append(h.Operations, o)
	}
	h.Marks = []history.Mark{
		{At: 10 * time.Second, Name: history.Injecting, Text: "i-1"}, {At: 12 * time.Second, Name: history.Active, Text: "i-1"},
		{At: 20 * time.Second, Name: history.Healing, Text: "i-1"}, {At: 30 * time.Second, Name: history.Recovered, Text: hostile},
	}
	return h
}

// sample is a run with one drill of each verdict.
func sample() run.Report {
	limit := budget.Budget{Fault: budget.ServerLost, Terms: []budget.Term{
		{Name: "first failed check", Lasts: 5 * time.Second, Why: "the fault may come just after a check", Source: "https://docs.aws.amazon.com/x.html"}, {Name: "pause", Lasts: time.Second, Why: "the driver's own"},
	}}
	result := func(name string, v run.Verdict, gap time.Duration) run.Result {
		return run.Result{
			Scenario: "failover/web/" + name, Does: "a server ends & is replaced", Promises: []string{"HA-04", "HA-10"}, Seed: 7, Took: 61 * time.Second, Verdict: v, Budget: &limit, Errors: 0.02,
			Evidence: "failover-web-" + name, Victims: []string{"i-1"},
			Measured: run.Measured{Gap: gap, Gaps: []time.Duration{gap, gap / 2}, Operations: 600, Failures: 30, ErrorShare: 0.05, Whole: []time.Duration{10 * time.Second}, Median: 50 * time.Millisecond, Percentile: 94 * time.Millisecond, Acknowledge: 55},
		}
	}
	passed, failed, invalid, skipped := result("kill", run.Passed, 3*time.Second), result("hang", run.Failed, 9*time.Second), result("drown", run.Invalid, 0), result("freeze", run.Skipped, 0)
	failed.Findings = []run.Finding{{Promise: check.ErrGap.Error(), Controls: failed.Promises, Text: hostile, At: 11 * time.Second}}
	invalid.Reason = "interrupted: context canceled\x01"
	skipped.Reason, skipped.Measured = "AWS has no call that does this", run.Measured{}
	return run.Report{
		Begun: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), Took: 4 * time.Minute, Target: "lab", Seed: 7, Machine: "2 cores", Actions: []string{"ec2:TerminateInstances"},
		Versions: map[string]string{"Pulumi": "3.259.0", "kernel": hostile}, Results: []run.Result{passed, failed, invalid, skipped},
	}
}

// saved puts a run into a folder, as a suite does.
func saved(t *testing.T, r run.Report, h history.History) string {
	t.Helper()
	folder := t.TempDir()
	raw, err := json.Marshal(r)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, run.ReportFile), raw, 0o600))
	for _, result := range r.Results {
		require.NoError(t, os.MkdirAll(filepath.Join(folder, result.Evidence), 0o700))
		file, err := os.Create(filepath.Join(folder, result.Evidence, run.HistoryFile))
		require.NoError(t, err)
		require.NoError(t, history.Write(file, h))
		require.NoError(t, file.Close())
	}
	return folder
}

func loaded(t *testing.T, r run.Report, h history.History) report.Run {
	t.Helper()
	out, err := report.Load(saved(t, r, h))
	require.NoError(t, err)
	return out
}

func TestTheNewestRunIsFound(t *testing.T) {
	below := t.TempDir()
	_, err := report.Newest(below)
	require.ErrorIs(t, err, report.ErrNoRun)
	for _, name := range []string{"20261122T030000", "20261122T040000", "20261121T235959"} {
		require.NoError(t, os.MkdirAll(filepath.Join(below, name), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(below, name, run.ReportFile), []byte("{}"), 0o600))
	}
	require.NoError(t, os.MkdirAll(filepath.Join(below, "20261122T050000"), 0o700), "a run in which no drill has ended is not shown")
	found, err := report.Newest(below)
	require.NoError(t, err)
	require.Equal(t, "20261122T040000", filepath.Base(found))
}

func TestADamagedRunIsAnError(t *testing.T) {
	folder := t.TempDir()
	_, err := report.Load(folder)
	require.ErrorIs(t, err, report.ErrNoRun)
	require.NoError(t, os.WriteFile(filepath.Join(folder, run.ReportFile), []byte("{"), 0o600))
	_, err = report.Load(folder)
	require.ErrorContains(t, err, folder)
}

func TestARunIsWrittenBesideItsReport(t *testing.T) {
	folder := saved(t, sample(), seen())
	require.NoError(t, report.Write(folder))
	for _, name := range []string{report.PageFile, report.JUnitFile} {
		info, err := os.Stat(filepath.Join(folder, name))
		require.NoError(t, err)
		require.Greater(t, info.Size(), int64(1000))
	}
	left, err := filepath.Glob(filepath.Join(folder, "*.*.*"))
	require.NoError(t, err)
	require.Empty(t, left, "no draft is left behind")
	require.Error(t, report.Write(t.TempDir()), "there is no run")
}

// A page of 40 drills stays small enough to be sent by mail.
func TestALargeRunIsASmallPage(t *testing.T) {
	r := sample()
	for i := range 40 {
		one := r.Results[0]
		one.Scenario = fmt.Sprintf("failover/web/number-%d", i)
		r.Results = append(r.Results, one)
	}
	folder := saved(t, r, seen())
	require.NoError(t, report.Write(folder))
	info, err := os.Stat(filepath.Join(folder, report.PageFile))
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(3<<20))
}
