package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/postgres"
)

// What a fence is for: without it, a connection that was kept open over a hang goes on writing beside the new writer, and what it was
// told is lost.
func TestAWriterThatIsNotFencedWritesOnBesideTheNewOne(t *testing.T) {
	w := newWorld(t, 3)
	w.await("three members", w.whole)
	load := w.startLoad(2)
	time.Sleep(300 * time.Millisecond)
	pooled, err := w.connect(t.Context(), "db-A", true)
	require.NoError(t, err)
	defer pooled.Close(context.Background())

	w.spec.Unfenced = true
	w.apply()
	w.await("the fault", func(o postgres.Observation) bool { return o.Unfenced })
	w.member("db-A").Hung = true
	w.apply()
	next := w.await("another writer", func(o postgres.Observation) bool { return o.Writer != "" && o.Writer != "db-A" }).Writer
	w.member("db-A").Hung = false
	w.apply()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err = pooled.Exec(ctx, "INSERT INTO ledger (id) VALUES ('beside')")
	require.NoError(t, err, "the old writer waits for nobody")
	require.NoError(t, w.query(next, "INSERT INTO ledger (id) VALUES ('in its place')"))
	load.end()

	w.spec.Unfenced = false
	w.apply()
	w.await("the old writer back as a reader", w.whole)
	conn, err := w.connect(t.Context(), "db-A", true)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	var kept, beside bool
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM ledger WHERE id = 'in its place'), EXISTS (SELECT FROM ledger WHERE id = 'beside')").Scan(&kept, &beside))
	require.True(t, kept)
	require.False(t, beside, "it has the new writer's history")
}
