package run_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/history"
	"haven/drill/run"
	"haven/drill/scenario"
)

var drilled = scenario.Scenario{Name: "failover/web/test", Promises: []string{"HA-04"}, Errors: 0.1}

// good is a history in which ten entries and a file are acknowledged and read back around one fault.
func good() (h history.History) {
	add := func(at time.Duration, o history.Operation) {
		o.Start, o.End, o.Outcome = at, at+10*time.Millisecond, history.OK
		h.Operations = append(h.Operations, o)
	}
	var entries []history.Entry
	for i := range 100 {
		at := time.Duration(i) * 100 * time.Millisecond
		add(at, history.Operation{Kind: history.Look})
		if i%10 == 0 {
			entry := history.Entry{Sequence: int64(i/10 + 1), Key: fmt.Sprint(i)}
			entries = append(entries, entry)
			add(at, history.Operation{Kind: history.Append, Key: entry.Key, Sequence: entry.Sequence})
		}
	}
	add(10*time.Second, history.Operation{Kind: history.Put, Key: "f", Digest: "d"})
	add(11*time.Second, history.Operation{Kind: history.List, Entries: entries})
	add(12*time.Second, history.Operation{Kind: history.Get, Key: "f", Digest: "d"})
	h.Marks = []history.Mark{{At: 6 * time.Second, Name: history.Injecting}, {At: 7 * time.Second, Name: history.Active}, {At: 9 * time.Second, Name: history.Recovered}}
	return h
}

func lose(h *history.History) {
	for i, o := range h.Operations {
		if o.Kind == history.List {
			h.Operations[i].Entries = o.Entries[:5]
		}
	}
}

func TestASavedDrillIsJudgedAgain(t *testing.T) {
	drift := run.Finding{Promise: check.ErrDrift.Error(), Text: "one to update", Environment: true}
	gap := run.Finding{Promise: check.ErrGap.Error(), Text: "of an earlier checker"}
	for name, c := range map[string]struct {
		old    run.Result
		spoil  func(*history.History)
		want   run.Verdict
		breaks error
	}{
		"passed as before":                              {run.Result{Verdict: run.Passed}, nil, run.Passed, nil},
		"failed by what better checkers see":            {run.Result{Verdict: run.Passed}, lose, run.Failed, check.ErrLostAppend},
		"passed, for a checker was wrong":               {run.Result{Verdict: run.Failed, Findings: []run.Finding{gap}}, nil, run.Passed, nil},
		"what only the environment shows is kept":       {run.Result{Verdict: run.Failed, Findings: []run.Finding{drift, gap}}, nil, run.Failed, check.ErrDrift},
		"what a scenario's own judgement found is kept": {run.Result{Verdict: run.Failed, Findings: []run.Finding{{Promise: check.ErrGap.Error(), Environment: true}}}, nil, run.Failed, check.ErrGap},
		"what its judgement could not decide is kept":   {run.Result{Verdict: run.Invalid, Findings: []run.Finding{{Promise: check.ErrUnreliable.Error(), Environment: true}}}, nil, run.Invalid, nil},
		"never carried out":                             {run.Result{Verdict: run.Invalid, Reason: "interrupted"}, nil, run.Invalid, nil},
		"never carried out, and a promise is broken":    {run.Result{Verdict: run.Invalid, Reason: "interrupted"}, lose, run.Failed, check.ErrLostAppend},
		"longer away than the saved budget":             {run.Result{Verdict: run.Passed, Budget: &budget.Budget{}}, func(h *history.History) { h.Operations[70].Outcome = history.Failed }, run.Failed, check.ErrGap},
		"nobody read it back":                           {run.Result{Verdict: run.Passed}, func(h *history.History) { h.Operations = h.Operations[:110] }, run.Invalid, nil},
		"nobody read the ledger back, and a file is torn": {run.Result{Verdict: run.Passed}, func(h *history.History) {
			h.Operations = slices.DeleteFunc(h.Operations, func(o history.Operation) bool { return o.Kind == history.List })
			h.Operations[len(h.Operations)-1].Digest = "torn"
		}, run.Failed, check.ErrLostFile},
	} {
		t.Run(name, func(t *testing.T) {
			h := good()
			if c.spoil != nil {
				c.spoil(&h)
			}
			again := run.Rejudge(c.old, h, drilled)
			require.Equal(t, c.want, again.Verdict, "%+v", again)
			if c.breaks != nil {
				require.Equal(t, c.breaks.Error(), again.Findings[0].Promise)
			}
			if c.want == run.Invalid {
				require.True(t, again.Reason != "" || again.Findings[0].Promise == check.ErrUnreliable.Error(), "%+v", again)
			}
		})
	}
}
