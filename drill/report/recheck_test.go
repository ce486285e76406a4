package report_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/history"
	"haven/drill/report"
	"haven/drill/run"
	"haven/drill/scenario"
)

func TestSavedDrillsAreJudgedAgain(t *testing.T) {
	h := seen()
	h.Operations = append(h.Operations,
		history.Operation{Kind: history.Append, Start: time.Minute, End: time.Minute + 1, Outcome: history.OK, Key: "k", Sequence: 1},
		history.Operation{Kind: history.Put, Start: time.Minute, End: time.Minute + 1, Outcome: history.OK, Key: "f", Digest: "d"},
		history.Operation{Kind: history.List, Start: time.Minute + 2, End: time.Minute + 3, Outcome: history.OK, Entries: []history.Entry{{Sequence: 1, Key: "k"}}},
		history.Operation{Kind: history.Get, Start: time.Minute + 2, End: time.Minute + 3, Outcome: history.OK, Key: "f", Digest: "d"},
	)
	today := []scenario.Scenario{{Name: "failover/web/kill", Errors: 0.5}, {Name: "failover/web/hang", Errors: 0.5}, {Name: "failover/web/freeze"}}
	all := report.Recheck(loaded(t, sample(), h), today)
	require.Len(t, all, 4)
	require.Equal(t, run.Passed, all[0].Now.Verdict, "%+v", all[0].Now.Findings)
	require.True(t, all[0].Same())
	require.Equal(t, run.Passed, all[1].Now.Verdict, "what was found is not in the history: the checker of then was wrong")
	require.False(t, all[1].Same())
	require.False(t, all[2].Same())
	require.Contains(t, all[2].Why, "no scenario has this name today")
	require.True(t, all[3].Same(), "skipped stays skipped")

	today[0].Errors = 0.001
	require.Equal(t, run.Failed, report.Recheck(loaded(t, sample(), h), today)[0].Now.Verdict)
}
