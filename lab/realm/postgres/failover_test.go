package postgres_test

import (
	"math/rand/v2"
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
	raw, err := os.ReadFile(filepath.Join(w.dir, "pg", w.spec.ID, member, "data", "postmaster.pid"))
	require.NoError(w.t, err)
	pid, err := strconv.Atoi(strings.SplitN(string(raw), "\n", 2)[0])
	require.NoError(w.t, err)
	return pid
}

// rounds is how many failovers the longest test makes: HAVEN_FAILOVER_ROUNDS, or three.
func rounds(t *testing.T) int {
	text := os.Getenv("HAVEN_FAILOVER_ROUNDS")
	if text == "" {
		return 3
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

func TestAKilledWriterIsReplacedAndNothingAcknowledgedIsLost(t *testing.T) {
	w := newWorld(t, 3)
	w.await("three members", w.whole)
	load := w.startLoad(4)
	for round := range rounds(t) {
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
		writer := w.await("a whole cluster", w.whole).Writer
		load.resetGap()
		killed := time.Now()
		require.NoError(t, syscall.Kill(w.postmaster(writer), syscall.SIGKILL))
		o := w.await("another writer", func(o postgres.Observation) bool { return o.Writer != "" && o.Writer != writer })
		promoted := time.Since(killed)
		before := load.count()
		require.Eventually(t, func() bool { return load.count() > before }, 30*time.Second, time.Millisecond)
		require.Less(t, promoted, 30*time.Second)
		w.await("the old writer back as a reader", w.whole)
		t.Logf("round %d: %s → %s, promoted after %v, longest gap between acknowledgements %v, whole again after %v",
			round, writer, o.Writer, promoted.Round(time.Millisecond), load.longestGap().Round(time.Millisecond), time.Since(killed).Round(time.Millisecond))
	}
	load.end()
	o := w.await("a whole cluster", w.whole)
	require.Greater(t, load.count(), 100)
	require.Empty(t, load.splitBrain())
	t.Logf("%d rows were acknowledged", load.count())
	for _, m := range o.Members {
		require.Eventually(t, func() bool { return len(load.lost(t, m.ID)) == 0 }, 20*time.Second, 100*time.Millisecond, "lost on %s", m.ID)
	}
}

func TestAHungWriterIsReplaced(t *testing.T) {
	w := newWorld(t, 2)
	w.await("two members", w.whole)
	load := w.startLoad(2)
	time.Sleep(500 * time.Millisecond)
	began := time.Now()
	require.NoError(t, syscall.Kill(w.postmaster("db-A"), syscall.SIGSTOP))
	w.await("another writer", func(o postgres.Observation) bool { return o.Writer == "db-B" })
	t.Logf("replaced after %v", time.Since(began).Round(time.Millisecond))
	w.await("both members", w.whole)
	load.end()
	require.Empty(t, load.lost(t, "db-B"))
	require.Empty(t, load.splitBrain())
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
		killAll(t, filepath.Join(w.dir, "pg", w.spec.ID, m.ID, "data"))
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
