package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/postgres"
)

func TestAClusterComesUpWhole(t *testing.T) {
	w := newWorld(t, 3)
	began := time.Now()
	o := w.await("three members", w.whole)
	t.Logf("three members after %v", time.Since(began))
	require.Equal(t, "db-A", o.Writer, "the first declared member is the writer")

	require.NoError(t, w.query("db-A", "CREATE TABLE t (n int)"))
	require.NoError(t, w.query("db-A", "INSERT INTO t VALUES (7)"))
	var n int
	require.Eventually(t, func() bool { return w.query("db-C", "SELECT n FROM t", &n) == nil && n == 7 }, 10*time.Second, 20*time.Millisecond)
	require.ErrorContains(t, w.query("db-B", "INSERT INTO t VALUES (8)"), "read-only transaction")

	var super bool
	require.NoError(t, w.query("db-A", "SELECT rolsuper FROM pg_roles WHERE rolname = 'master'", &super))
	require.False(t, super, "the master user is no superuser, as in RDS")

	ctx := context.Background()
	_, err := w.connect(ctx, "db-A", false)
	require.ErrorContains(t, err, "no encryption", "rds.force_ssl refuses plain connections")

	w.spec.MasterPassword = "second-Password"
	w.apply()
	require.Eventually(t, func() bool { return w.query("db-A", "SELECT 1") == nil }, 10*time.Second, 50*time.Millisecond)
}

func TestMembersAreMeasured(t *testing.T) {
	w := newWorld(t, 2)
	w.await("two members", w.whole)
	load := w.startLoad(3)
	first := w.measure()
	require.Len(t, first, 2)
	time.Sleep(time.Second)
	second := w.measure()
	load.end()
	writer, reader := second["db-A"], second["db-B"]
	require.True(t, writer.Writer)
	require.Greater(t, writer.Commits, first["db-A"].Commits)
	require.Greater(t, writer.LogBytes, first["db-A"].LogBytes)
	require.Greater(t, writer.Processor, first["db-A"].Processor)
	require.GreaterOrEqual(t, writer.Connections, 1)
	require.Positive(t, writer.CommitLatency)
	require.Less(t, writer.CommitLatency, 3*time.Second)
	require.Positive(t, writer.Memory)
	require.Positive(t, writer.Storage.Free)
	require.False(t, reader.Writer)
	require.Zero(t, reader.CommitLatency)
	require.Positive(t, reader.Uptime)
}

func (w *world) measure() map[string]postgres.Measurement {
	all := map[string]postgres.Measurement{}
	for _, m := range w.manager.Measure(context.Background()) {
		all[m.Member] = m
	}
	return all
}
