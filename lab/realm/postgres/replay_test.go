package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/postgres"
)

func TestAReaderWhoseReplayIsPausedFallsBehindAndHoldsNothingUp(t *testing.T) {
	w := newWorld(t, 2)
	w.await("two members", w.whole)
	load := w.startLoad(2)
	lag := func(o postgres.Observation) (lag time.Duration, paused bool) {
		for _, m := range o.Members {
			if m.ID == "db-B" {
				return m.Lag, m.Paused
			}
		}
		return 0, false
	}
	w.member("db-B").ReplayPaused = true
	w.apply()
	w.await("a lag", func(o postgres.Observation) bool { l, paused := lag(o); return paused && l > 2*time.Second })
	before := load.count()
	require.Eventually(t, func() bool { return load.count() > before+20 }, 10*time.Second, 10*time.Millisecond, "writes go on")
	w.member("db-B").ReplayPaused = false
	w.apply()
	w.await("no lag", func(o postgres.Observation) bool {
		l, paused := lag(o)
		return !paused && l < time.Second && w.whole(o)
	})
	require.False(t, w.told(postgres.EventCrashed, "db-B"), "it was not restarted")

	w.member("db-B").ReplayPaused = true
	w.apply()
	w.await("a lag", func(o postgres.Observation) bool { l, paused := lag(o); return paused && l > time.Second })
	w.spec.Failover.Generation++
	w.apply()
	w.await("another writer", func(o postgres.Observation) bool { return o.Writer == "db-B" })
	w.await("both members", w.whole)
	load.end()
	require.Empty(t, load.lost(t, "db-B"), "what it had received it applied before it wrote")
	require.Empty(t, load.splitBrain())
}
