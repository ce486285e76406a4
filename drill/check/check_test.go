package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/check"
	"haven/drill/history"
)

const ms = time.Millisecond

// op is an operation that took 10 ms.
func op(kind history.Kind, at time.Duration, outcome history.Outcome, change ...func(*history.Operation)) history.Operation {
	o := history.Operation{Kind: kind, Start: at, End: at + 10*ms, Outcome: outcome, Server: "i-1"}
	for _, apply := range change {
		apply(&o)
	}
	return o
}

func numbered(key string, sequence int64) func(*history.Operation) {
	return func(o *history.Operation) { o.Key, o.Sequence = key, sequence }
}

func shows(entries ...history.Entry) func(*history.Operation) {
	return func(o *history.Operation) { o.Entries = entries }
}

func file(name, digest string) func(*history.Operation) {
	return func(o *history.Operation) { o.Key, o.Digest = name, digest }
}

func of(operations ...history.Operation) history.History {
	return history.History{Operations: operations}
}

func TestTheLedgerKeepsWhatWasAcknowledged(t *testing.T) {
	first, second := history.Entry{Sequence: 1, Key: "a"}, history.Entry{Sequence: 2, Key: "b"}
	acknowledged := []history.Operation{op(history.Append, 0, history.OK, numbered("a", 1)), op(history.Append, 20*ms, history.OK, numbered("b", 2))}
	for name, c := range map[string]struct {
		more     []history.Operation
		promises []error
	}{
		"whole":                                {[]history.Operation{op(history.List, 50*ms, history.OK, shows(first, second))}, nil},
		"an unknown one that is there":         {[]history.Operation{op(history.Append, 30*ms, history.Unknown, numbered("c", 0)), op(history.List, 50*ms, history.OK, shows(first, second, history.Entry{Sequence: 3, Key: "c"}))}, nil},
		"an unknown one that is not":           {[]history.Operation{op(history.Append, 30*ms, history.Unknown, numbered("c", 0)), op(history.List, 50*ms, history.OK, shows(first, second))}, nil},
		"lost":                                 {[]history.Operation{op(history.List, 50*ms, history.OK, shows(first))}, []error{check.ErrLostAppend}},
		"renumbered":                           {[]history.Operation{op(history.List, 50*ms, history.OK, shows(first, history.Entry{Sequence: 3, Key: "b"}))}, []error{check.ErrLostAppend}},
		"a phantom":                            {[]history.Operation{op(history.List, 50*ms, history.OK, shows(first, second, history.Entry{Sequence: 3, Key: "z"}))}, []error{check.ErrPhantom}},
		"a number that two were given":         {[]history.Operation{op(history.Append, 30*ms, history.OK, numbered("c", 2)), op(history.List, 50*ms, history.OK, shows(first, second, history.Entry{Sequence: 3, Key: "c"}))}, []error{check.ErrLostAppend, check.ErrTwoWriters}},
		"an earlier list that showed less":     {[]history.Operation{op(history.List, 10*ms, history.OK, shows()), op(history.List, 50*ms, history.OK, shows(first, second))}, nil},
		"a failed one that was sent, appeared": {[]history.Operation{op(history.Append, 30*ms, history.Failed, numbered("c", 0)), op(history.List, 50*ms, history.OK, shows(first, second, history.Entry{Sequence: 3, Key: "c"}))}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := check.Ledger(of(append(acknowledged, c.more...)...))
			require.NoError(t, err)
			broken(t, found, c.promises...)
		})
	}
}

// broken says that the findings are about just these promises, in this order.
func broken(t *testing.T, found []check.Finding, promises ...error) {
	t.Helper()
	require.Len(t, found, len(promises), "%v", found)
	for i, promise := range promises {
		require.ErrorIs(t, found[i], promise)
	}
}

