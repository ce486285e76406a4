package health

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestManyAskersShareOneRun(t *testing.T) {
	var runs atomic.Int32
	j := NewJudge(Check{Name: "x", Run: func(context.Context) error { runs.Add(1); return nil }})
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { require.True(t, j.Report().Ready) })
	}
	group.Wait()
	require.EqualValues(t, 1, runs.Load())
	j.judged = time.Now().Add(-2 * freshFor)
	j.Report()
	require.EqualValues(t, 2, runs.Load())
}

func TestAFailureIsToldWithItsReason(t *testing.T) {
	j := NewJudge(Check{Name: "good", Run: func(context.Context) error { return nil }},
		Check{Name: "bad", Run: func(context.Context) error { return errors.New("broken") }})
	report := j.Report()
	require.False(t, report.Ready)
	require.Equal(t, "ok", report.Checks[0].State)
	require.Equal(t, "failed", report.Checks[1].State)
	require.Equal(t, "broken", report.Checks[1].Error)
}

func TestAGraceEnds(t *testing.T) {
	broken := true
	j := NewJudge(Check{Name: "writer", Grace: time.Minute, Run: func(context.Context) error {
		if broken {
			return errors.New("failing over")
		}
		return nil
	}})
	require.False(t, j.Report().Ready, "what never passed has no grace")
	broken = false
	j.judged = time.Time{}
	require.True(t, j.Report().Ready)
	broken = true
	j.judged = time.Time{}
	report := j.Report()
	require.True(t, report.Ready)
	require.True(t, report.Degraded)
	require.Equal(t, "degraded", report.Checks[0].State)

	j.failing["writer"] = time.Now().Add(-2 * time.Minute)
	j.judged = time.Time{}
	require.False(t, j.Report().Ready)

	broken = false
	j.judged = time.Time{}
	report = j.Report()
	require.True(t, report.Ready)
	require.False(t, report.Degraded)
	require.Empty(t, j.failing, "the next failure has its whole grace again")
}

func TestADrainingServerIsNotReady(t *testing.T) {
	j := NewJudge(Check{Name: "x", Run: func(context.Context) error { return nil }})
	require.True(t, j.Report().Ready)
	j.Drain()
	require.False(t, j.Report().Ready)
}

func TestAHangingCheckIsCutOff(t *testing.T) {
	j := NewJudge(Check{Name: "x", Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }})
	require.False(t, j.Report().Ready)
}

func TestWhatPassesLateIsSlowAndWhatNeverDoesIsGone(t *testing.T) {
	var answered time.Time
	j := NewJudge(Check{Name: "storage", Grace: time.Minute, Run: func(context.Context) error { return errors.New("no answer yet") }, Answered: func() time.Time { return answered }})
	ready := func() bool {
		j.judged = time.Time{}
		return j.Report().Ready
	}
	require.False(t, ready(), "what never passed has no grace")
	answered = time.Now()
	require.True(t, ready(), "it passed after its check had given up")

	j.failing["storage"] = time.Now().Add(-time.Hour)
	require.True(t, ready(), "each late answer begins the grace anew")
	answered = time.Now().Add(-2 * time.Minute)
	require.True(t, ready(), "an answer from before is none")
	j.failing["storage"] = answered.Add(-time.Second)
	require.False(t, ready(), "no answer for longer than the grace")
}

func TestACheckThatHangsHasFailedSinceItBegan(t *testing.T) {
	j := NewJudge(Check{Name: "x", Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }})
	begun := time.Now()
	require.WithinDuration(t, begun, *j.Report().Checks[0].Since, timeout/2)
}
