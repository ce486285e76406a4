package report

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"haven/drill/history"
)

const second = time.Second

func at(start, took time.Duration, outcome history.Outcome) history.Operation {
	return history.Operation{Kind: history.Look, Start: start, End: start + took, Outcome: outcome}
}

func of(operations ...history.Operation) history.History {
	return history.History{Operations: operations}
}

// Worked by hand.
func TestBinsCountWhatBeganInThem(t *testing.T) {
	bins, width := Bins(of(
		at(0, 10*time.Millisecond, history.OK), at(200*time.Millisecond, 30*time.Millisecond, history.OK), at(249*time.Millisecond, second, history.Failed),
		at(250*time.Millisecond, second, history.Unknown), at(1100*time.Millisecond, 5*time.Millisecond, history.OK),
	))
	require.Equal(t, 250*time.Millisecond, width)
	require.Len(t, bins, 5)
	require.Equal(t, Bin{OK: 2, Failed: 1, Median: 30 * time.Millisecond, Slow: 30 * time.Millisecond}, bins[0])
	require.Equal(t, Bin{From: 250 * time.Millisecond, Unknown: 1}, bins[1])
	require.Equal(t, Bin{From: second, OK: 1, Median: 5 * time.Millisecond, Slow: 5 * time.Millisecond}, bins[4])
	require.Zero(t, bins[2].Asked())
	bins, _ = Bins(of())
	require.Empty(t, bins)
}

// No request is lost or counted twice, and there are never too many bins, however long a drill was.
func TestBinsCountAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h history.History
		starts := rapid.SliceOfN(rapid.Int64Range(0, int64(100*time.Hour)), 1, 200).Draw(t, "starts")
		outcome := rapid.SampledFrom([]history.Outcome{history.OK, history.Failed, history.Unknown})
		for _, start := range starts {
			h.Operations = append(h.Operations, at(time.Duration(start), second, outcome.Draw(t, "outcome")))
		}
		bins, width := Bins(h)
		require.LessOrEqual(t, len(bins), mostBins)
		total := 0
		for i, bin := range bins {
			total += bin.Asked()
			require.Equal(t, time.Duration(i)*width, bin.From)
			require.LessOrEqual(t, bin.Median, bin.Slow)
		}
		require.Equal(t, len(starts), total)
	})
}

func TestBarsStandOnEachOther(t *testing.T) {
	p := NewPlot(of(at(0, 1, history.OK), at(0, 1, history.OK), at(0, 1, history.Unknown), at(0, 1, history.Failed), at(300*time.Millisecond, 1, history.OK)))
	require.Equal(t, 4, p.Most)
	require.Equal(t, Bar{Width: 430, OK: 50, OKTop: 50, Unknown: 25, UnknownTop: 25, Failed: 25, FailedTop: 0, Title: "0s: 2 ok, 1 failed, 1 unknown"}, p.Bars[0])
	require.Equal(t, 500.0, p.Bars[1].X)
	require.Equal(t, 75.0, p.Bars[1].OKTop)
	require.Nil(t, NewPlot(of()))
}

func TestLatencyIsDrawnOnALogarithmicScale(t *testing.T) {
	p := NewPlot(of(at(0, 10*time.Millisecond, history.OK), at(300*time.Millisecond, 0, history.Failed), at(600*time.Millisecond, 100*time.Millisecond, history.OK), at(900*time.Millisecond, second, history.OK)))
	require.Equal(t, []Tick{{100, "10 ms", true}, {50, "100 ms", true}, {0, "1 s", true}}, p.Decades)
	require.Equal(t, "M125 100h0M625 50h0L875 0", p.Median, "interrupted where nothing succeeded")
	all := NewPlot(of(at(0, 1, history.Failed)))
	require.Empty(t, all.Median)
	require.NotEmpty(t, all.Decades)
	instant := NewPlot(of(at(0, 0, history.OK)))
	require.False(t, strings.Contains(instant.Median, "Inf") || strings.Contains(instant.Median, "NaN"), instant.Median)
}

func TestBandsReachUntilFullStrength(t *testing.T) {
	h := of(at(0, 1, history.OK), at(99900*time.Millisecond, 1, history.OK))
	h.Marks = []history.Mark{
		{At: 10 * second, Name: history.Injecting, Text: "i-1"}, {At: 11 * second, Name: history.Active}, {At: 20 * second, Name: history.Recovered},
		{At: 50 * second, Name: history.Injecting, Text: "i-2"}, {At: 60 * second, Name: "out of service"},
	}
	p := NewPlot(h)
	require.Equal(t, 100.0, p.Seconds)
	require.Equal(t, []Band{{10, 10, "i-1, until full strength 10.0 s later"}, {50, 50, "i-2, until full strength 50.0 s later"}}, p.Bands)
	require.Len(t, p.Marks, 5)
	require.Equal(t, Mark{60, 60, "out of service", ""}, p.Marks[4])
}

func TestTimesAreFew(t *testing.T) {
	for _, whole := range []time.Duration{time.Millisecond, second, 61 * second, 10 * time.Minute, 3 * time.Hour} {
		ticks := times(whole)
		require.NotEmpty(t, ticks)
		require.LessOrEqual(t, len(ticks), 11, whole)
		for _, tick := range ticks {
			require.True(t, tick.At >= 0 && tick.At <= 100)
		}
	}
}
