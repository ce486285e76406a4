package postgres_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/postgres"
)

// processes returns every process of a member's server.
func (w *world) processes(member string) (pids []int) {
	w.t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(w.t, err)
	for _, entry := range entries {
		cwd, err := os.Readlink(filepath.Join("/proc", entry.Name(), "cwd"))
		if pid, notPID := strconv.Atoi(entry.Name()); err == nil && notPID == nil && cwd == filepath.Join(w.dir, "pg", w.spec.ID, member, "store", "data") {
			pids = append(pids, pid)
		}
	}
	require.NotEmpty(w.t, pids)
	return pids
}

func TestAHungMemberIsFencedAndWaitsUntilItsHostIsWell(t *testing.T) {
	w := newWorld(t, 2)
	w.await("two members", w.whole)
	load := w.startLoad(2)
	time.Sleep(300 * time.Millisecond)
	w.member("db-A").Hung = true
	w.apply()
	w.await("another writer", func(o postgres.Observation) bool { return o.Writer == "db-B" })
	require.True(t, w.told(postgres.EventCrashed, "db-A"))
	before := load.count()
	require.Eventually(t, func() bool { return load.count() > before+5 }, 30*time.Second, 10*time.Millisecond, "without a reader commits are the writer's alone")
	w.member("db-A").Hung = false
	w.apply()
	w.await("both members", w.whole)
	load.end()
	require.Empty(t, load.lost(t, "db-B"))
	require.Empty(t, load.splitBrain())
}

func TestAFullVolumeFailsStatementsAndNothingElse(t *testing.T) {
	w := newWorld(t, 2)
	w.await("two members", w.whole)
	require.NoError(t, w.query("db-A", "CREATE TABLE filler (t text); ALTER TABLE filler ALTER t SET STORAGE EXTERNAL; CREATE TABLE before (n int); INSERT INTO before VALUES (1)"))
	fill := func() error {
		return w.query("db-A", "INSERT INTO filler SELECT repeat('x', 30000) FROM generate_series(1, 1000) n")
	}
	var err error
	for range 10 {
		if err = fill(); err != nil {
			break
		}
	}
	require.ErrorContains(t, err, "No space left on device", "the volume takes so much and no more")
	full := w.await("the volume is full", func(o postgres.Observation) bool {
		m, _ := o.Member("db-A")
		return m.Storage.Low()
	})
	require.Equal(t, "db-A", full.Writer, "a full volume is no reason to fail over")
	var n int
	require.NoError(t, w.query("db-A", "SELECT n FROM before", &n))
	require.NoError(t, w.query("db-A", "UPDATE before SET n = n + 1"), "what needs no new space is written")
	require.NoError(t, w.query("db-A", "DROP TABLE filler"))
	w.await("space again", func(o postgres.Observation) bool {
		m, _ := o.Member("db-A")
		return !m.Storage.Low() && w.whole(o)
	})
	require.NoError(t, w.query("db-A", "CREATE TABLE filler (t text); ALTER TABLE filler ALTER t SET STORAGE EXTERNAL"))

	w.spec.StorageFull = true
	w.apply()
	w.await("the fault has filled the volume", func(o postgres.Observation) bool {
		m, _ := o.Member("db-A")
		return m.Storage.Full()
	})
	require.ErrorContains(t, fill(), "No space left on device")
	w.spec.StorageFull = false
	w.apply()
	require.Eventually(t, func() bool { return w.query("db-A", "INSERT INTO filler VALUES (repeat('x', 100000))") == nil }, 30*time.Second, 50*time.Millisecond)
	w.await("both members", w.whole)
	require.False(t, w.told(postgres.EventCrashed, "db-A"))
	require.False(t, w.told(postgres.EventCrashed, "db-B"))
}

func TestTheManagerGetsInWhenClientsHoldEveryConnection(t *testing.T) {
	w := newWorld(t, 2)
	for i := range w.spec.Members {
		w.spec.Members[i].Parameters = map[string]string{"max_connections": "12", "rds.force_ssl": "1"}
		w.spec.Members[i].Restart++
	}
	w.apply()
	w.await("two members with few connections", func(o postgres.Observation) bool {
		m, _ := o.Member("db-A")
		return w.whole(o) && m.RestartDone == 1 && !m.PendingRestart
	})
	var refused error
	for range 12 {
		conn, err := w.connect(t.Context(), "db-A", true)
		if err != nil {
			refused = err
			break
		}
		defer conn.Close(t.Context())
	}
	require.ErrorContains(t, refused, "remaining connection slots are reserved")
	w.spec.Failover = postgres.Order{Generation: 1}
	w.apply()
	w.await("a failover all the same", func(o postgres.Observation) bool { return o.Writer == "db-B" && w.whole(o) })
}

func TestAReaderFollowsItsWritersLimits(t *testing.T) {
	w := newWorld(t, 2)
	w.await("two members", w.whole)
	for i := range w.spec.Members {
		w.spec.Members[i].Parameters = map[string]string{"max_connections": "321", "rds.force_ssl": "1", "work_mem": "8192"}
		w.spec.Members[i].Deferred = []string{"work_mem"}
	}
	w.spec.Members[0].Restart++ // the writer alone: the reader's limit is below its own then
	w.apply()
	w.await("the writer restarted", func(o postgres.Observation) bool {
		m, _ := o.Member("db-A")
		return m.RestartDone == 1 && m.Phase == postgres.PhaseAvailable && o.Writer == "db-A"
	})
	require.NoError(t, w.query("db-A", "CREATE TABLE later (n int)"))
	require.Eventually(t, func() bool { return w.query("db-B", "SELECT FROM later") == nil }, 60*time.Second, 50*time.Millisecond, "the reader replays on")
	var value string
	require.NoError(t, w.query("db-A", "SHOW work_mem", &value))
	require.Equal(t, "8MB", value)
	w.spec.Members[0].Parameters["work_mem"] = "16384"
	w.apply()
	o := w.await("the change waits", func(o postgres.Observation) bool {
		m, _ := o.Member("db-A")
		return m.PendingRestart
	})
	require.Equal(t, "db-A", o.Writer)
	require.NoError(t, w.query("db-A", "SHOW work_mem", &value))
	require.Equal(t, "8MB", value)
}

func TestABaseBackupIsMadeAndTheLogBeforeItGoes(t *testing.T) {
	w := newWorld(t, 1)
	w.spec.KeepLog = time.Nanosecond
	w.apply()
	o := w.await("a base backup", func(o postgres.Observation) bool { return !o.Restorable.IsZero() && w.whole(o) })
	require.WithinDuration(t, time.Now(), o.Restorable, time.Minute)
	made, err := filepath.Glob(filepath.Join(w.dir, "pg", w.spec.ID, "backups", "*Z", "base.tar.gz"))
	require.NoError(t, err)
	require.Len(t, made, 1)
	require.Eventually(t, func() bool {
		left, err := filepath.Glob(filepath.Join(w.dir, "pg", w.spec.ID, "archive", "000000010000000000000001.gz"))
		return err == nil && len(left) == 0
	}, 20*time.Second, 50*time.Millisecond, "the first segment is before the backup")
	archived := func() int {
		all, err := filepath.Glob(filepath.Join(w.dir, "pg", w.spec.ID, "archive", "*.gz"))
		require.NoError(t, err)
		return len(all)
	}
	before := archived()
	require.NoError(t, w.query("db-A", "CREATE TABLE big AS SELECT repeat(md5(n::text), 20) FROM generate_series(1, 20000) n"))
	require.Eventually(t, func() bool { return archived() > before+1 }, 30*time.Second, 50*time.Millisecond, "the log goes on")
}
