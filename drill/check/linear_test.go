package check

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/history"
)

const ms = time.Millisecond

// added is an append that was acknowledged as a number.
func added(key string, number int64, from, to time.Duration) history.Operation {
	return history.Operation{Kind: history.Append, Key: key, Sequence: number, Start: from, End: to, Outcome: history.OK}
}

func listed(from, to time.Duration, keys ...string) history.Operation {
	o := history.Operation{Kind: history.List, Start: from, End: to, Outcome: history.OK}
	for i, key := range keys {
		o.Entries = append(o.Entries, history.Entry{Sequence: int64(i + 1), Key: key})
	}
	return o
}

func lostSight(key string, from, to time.Duration, outcome history.Outcome) history.Operation {
	return history.Operation{Kind: history.Append, Key: key, Start: from, End: to, Outcome: outcome}
}

func TestTheLedgerLooksLikeOne(t *testing.T) {
	for name, c := range map[string]struct {
		operations []history.Operation
		linear     bool
	}{
		"nothing":                                   {nil, true},
		"one after the other":                       {[]history.Operation{added("a", 1, 0, 10), added("b", 2, 20, 30), listed(40, 50, "a", "b")}, true},
		"at once, in the other order":               {[]history.Operation{added("a", 2, 0, 100), added("b", 1, 10, 90), listed(110, 120, "b", "a")}, true},
		"a list while one is added, without it":     {[]history.Operation{added("a", 1, 0, 100), listed(10, 20), listed(110, 120, "a")}, true},
		"a list while one is added, with it":        {[]history.Operation{added("a", 1, 0, 100), listed(10, 20, "a"), listed(110, 120, "a")}, true},
		"an unknown one that happens late":          {[]history.Operation{lostSight("u", 0, 10, history.Unknown), added("a", 1, 20, 30), listed(40, 50, "a"), listed(60, 70, "a", "u")}, true},
		"an unknown one that never happens":         {[]history.Operation{lostSight("u", 0, 10, history.Unknown), added("a", 1, 20, 30), listed(40, 50, "a")}, true},
		"a failed one that happened after all":      {[]history.Operation{lostSight("u", 0, 10, history.Failed), listed(40, 50, "u")}, true},
		"a number that was skipped":                 {[]history.Operation{added("a", 1, 0, 10), added("b", 5, 20, 30)}, true},
		"a stale list":                              {[]history.Operation{added("a", 1, 0, 10), added("b", 2, 20, 30), listed(40, 50, "a"), listed(60, 70, "a", "b")}, false},
		"a list that forgets":                       {[]history.Operation{added("a", 1, 0, 100), listed(10, 20, "a"), listed(30, 40), listed(110, 120, "a")}, false},
		"an unknown one that is seen and vanishes":  {[]history.Operation{lostSight("u", 0, 10, history.Unknown), listed(20, 30, "u"), listed(40, 50)}, false},
		"an unknown one that is seen before it was": {[]history.Operation{listed(0, 10, "u"), lostSight("u", 20, 30, history.Unknown), listed(40, 50, "u")}, false},
		"a later one with an earlier number":        {[]history.Operation{added("a", 2, 0, 10), added("b", 1, 20, 30), listed(40, 50, "b", "a")}, false},
		"an acknowledged one is lost":               {[]history.Operation{added("a", 1, 0, 10), added("b", 2, 20, 30), listed(40, 50, "a")}, false},
		"a phantom":                                 {[]history.Operation{added("a", 1, 0, 10), listed(40, 50, "a", "z")}, false},
		"two that were given one number":            {[]history.Operation{added("a", 1, 0, 10), added("b", 1, 20, 30), listed(40, 50, "a")}, false},
		"lists that show another order":             {[]history.Operation{added("a", 1, 0, 100), added("b", 2, 0, 100), listed(110, 120, "b", "a"), listed(130, 140, "a", "b")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := Linear(history.History{Operations: c.operations})
			require.NoError(t, err)
			if c.linear {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.ErrorIs(t, found[0], ErrNotLinear)
		})
	}
}

func TestWhatFitsNowhereIsNamedAndDrawn(t *testing.T) {
	h := history.History{Operations: []history.Operation{added("a", 1, 0, 10*ms), added("b", 2, 20*ms, 30*ms), listed(40*ms, 50*ms, "a"), listed(60*ms, 70*ms, "a", "b")}}
	found, err := Linear(h)
	require.NoError(t, err)
	require.Equal(t, 50*ms, found[0].At)
	require.Contains(t, found[0].Text, "list → up to number 1")
	var page bytes.Buffer
	require.NoError(t, Visualize(&page, h))
	require.Contains(t, page.String(), "append b → number 2")
}

// outage is a history in which appends pile up again and again, and all of them happen in the end, in some other order.
func outage(rounds, atOnce int) (h history.History) {
	number := 0
	var keys []string
	for round := range rounds {
		at := time.Duration(round) * time.Minute
		for i := range atOnce {
			o := added(fmt.Sprintf("%d-%d", round, i), int64(number+(i*7)%atOnce+1), at+time.Duration(i)*ms, at+10*time.Second)
			if i%3 == 0 {
				o.Outcome, o.Sequence = history.Unknown, 0
			}
			h.Operations = append(h.Operations, o)
		}
		order := make([]string, atOnce)
		for i := range atOnce {
			order[(i*7)%atOnce] = fmt.Sprintf("%d-%d", round, i)
		}
		keys, number = append(keys, order...), number+atOnce
		h.Operations = append(h.Operations, listed(at+20*time.Second, at+21*time.Second, keys...))
	}
	return h
}

func TestALongOutageIsDecidedQuickly(t *testing.T) {
	h := outage(40, 50) // 2,000 appends and lists that show up to 2,000 entries
	begun := time.Now()
	found, err := Linear(h)
	require.NoError(t, err)
	require.Empty(t, found)
	require.Less(t, time.Since(begun), 10*time.Second)
	last := &h.Operations[len(h.Operations)-1]
	last.Entries = last.Entries[:len(last.Entries)-1]
	found, err = Linear(h)
	require.NoError(t, err)
	require.Len(t, found, 1, "one entry less is a contradiction")
	t.Logf("%d operations, twice, in %s", len(h.Operations), time.Since(begun))
}

func TestWhatCannotBeDecidedProvesNothing(t *testing.T) {
	_, err := linearWithin(outage(40, 50), time.Nanosecond)
	require.ErrorIs(t, err, ErrUnreliable)
}
