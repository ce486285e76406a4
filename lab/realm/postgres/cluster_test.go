package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