func TestALedgerThatNobodyReadProvesNothing(t *testing.T) {
	for name, h := range map[string]history.History{
		"nothing":          of(),
		"never listed":     of(op(history.Append, 0, history.OK, numbered("a", 1))),
		"listed too early": of(op(history.List, 0, history.OK), op(history.Append, 20*ms, history.OK, numbered("a", 1))),
		"the list failed":  of(op(history.Append, 0, history.OK, numbered("a", 1)), op(history.List, 20*ms, history.Failed)),
	} {
		_, err := check.Ledger(h)
		require.ErrorIs(t, err, check.ErrUnreliable, name)
	}
}

func TestFilesKeepWhatWasAcknowledged(t *testing.T) {
	put := op(history.Put, 0, history.OK, file("f", "one"))
	for name, c := range map[string]struct {
		more    []history.Operation
		promise error
	}{
		"read back":                     {[]history.Operation{op(history.Get, 20*ms, history.OK, file("f", "one"))}, nil},
		"torn":                          {[]history.Operation{op(history.Get, 20*ms, history.OK, file("f", "on"))}, check.ErrLostFile},
		"gone":                          {[]history.Operation{op(history.Get, 20*ms, history.Failed, file("f", ""), func(o *history.Operation) { o.Status = 404 })}, check.ErrLostFile},
		"an unknown write that holds":   {[]history.Operation{op(history.Put, 20*ms, history.Unknown, file("f", "two")), op(history.Get, 40*ms, history.OK, file("f", "two"))}, nil},
		"an unknown write that did not": {[]history.Operation{op(history.Put, 20*ms, history.Unknown, file("f", "two")), op(history.Get, 40*ms, history.OK, file("f", "one"))}, nil},
		"a failed write that holds":     {[]history.Operation{op(history.Put, 20*ms, history.Failed, file("f", "two")), op(history.Get, 40*ms, history.OK, file("f", "two"))}, check.ErrLostFile},
		"overwritten, old one read":     {[]history.Operation{op(history.Put, 20*ms, history.OK, file("f", "two")), op(history.Get, 40*ms, history.OK, file("f", "one"))}, check.ErrLostFile},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := check.Files(of(append([]history.Operation{put}, c.more...)...))
			require.NoError(t, err)
			if c.promise == nil {
				broken(t, found)
			} else {
				broken(t, found, c.promise)
			}
		})
	}
	_, err := check.Files(of(put))
	require.ErrorIs(t, err, check.ErrUnreliable, "never read")
	_, err = check.Files(of())
	require.ErrorIs(t, err, check.ErrUnreliable, "none written")
}

func TestTheLongestGapIsFromSuccessToSuccess(t *testing.T) {
	ok, bad := history.OK, history.Failed
	h := of(op(history.Look, 0, ok), op(history.Look, 100*ms, ok), op(history.Look, 200*ms, bad), op(history.Look, 300*ms, bad), op(history.Look, 900*ms, ok),
		op(history.Look, 5000*ms, ok), op(history.Look, 5100*ms, bad), op(history.Look, 5200*ms, ok))
	gap := check.LongestGap(h, 0, time.Hour)
	require.Equal(t, 800*ms, gap.Length(), "from the end of the last success to the end of the next; a pause without failures is none")
	require.Equal(t, 2, gap.Failures)
	require.Equal(t, 110*ms, gap.From)
	broken(t, check.WithinBudget(h, 800*ms))
	broken(t, check.WithinBudget(h, 799*ms), check.ErrGap)

	never := of(op(history.Look, 0, ok), op(history.Look, 100*ms, bad), op(history.Look, 700*ms, bad))
	require.Equal(t, 700*ms, check.LongestGap(never, 0, time.Hour).Length(), "a gap that does not end lasts to the last failure")
	require.Zero(t, check.LongestGap(h, 0, time.Hour, history.Put))
	require.Equal(t, 200*ms, check.LongestGap(h, time.Second, time.Hour).Length())
}

