package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/cmd/haven/internal/environment"
	"haven/lab/control"
	"haven/lab/overview"
	"haven/lab/timeline"
	"haven/lab/traffic"
)

func seenEnvironment() *environment.Environment {
	lag := 0.004
	e := &environment.Environment{
		URL: "https://www.haven.test", Zones: []string{"us-east-1a"}, Ready: true, Troubles: []string{},
		Database: environment.Database{Members: []environment.Member{{ID: "db-a", Zone: "us-east-1a", Role: "reader", Status: "available"}}},
	}
	e.Add(control.Sight{
		Picture: overview.Picture{
			Verdict: overview.Degraded, Traffic: traffic.Sample{Requests: 12, Errors: 0.5, P50: 0.004, P90: 0.01, P99: 0.2},
			Zones:  []overview.Zone{{Name: "us-east-1a", Database: []overview.Member{{Thing: overview.Thing{ID: "db-a"}, Lag: &lag}}}},
			Faults: []overview.Fault{{ID: "fault-1", Kind: "hang", Text: "i-1", Since: time.Now().Add(-time.Minute)}},
			Alarms: []overview.Alarm{{Name: "haven-5xx", State: "ALARM", Reason: "too many"}, {Name: "TargetTracking-web-AlarmLow", State: "ALARM"}},
		},
		Events: []timeline.Event{{ID: 7, Time: time.Now(), Zone: "us-east-1a", Subject: "i-1", Text: "hangs", Severity: timeline.Warning}},
	})
	return e
}

func TestStatusShowsWhatTheLabSees(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, printEnvironment(&b, seenEnvironment(), "ca.pem"))
	for _, shown := range []string{
		"available lag 4ms", "12.0 requests/s, 0.5 errors/s (5xx), latency p50 4ms, p90 10ms, p99 200ms",
		"fault     hang i-1, for 1m0s; heal it: haven lab fault heal fault-1", "alarm     haven-5xx: too many", "!  us-east-1a  i-1  hangs",
	} {
		assert.Contains(t, b.String(), shown)
	}
	assert.NotContains(t, b.String(), "TargetTracking", "it is in ALARM whenever there is little to do")
}

// Scripts that read the JSON of before still find all of it: what is new is beside it.
func TestTheJSONOfStatusOnlyGrows(t *testing.T) {
	raw, err := json.Marshal(environment.Environment{Database: environment.Database{Members: []environment.Member{{}}}})
	require.NoError(t, err)
	assert.JSONEq(t, `{"url":"","version":"","region":"","zones":null,"ready":false,"troubles":null,"firewall":null,"balancers":null,"servers":null,
		"database":{"id":"","status":"","writer":"","reader":"","port":0,"members":[{"id":"","zone":"","role":"","status":""}]},"mounts":null}`, string(raw))
}

func TestElsewhereThanOnATerminalEachChangeIsALine(t *testing.T) {
	var b bytes.Buffer
	show := newWatcher(statusOptions{output: "table"}, &b, "ca.pem")
	e := seenEnvironment()
	require.NoError(t, show(e, nil))
	require.NoError(t, show(e, nil)) // nothing new, nothing said
	require.NoError(t, show(nil, errors.New("the lab is not running")))
	require.NoError(t, show(nil, errors.New("the lab is not running")))
	e.Ready, e.Troubles = false, []string{"2 of 3 servers are healthy"}
	require.NoError(t, show(e, nil))
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	require.Len(t, lines, 4, b.String())
	assert.Contains(t, lines[0], "! us-east-1a i-1 hangs")
	assert.Contains(t, lines[1], "well; fault hang i-1")
	assert.Contains(t, lines[2], "not seen: the lab is not running")
	assert.Contains(t, lines[3], "not well: 2 of 3 servers are healthy; fault hang i-1")
	assert.NotContains(t, b.String(), "\x1b")
}

func TestOnATerminalEachLookReplacesTheOneBefore(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, paint(&b, seenEnvironment(), nil, "ca.pem"))
	assert.True(t, strings.HasPrefix(b.String(), redraw))
	assert.True(t, strings.HasSuffix(b.String(), erase))
	assert.Equal(t, strings.Count(b.String(), "\n"), strings.Count(b.String(), eraseLine+"\n"), "each line clears what was in its place")
	b.Reset()
	require.NoError(t, paint(&b, nil, errors.New("the lab is not running"), "ca.pem"))
	assert.Contains(t, b.String(), "Not seen: the lab is not running")
}

func TestWatchingAsJSONIsALineForEachLook(t *testing.T) {
	var b bytes.Buffer
	show := newWatcher(statusOptions{output: "json"}, &b, "ca.pem")
	require.NoError(t, show(seenEnvironment(), nil))
	require.NoError(t, show(nil, errors.New("gone")))
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	require.Len(t, lines, 2)
	for _, line := range lines {
		assert.True(t, json.Valid([]byte(line)))
	}
	assert.Contains(t, lines[0], `"verdict":"degraded"`)
	assert.Contains(t, lines[1], `"error":"gone"`)
}
