package postgres_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/postgres"
)

// rounds is how many writers the test takes: HAVEN_FAILOVER_ROUNDS, or three; HAVEN_FAILOVER_FAULTS says by what, in
// turn: kill, hang, blackhole.
func rounds(t *testing.T) (n int, faults []string) {
	n, faults = 3, []string{"kill", "hang", "blackhole"}
	if text := os.Getenv("HAVEN_FAILOVER_ROUNDS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	if text := os.Getenv("HAVEN_FAILOVER_FAULTS"); text != "" {
		faults = strings.Split(text, ",")
	}
	return n, faults
}

// strike takes the writer away; heal brings back what does not come back by itself.
func (w *world) strike(fault, writer string) (heal func()) {
	w.t.Helper()
	switch fault {
	case "kill":
		require.NoError(w.t, syscall.Kill(w.postmaster(writer), syscall.SIGKILL))
		return func() {}
	case "hang":
		// Every process stops, and goes on at some moment before, while or after it is fenced.
		pids := w.processes(writer)
		signalAll(pids, syscall.SIGSTOP)
		// One that woke in time to be spared hangs again.
		awake := time.AfterFunc(2*time.Second+time.Duration(rand.IntN(2000))*time.Millisecond, func() {
			signalAll(pids, syscall.SIGCONT)
			time.Sleep(200 * time.Millisecond)
			signalAll(w.stillThere(writer, pids), syscall.SIGSTOP)
		})
		return func() { awake.Stop(); signalAll(w.stillThere(writer, pids), syscall.SIGCONT) }
	case "blackhole":
		w.blackHole(writer, true)
		return func() { w.blackHole(writer, false) }
	}
	w.t.Fatalf("there is no fault %q: kill, hang, blackhole", fault)
	return nil
}

// stillThere returns those of the processes that are still a member's: others may have got their numbers.
func (w *world) stillThere(member string, pids []int) (left []int) {
	for _, pid := range pids {
		cwd, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
		if err == nil && cwd == filepath.Join(w.dir, "pg", w.spec.ID, member, "store", "data") {
			left = append(left, pid)
		}
	}
	return left
}

func signalAll(pids []int, signal syscall.Signal) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, signal) // it may have been killed meanwhile
	}
}

// TestALostWriterIsReplacedAndNothingAcknowledgedIsLost takes the writer away at random moments while clients write,
// and judges by what the clients saw.
func TestALostWriterIsReplacedAndNothingAcknowledgedIsLost(t *testing.T) {
	w := newWorld(t, 3)
	w.await("three members", w.whole)
	load := w.startLoad(4)
	count, faults := rounds(t)
	gaps := map[string][]time.Duration{}
	for round := range count {
		fault := faults[round%len(faults)]
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
		writer := w.await("a whole cluster", w.whole).Writer
		pooled, err := w.connect(t.Context(), writer, true) // as a pool would keep it
		require.NoError(t, err)
		load.resetGap()
		struck := time.Now()
		heal := w.strike(fault, writer)
		o := w.await("another writer", func(o postgres.Observation) bool { return o.Writer != "" && o.Writer != writer })
		promoted := time.Since(struck)
		before := load.count()
		require.Eventually(t, func() bool { return load.count() > before }, 30*time.Second, time.Millisecond)
		heal()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err = pooled.Exec(ctx, "INSERT INTO ledger (id) VALUES ($1)", "pooled-"+strconv.Itoa(round))
		cancel()
		require.Error(t, err, "the old writer still accepts over a connection that it had")
		_ = pooled.PgConn().Conn().Close()
		w.await("the old writer back as a reader", w.whole)
		gap := load.longestGap()
		gaps[fault] = append(gaps[fault], gap)
		t.Logf("round %d, %s: %s → %s, promoted after %v, longest gap between acknowledgements %v, whole again after %v",
			round, fault, writer, o.Writer, promoted.Round(time.Millisecond), gap.Round(time.Millisecond), time.Since(struck).Round(time.Millisecond))
		require.Less(t, gap, 30*time.Second)
	}
	load.end()
	w.judge(load)
	report(t, gaps)
}

// judge checks the clients' history against what every member has.
func (w *world) judge(l *load) {
	w.t.Helper()
	o := w.await("a whole cluster", w.whole)
	require.Greater(w.t, l.count(), 100)
	require.Empty(w.t, l.splitBrain())
	for _, m := range o.Members {
		require.Eventually(w.t, func() bool { return len(l.lost(w.t, m.ID)) == 0 }, 20*time.Second, 100*time.Millisecond, "lost on %s", m.ID)
	}
	w.t.Logf("%d rows were acknowledged: lost 0, split-brain 0", l.count())
}

func report(t *testing.T, gaps map[string][]time.Duration) {
	for fault, all := range gaps {
		slices.Sort(all)
		t.Logf("%s, %d rounds: the clients' longest gap was min %v, median %v, max %v", fault, len(all),
			all[0].Round(time.Millisecond), all[len(all)/2].Round(time.Millisecond), all[len(all)-1].Round(time.Millisecond))
	}
}