func TestAStallIsAGapToo(t *testing.T) {
	slow := func(start, end time.Duration) history.Operation {
		return history.Operation{Kind: history.Append, Start: start, End: end, Outcome: history.OK}
	}
	h := of(slow(0, 10*ms), slow(400*ms, 2400*ms), slow(200*ms, 2500*ms), slow(2600*ms, 2610*ms))
	gap := check.LongestGap(h, 0, time.Hour)
	require.Equal(t, 2200*ms, gap.Length(), "from when the first began to wait to when the first was served")
	require.Zero(t, gap.Failures)
	broken(t, check.WithinBudget(h, 2*time.Second), check.ErrGap)
}

func TestTheErrorShare(t *testing.T) {
	h := of(op(history.Look, 0, history.OK), op(history.Look, 10*ms, history.Failed), op(history.Look, 20*ms, history.OK), op(history.Look, 30*ms, history.Unknown))
	broken(t, check.ErrorShare(h, 0, time.Second, 0.5))
	broken(t, check.ErrorShare(h, 0, time.Second, 0.49), check.ErrErrorShare)
	broken(t, check.ErrorShare(h, 15*ms, 25*ms, 0))
	broken(t, check.ErrorShare(of(), 0, time.Second, 0))
}

func TestWhatNobodyAskedForProvesNothing(t *testing.T) {
	h := of(op(history.Look, 0, history.OK), op(history.Append, 100*ms, history.Failed))
	broken(t, check.Asked(h, 50*ms, time.Second))
	broken(t, check.Asked(h, 50*ms, time.Second, history.Look, history.Append))
	broken(t, check.Asked(h, 50*ms, time.Second, history.Look), check.ErrUnreliable)
	broken(t, check.Asked(h, 200*ms, time.Second), check.ErrUnreliable)
}

func TestAnEjectedServerAnswersNothing(t *testing.T) {
	h := of(op(history.Look, 0, history.OK), op(history.Look, 100*ms, history.OK), op(history.Look, 200*ms, history.OK, func(o *history.Operation) { o.Server = "i-2" }))
	broken(t, check.Ejected(h, "i-1", 150*ms, time.Second))
	broken(t, check.Ejected(h, "i-1", 50*ms, time.Second), check.ErrEjectedTraffic)
}

func TestAZoneThatWasShiftedAwayFromAnswersNothing(t *testing.T) {
	h := of(op(history.Look, 0, history.OK, func(o *history.Operation) { o.Zone = "a" }), op(history.Look, 100*ms, history.OK, func(o *history.Operation) { o.Zone = "b" }))
	broken(t, check.EjectedZone(h, "a", 50*ms, time.Second))
	broken(t, check.EjectedZone(h, "b", 50*ms, time.Second), check.ErrEjectedTraffic)
}

func TestAStatedLoadIsCarried(t *testing.T) {
	var h history.History
	for i := range 20 {
		h.Operations = append(h.Operations, op(history.Look, time.Duration(i)*50*ms, history.OK))
	}
	broken(t, check.Carried(h, 0, time.Second, 20, time.Second, history.Look))
	broken(t, check.Carried(h, 0, time.Second, 30, time.Second, history.Look), check.ErrUnreliable)
	broken(t, check.Carried(h, 2*time.Second, 3*time.Second, 0, time.Second), check.ErrUnreliable)
	broken(t, check.Carried(h, 0, time.Second, 20, time.Microsecond), check.ErrOverload)
	h.Operations[3].Outcome = history.Failed
	broken(t, check.Carried(h, 0, time.Second, 20, time.Second), check.ErrOverload)
}

func TestAServerInServiceAnswers(t *testing.T) {
	h := of(op(history.Look, 0, history.OK), op(history.Look, 100*ms, history.Failed))
	broken(t, check.Serving(h, "i-1", 0, time.Second))
	broken(t, check.Serving(h, "i-1", 50*ms, time.Second), check.ErrNotServing)
	broken(t, check.Serving(h, "i-2", 0, time.Second), check.ErrNotServing)
}

