package sabotage

import (
	"testing"

	"github.com/stretchr/testify/require"

	"haven/drill/check"
	"haven/drill/run"
	"haven/drill/scenario"
)

func TestVariantsAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range All() {
		require.False(t, seen[v.Name], "two are called %s", v.Name)
		seen[v.Name] = true
		chosen, err := scenario.Select(v.Scenario)
		require.NoError(t, err, v.Name)
		require.Len(t, chosen, 1)
		require.Contains(t, chosen[0].Promises, v.Control, "%s: the drill that catches it has to prove the control", v.Name)
		require.NotEmpty(t, v.Promises)
		require.NotNil(t, v.change)
	}
}

func TestWhatIsNotCaughtIsSaid(t *testing.T) {
	v := Variant{Name: "asynchronous-commit", Control: "HA-06", Promises: []error{check.ErrLostAppend}}
	lost := run.Finding{Promise: check.ErrLostAppend.Error(), Controls: []string{"HA-06"}, Text: "entry 7"}
	require.NoError(t, v.caught(run.Result{Verdict: run.Failed, Findings: []run.Finding{lost}}))
	require.ErrorContains(t, v.caught(run.Result{Verdict: run.Passed}), "was not caught")
	require.ErrorContains(t, v.caught(run.Result{Verdict: run.Skipped}), "was not caught")
	lost.Controls = []string{"HA-04"}
	require.ErrorContains(t, v.caught(run.Result{Verdict: run.Failed, Findings: []run.Finding{lost}}), "another reason")
	other := run.Finding{Promise: check.ErrGap.Error(), Controls: []string{"HA-06"}}
	require.ErrorContains(t, v.caught(run.Result{Verdict: run.Failed, Findings: []run.Finding{other}}), "another reason")
	require.ErrorContains(t, v.caught(run.Result{Verdict: run.Invalid, Reason: "no load"}), "no load")
}
