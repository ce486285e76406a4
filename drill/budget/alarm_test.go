package budget_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/budget"
)

// Worked by hand: one minute bad, a minute to be published, a minute to be looked at, half a minute to be delivered.
func TestAnAlarmsTime(t *testing.T) {
	b, err := budget.ForAlarm(budget.Alarm{Period: time.Minute, Datapoints: 1})
	require.NoError(t, err)
	require.Equal(t, 210*time.Second, b.Total())
	b, err = budget.ForAlarm(budget.Alarm{Period: 5 * time.Minute, Datapoints: 3})
	require.NoError(t, err)
	require.Equal(t, (900+150)*time.Second, b.Total())
	for _, a := range []budget.Alarm{{}, {Period: time.Minute}, {Period: 10 * time.Second, Datapoints: 1}} {
		_, err := budget.ForAlarm(a)
		require.ErrorContains(t, err, "expected at least", a)
	}
}
