package postgres_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/postgres"
)

// postmaster returns the process id of a member's server.
func (w *world) postmaster(member string) int {
	w.t.Helper()
	raw, err := os.ReadFile(filepath.Join(w.dir, "pg", w.spec.ID, member, "store", "data", "postmaster.pid"))
	require.NoError(w.t, err)
	pid, err := strconv.Atoi(strings.SplitN(string(raw), "\n", 2)[0])
	require.NoError(w.t, err)
	return pid
}

func TestAnOrderedFailoverChoosesItsTarget(t *testing.T) {
	w := newWorld(t, 3)
	w.await("three members", w.whole)
	load := w.startLoad(2)
	w.spec.Failover = postgres.Order{Generation: 1, Target: "db-C"}
	began := time.Now()
	w.apply()
	w.await("db-C", func(o postgres.Observation) bool { return o.Writer == "db-C" && o.FailoverDone == 1 })
	t.Logf("handed over after %v", time.Since(began).Round(time.Millisecond))
	w.await("a whole cluster", w.whole)
	load.end()
	require.Empty(t, load.lost(t, "db-C"))
	require.Empty(t, load.splitBrain())

	w.spec.Members[0].Restart++
	w.apply()
	w.await("a restarted reader", func(o postgres.Observation) bool {
		m, _ := o.Member("db-A")
		return m.RestartDone == 1 && w.whole(o) && o.Writer == "db-C"
	})
}

func TestASingleWriterIsStartedAgainInPlace(t *testing.T) {
	w := newWorld(t, 1)
	w.await("the writer", w.whole)
	load := w.startLoad(1)
	time.Sleep(300 * time.Millisecond)
	require.NoError(t, syscall.Kill(w.postmaster("db-A"), syscall.SIGKILL))
	// The killed server's sessions may go on for a moment; a new one needs a new server.
	require.Eventually(t, func() bool { return w.query("db-A", "SELECT 1") == nil }, 30*time.Second, 10*time.Millisecond)
	before := load.count()
	require.Eventually(t, func() bool { return load.count() > before+5 }, 30*time.Second, 10*time.Millisecond)
	load.end()
	require.Empty(t, load.lost(t, "db-A"))
}

func TestNothingIsLostWhenEverythingIsKilled(t *testing.T) {
	w := newWorld(t, 3)
	w.await("three members", w.whole)
	w.spec.Failover = postgres.Order{Generation: 1}
	w.apply()
	writer := w.await("another writer", func(o postgres.Observation) bool { return w.whole(o) && o.Writer != "db-A" }).Writer
	load := w.startLoad(3)
	time.Sleep(time.Second)
	// The manager decides nothing more: this is what a killed lab looks like.
	w.manager.Abandon()
	for _, m := range w.spec.Members {
		killAll(t, filepath.Join(w.dir, "pg", w.spec.ID, m.ID, "store", "data"))
	}
	load.end()
	w.open()
	o := w.await("a whole cluster", w.whole)
	require.Equal(t, writer, o.Writer, "the recorded writer writes again")
	require.Equal(t, int64(1), o.FailoverDone, "an order that was carried out is not carried out again")
	require.Empty(t, load.lost(t, writer))
}

func killAll(t *testing.T, dir string) {
	t.Helper()
	out, err := exec.Command("sh", "-c", `for p in /proc/[0-9]*; do [ "$(readlink $p/cwd)" = "$0" ] && kill -9 ${p#/proc/}; done; true`, dir).CombinedOutput()
	require.NoError(t, err, string(out))
}

func TestMembersComeAndGoAndTheLastOneLeavesItsData(t *testing.T) {
	w := newWorld(t, 2)
	w.await("two members", w.whole)
	require.NoError(t, w.query("db-A", "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)"))
	require.NoError(t, w.manager.Snapshot(t.Context(), w.spec.ID, "running"))
	w.addMember("db-C", 0)
	w.apply()
	w.await("three members", w.whole)

	w.spec.Members = w.spec.Members[1:] // the writer leaves
	w.apply()
	o := w.await("two members", w.whole)
	require.Equal(t, "db-C", o.Writer, "the better tier")
	w.spec.Members = nil
	w.apply()
	w.await("nobody", func(o postgres.Observation) bool { return len(o.Members) == 0 })
	require.NoError(t, w.manager.Snapshot(t.Context(), w.spec.ID, "empty"))
	require.FileExists(t, filepath.Join(w.dir, "pg", "snapshots", "empty", "PG_VERSION"))
	require.FileExists(t, filepath.Join(w.dir, "pg", "snapshots", "running", "PG_VERSION"))

	w.addMember("db-D", 0)
	w.apply()
	w.await("a new member", w.whole)
	var n int
	require.NoError(t, w.query("db-D", "SELECT n FROM kept", &n))
	require.Equal(t, 1, n)
}

func TestParametersAreSettings(t *testing.T) {
	w := newWorld(t, 2)
	w.await("two members", w.whole)
	for i := range w.spec.Members {
		w.spec.Members[i].Parameters = map[string]string{"rds.force_ssl": "0", "log_min_duration_statement": "1234", "max_connections": "321"}
	}
	w.apply()
	var value string
	require.Eventually(t, func() bool {
		return w.query("db-A", "SHOW log_min_duration_statement", &value) == nil && value == "1234ms"
	}, 20*time.Second, 50*time.Millisecond)
	require.Eventually(t, func() bool {
		conn, err := w.connect(t.Context(), "db-A", false)
		if err == nil {
			err = conn.Close(t.Context())
		}
		return err == nil
	}, 20*time.Second, 50*time.Millisecond, "without rds.force_ssl plain connections are let in")
	w.await("a pending restart", func(o postgres.Observation) bool {
		m, _ := o.Member("db-A")
		return m.PendingRestart
	})
	w.spec.Members[0].Restart++
	w.apply()
	w.await("the restart", func(o postgres.Observation) bool {
		m, _ := o.Member("db-A")
		return m.RestartDone == 1 && !m.PendingRestart && w.whole(o)
	})
	require.NoError(t, w.query("db-A", "SHOW max_connections", &value))
	require.Equal(t, "321", value)
}
