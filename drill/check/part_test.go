package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/check"
	"haven/drill/history"
)

func TestTakesPart(t *testing.T) {
	at := func(second int, node, zone string, outcome history.Outcome) history.Operation {
		start := time.Duration(second) * time.Second
		return history.Operation{Kind: history.Look, Start: start, End: start, Node: node, Zone: zone, Outcome: outcome}
	}
	for name, c := range map[string]struct {
		operations []history.Operation
		broken     int
	}{
		"through it and by it":      {[]history.Operation{at(11, "a", "b", history.OK), at(12, "b", "a", history.OK)}, 0},
		"only before":               {[]history.Operation{at(9, "a", "a", history.OK), at(11, "b", "b", history.OK)}, 2},
		"through it, by others":     {[]history.Operation{at(11, "a", "b", history.OK)}, 1},
		"by it, through others":     {[]history.Operation{at(11, "b", "a", history.OK)}, 1},
		"through it, not answered":  {[]history.Operation{at(11, "a", "", history.Failed), at(11, "b", "a", history.OK)}, 1},
		"nobody asked: not used":    {nil, 2},
		"an error answered by them": {[]history.Operation{at(11, "a", "a", history.Failed)}, 2},
	} {
		found := check.TakesPart(history.History{Operations: c.operations}, "a", 10*time.Second)
		require.Len(t, found, c.broken, name)
		for _, f := range found {
			require.ErrorIs(t, f, check.ErrNotRecovered, name)
		}
	}
}
