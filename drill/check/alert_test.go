package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/check"
)

func TestEveryoneTold(t *testing.T) {
	cause := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	told := func(who, subject string, after time.Duration) check.Told {
		return check.Told{Who: who, Subject: subject, At: cause.Add(after)}
	}
	both := []string{"ada", "grace"}
	for name, c := range map[string]struct {
		messages  []check.Told
		receivers []string
		broken    int
	}{
		"both in time":        {[]check.Told{told("ada", "ALARM: x", time.Second), told("grace", "ALARM: x", time.Minute)}, both, 0},
		"late again is fine":  {[]check.Told{told("ada", "ALARM: x", time.Second), told("ada", "ALARM: x", time.Hour)}, both[:1], 0},
		"one of two":          {[]check.Told{told("ada", "ALARM: x", time.Second)}, both, 1},
		"nobody":              {nil, both, 2},
		"too late":            {[]check.Told{told("ada", "ALARM: x", 2*time.Minute)}, both[:1], 1},
		"before the cause":    {[]check.Told{told("ada", "ALARM: x", -time.Second)}, both[:1], 1},
		"of another subject":  {[]check.Told{told("ada", "OK: x", time.Second)}, both[:1], 1},
		"there is no steward": {[]check.Told{told("ada", "ALARM: x", time.Second)}, nil, 1},
	} {
		found := check.EveryoneTold(c.messages, c.receivers, "ALARM: ", cause, time.Minute)
		require.Len(t, found, c.broken, name)
		for _, f := range found {
			require.ErrorIs(t, f, check.ErrAlarm, name)
		}
	}
}

func TestActionsSucceeded(t *testing.T) {
	good, bad := "Successfully executed action arn:topic", "Failed to execute action arn:topic. Received error: no"
	require.Empty(t, check.ActionsSucceeded("x", []string{good, good}))
	require.ErrorIs(t, check.ActionsSucceeded("x", []string{good, bad})[0], check.ErrAlarm)
	require.ErrorIs(t, check.ActionsSucceeded("x", nil)[0], check.ErrAlarm, "an alarm that does nothing tells nobody")
}
