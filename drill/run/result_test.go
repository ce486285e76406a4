package run_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/budget"
	"haven/drill/run"
)

// What others read must not change under them: a field may be added (docs/drills.md tells them all), none renamed or dropped.
func TestTheReportsFieldsAreStable(t *testing.T) {
	full := run.Report{
		Begun: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), Took: time.Minute, Target: "lab", Seed: 7, Machine: "2 cores",
		Versions: map[string]string{"Pulumi": "v3"}, Actions: []string{"ec2:TerminateInstances"},
		Results: []run.Result{{
			Scenario: "failover/web/kill", Does: "x", Promises: []string{"HA-04"}, Seed: 7, Begun: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), Took: time.Second,
			Verdict: run.Failed, Reason: "r", Findings: []run.Finding{{Promise: "p", Controls: []string{"HA-04"}, Text: "t", At: time.Second, Environment: true}}, Errors: 0.5,
			Budget:  &budget.Budget{Fault: budget.ServerKilled, Terms: []budget.Term{{Name: "n", Lasts: time.Second, Why: "w", Source: "s"}}},
			Victims: []string{"i-1"}, Evidence: "failover-web-kill",
			Measured: run.Measured{Gap: 1, Gaps: []time.Duration{1}, Operations: 2, Failures: 1, ErrorShare: 0.5, Whole: []time.Duration{1}, Median: 1, Percentile: 1, Acknowledge: 1},
		}},
	}
	got, err := json.Marshal(full)
	require.NoError(t, err)
	want, err := os.ReadFile("testdata/report.json")
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(got))
}
