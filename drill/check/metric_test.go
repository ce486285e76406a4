package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/check"
)

func TestRoseAndFell(t *testing.T) {
	healed := time.Date(2026, 1, 1, 12, 4, 10, 0, time.UTC)
	minute := func(n int, value float64) check.Point {
		return check.Point{At: healed.Truncate(time.Minute).Add(time.Duration(n) * time.Minute), Value: value}
	}
	require.Empty(t, check.RoseAndFell([]check.Point{minute(-2, 3), minute(-1, 60_000), minute(0, 90_000), minute(1, 2)}, time.Minute, 1000, healed))
	require.Empty(t, check.RoseAndFell([]check.Point{minute(-1, 60_000), minute(0, 95)}, time.Minute, 1000, healed), "the healing's own minute may be well already")
	for name, bad := range map[string]struct {
		points []check.Point
		want   string
	}{
		"never published":    {nil, "published 0 times"},
		"never over it":      {[]check.Point{minute(-1, 1000), minute(1, 2)}, "rose to 1000 at most"},
		"over it afterwards": {[]check.Point{minute(-1, 3), minute(1, 2000)}, "rose to 3 at most"},
		"silent since":       {[]check.Point{minute(-2, 5000), minute(-1, 5000)}, "was not published after"},
		"its own minute":     {[]check.Point{minute(-1, 5000), minute(0, 5000)}, "still 5000"},
		"high still":         {[]check.Point{minute(-1, 5000), minute(1, 2), minute(2, 1001)}, "still 1001"},
	} {
		t.Run(name, func(t *testing.T) {
			found := check.RoseAndFell(bad.points, time.Minute, 1000, healed)
			require.NotEmpty(t, found)
			require.ErrorIs(t, found[0], check.ErrAlarm)
			require.ErrorContains(t, found[0], bad.want)
		})
	}
}