func TestAnUnreliableRunIsRefused(t *testing.T) {
	needs := check.Reliability{MinimumRate: 10, SteadyFor: time.Second, SteadyFailure: 0.1}
	good := func() history.History {
		var h history.History
		for i := range 40 {
			h.Operations = append(h.Operations, op(history.Look, time.Duration(i)*50*ms, history.OK))
		}
		h.Operations = append(h.Operations, op(history.Append, 2100*ms, history.OK))
		h.Marks = []history.Mark{{At: 1500 * ms, Name: history.Injecting}, {At: 1600 * ms, Name: history.Active}}
		return h
	}
	broken(t, check.Reliable(good(), needs))
	hit := good() // by the fault, while they were under way
	for i := 10; i < 29; i++ {
		hit.Operations[i].Outcome, hit.Operations[i].End = history.Failed, 1510*ms
	}
	broken(t, check.Reliable(hit, needs))
	require.Equal(t, 500*ms, check.UnderWay(hit, 1500*ms), "they count as the fault's")
	require.Equal(t, 2900*ms, check.UnderWay(hit, 2900*ms))
	for name, spoil := range map[string]func(*history.History){
		"no fault":        func(h *history.History) { h.Marks = nil },
		"no effect seen":  func(h *history.History) { h.Marks = h.Marks[:1] },
		"too early":       func(h *history.History) { h.Marks[0].At = 900 * ms },
		"too little load": func(h *history.History) { h.Operations = h.Operations[25:] },
		"trouble before it": func(h *history.History) {
			h.Operations[15].Outcome = history.Failed
			h.Operations[16].Outcome = history.Failed
			h.Operations[17].Outcome = history.Failed
		},
		"last write unknown": func(h *history.History) { h.Operations[40].Outcome = history.Unknown },
	} {
		t.Run(name, func(t *testing.T) {
			h := good()
			spoil(&h)
			broken(t, check.Reliable(h, needs), check.ErrUnreliable)
		})
	}
}

func TestManyFindingsOfAKindAreCounted(t *testing.T) {
	var operations []history.Operation
	for i := range 20 {
		operations = append(operations, op(history.Append, time.Duration(i)*ms, history.OK, numbered(string(rune('a'+i)), int64(i+1))))
	}
	found, err := check.Ledger(of(append(operations, op(history.List, time.Second, history.OK))...))
	require.NoError(t, err)
	require.Len(t, found, 5)
	require.ErrorContains(t, found[4], "and 15 more")
}

func TestUndisturbedCountsFromEachMarkToTheNext(t *testing.T) {
	marks := []history.Mark{{At: 10 * ms, Name: "a"}, {At: 20 * ms, Name: "b"}, {At: 30 * ms, Name: "a"}}
	for name, c := range map[string]struct {
		operations []history.Operation
		promises   []error
	}{
		"all well":                  {[]history.Operation{op(history.Look, 12*ms, history.OK), op(history.Look, 35*ms, history.OK)}, nil},
		"one failed before":         {[]history.Operation{op(history.Look, 5*ms, history.Failed)}, nil},
		"one failed between":        {[]history.Operation{op(history.Look, 25*ms, history.Failed)}, nil},
		"one failed after a mark":   {[]history.Operation{op(history.Look, 12*ms, history.Failed)}, []error{check.ErrErrorShare}},
		"one is unknown at the end": {[]history.Operation{op(history.Append, 90*ms, history.Unknown)}, []error{check.ErrErrorShare}},
		"both times":                {[]history.Operation{op(history.Look, 12*ms, history.Failed), op(history.Look, 35*ms, history.Failed)}, []error{check.ErrErrorShare, check.ErrErrorShare}},
		"another kind":              {[]history.Operation{op(history.Put, 12*ms, history.Failed)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := of(c.operations...)
			h.Marks = marks
			broken(t, check.Undisturbed(h, "a", "b", history.Look, history.Append), c.promises...)
		})
	}
}
