package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// load appends numbered rows to whoever accepts them, as the application would, and remembers what was acknowledged.
type load struct {
	w    *world
	stop context.CancelFunc
	done sync.WaitGroup

	mu    sync.Mutex
	acked map[string]ack
	last  time.Time     // of an acknowledgement
	gap   time.Duration // the longest between two
}

type ack struct {
	server string // the member that acknowledged and its timeline: one reign
	at     time.Time
}

func (w *world) startLoad(clients int) *load {
	ctx, stop := context.WithCancel(context.Background())
	l := &load{w: w, stop: stop, acked: map[string]ack{}, last: time.Now()}
	require.NoError(w.t, w.query(w.observe().Writer, "CREATE TABLE IF NOT EXISTS ledger (id text PRIMARY KEY, at timestamptz DEFAULT now())"))
	for i := range clients {
		l.done.Go(func() { l.client(ctx, i) })
	}
	w.t.Cleanup(l.end)
	return l
}

func (l *load) end() {
	l.stop()
	l.done.Wait()
}

func (l *load) client(ctx context.Context, number int) {
	var conn *pgx.Conn
	var server string
	for n := 0; ctx.Err() == nil; n++ {
		if conn == nil {
			if conn, server = l.connect(ctx); conn == nil {
				time.Sleep(20 * time.Millisecond)
				continue
			}
		}
		id := fmt.Sprintf("%d-%d", number, n)
		attempt, cancel := context.WithTimeout(ctx, 3*time.Second)
		_, err := conn.Exec(attempt, "INSERT INTO ledger (id) VALUES ($1)", id)
		cancel()
		if err != nil { // unknown: it may or may not be there
			_ = conn.PgConn().Conn().Close()
			conn = nil
			continue
		}
		l.acknowledge(id, server)
	}
	if conn != nil {
		_ = conn.PgConn().Conn().Close()
	}
}

func (l *load) acknowledge(id, server string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.gap = max(l.gap, now.Sub(l.last))
	l.last = now
	l.acked[id] = ack{server: server, at: now}
}

// connect finds the member that accepts writes, as target_session_attrs=read-write does.
func (l *load) connect(ctx context.Context) (*pgx.Conn, string) {
	for _, i := range rand.Perm(len(l.w.spec.Members)) {
		member := l.w.spec.Members[i].ID
		attempt, cancel := context.WithTimeout(ctx, time.Second)
		conn, err := l.w.connect(attempt, member, true)
		if err == nil {
			var reads, timeline string
			err = conn.QueryRow(attempt, `SELECT current_setting('transaction_read_only'),
			  CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END`).Scan(&reads, &timeline)
			if err == nil && reads == "off" && timeline != "" {
				cancel()
				return conn, member + "/" + timeline
			}
			_ = conn.PgConn().Conn().Close()
		}
		cancel()
	}
	return nil, ""
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

func (l *load) resetGap() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gap, l.last = 0, time.Now()
}

func (l *load) longestGap() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gap
}

// lost returns acknowledged rows that a member does not have.
func (l *load) lost(t *testing.T, member string) (lost []string) {
	t.Helper()
	ctx := context.Background()
	conn, err := l.w.connect(ctx, member, true)
	require.NoError(t, err)
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT id FROM ledger")
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	have := map[string]bool{}
	for _, id := range ids {
		have[id] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.acked {
		if !have[id] {
			lost = append(lost, id)
		}
	}
	return lost
}

// splitBrain returns a row that a member acknowledged although a later writer had already acknowledged another: two
// writers at once, or one that came back.
func (l *load) splitBrain() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	type span struct{ first, last time.Time }
	reigns := map[string]span{}
	for _, a := range l.acked {
		s, ok := reigns[a.server]
		if !ok || a.at.Before(s.first) {
			s.first = a.at
		}
		if a.at.After(s.last) {
			s.last = a.at
		}
		reigns[a.server] = s
	}
	for one, a := range reigns {
		for two, b := range reigns {
			if one < two && a.first.Before(b.last) && b.first.Before(a.last) {
				return fmt.Sprintf("%s wrote from %v to %v, %s from %v to %v", one, a.first, a.last, two, b.first, b.last)
			}
		}
	}
	return ""
}

func TestTheSplitBrainCheckerSeesTwoWriters(t *testing.T) {
	now := time.Now()
	at := func(server string, seconds int) ack {
		return ack{server: server, at: now.Add(time.Duration(seconds) * time.Second)}
	}
	require.Empty(t, (&load{acked: map[string]ack{"1": at("a", 1), "2": at("a", 2), "3": at("b", 3), "4": at("b", 4)}}).splitBrain())
	require.NotEmpty(t, (&load{acked: map[string]ack{"1": at("a", 1), "2": at("b", 2), "3": at("a", 3), "4": at("b", 4)}}).splitBrain())
}
