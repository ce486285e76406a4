package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/run"
	"haven/drill/scenario"
)

// told is what a progress of two drills writes; width 0: no terminal.
func told(width int) (progressed, results string) {
	var out, kept bytes.Buffer
	p := newProgress(&out, 2)
	p.now = func() time.Time { return p.begun.Add(83 * time.Second) }
	if width > 0 {
		p.width = func() int { return width }
	}
	p.begins(1, scenario.Scenario{Name: "failover/web/kill"})
	p.say("breaking %s", "i-1")
	p.ended(&kept, run.Result{Scenario: "failover/web/kill", Verdict: run.Passed}, "")
	p.close()
	return out.String(), kept.String()
}

func TestProgressIsLinesWhereThereIsNoTerminal(t *testing.T) {
	out, results := told(0)
	require.Equal(t, " 1m23s  1/2 failover/web/kill: begins\n 1m23s  1/2 failover/web/kill: breaking i-1\n", out)
	require.Contains(t, results, "passed")
}

func TestProgressIsOneLineOnATerminal(t *testing.T) {
	out, _ := told(30)
	require.NotContains(t, out, "\n")
	require.True(t, strings.HasSuffix(out, "\r"+eraseLine), "it leaves nothing behind")
	drawn := strings.Split(out, "\r"+eraseLine)
	require.Equal(t, "1m23s  1/2  failover/web/kil…", drawn[1])
	for _, line := range drawn {
		require.LessOrEqual(t, len([]rune(line)), 29, "it never wraps")
	}
}
