package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Measurement is what a member has done so far, as measured at a moment. What only grows counts from the server's
// start; it falls when the server has been started anew.
type Measurement struct {
	Cluster, Member string
	Writer          bool
	At              time.Time
	Uptime          time.Duration

	Processor time.Duration // time that its processes have used
	Memory    int64         // bytes of its processes, shared ones once
	Received  int64         // bytes over its network interface
	Sent      int64

	Connections   int   // of clients, now
	Commits       int64 // transactions
	Rollbacks     int64
	Deadlocks     int64
	BlocksRead    int64 // 8 KiB blocks that were not in the server's memory
	BlocksHit     int64 // and those that were
	LogBytes      int64 // written to its log; of a writer
	OldestAge     int64 // transactions since the oldest that is not frozen, in the worst database
	CommitLatency time.Duration
	Lag           time.Duration // of a reader's replay
	Storage       Storage
	DataBytes     int64 // of all databases
}

const measureWithin = 3 * time.Second

// Measure measures every member that serves, within a few seconds. One that does not answer is left out.
func (m *Manager) Measure(ctx context.Context) []Measurement {
	m.mu.Lock()
	all := make([]*cluster, 0, len(m.clusters))
	for _, c := range m.clusters {
		all = append(all, c)
	}
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, measureWithin)
	defer cancel()
	var (
		mu    sync.Mutex
		wait  sync.WaitGroup
		found []Measurement
	)
	for _, c := range all {
		for _, seen := range c.observation().Members {
			member := c.member(seen.ID)
			if member == nil || seen.Phase != PhaseAvailable {
				continue
			}
			wait.Go(func() {
				measured, err := member.measure(ctx, seen)
				if err != nil {
					c.log.Debug("measuring a member", "member", member.spec().Name, "error", err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				found = append(found, measured)
			})
		}
	}
	wait.Wait()
	return found
}

func (m *member) measure(ctx context.Context, seen MemberObservation) (Measurement, error) {
	out := Measurement{Cluster: m.cluster.spec().ID, Member: seen.ID, Writer: seen.Writer, At: time.Now(), Lag: seen.Lag, Storage: seen.Storage}
	process := m.running()
	if process == nil {
		return out, fmt.Errorf("%s does not run", m.spec().Name)
	}
	pids, err := processesIn(m.data())
	if err != nil {
		return out, err
	}
	postmaster := process.PID()
	out.Processor, out.Memory = processorTime(pids, postmaster), proportionalMemory(pids)
	out.Received, out.Sent = networkBytes(postmaster)
	session, err := m.connect(ctx)
	if err != nil {
		return out, err
	}
	defer session.Close(context.WithoutCancel(ctx))
	if err := out.count(ctx, session); err != nil {
		return out, err
	}
	if seen.Writer {
		out.CommitLatency, err = timeCommit(ctx, session)
	}
	return out, err
}

// count asks the server for its own counters.
func (m *Measurement) count(ctx context.Context, session *pgx.Conn) error {
	var uptime float64
	err := session.QueryRow(ctx, `SELECT extract(epoch FROM now() - pg_postmaster_start_time())::float8,
	  (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename <> $1),
	  sum(xact_commit)::bigint, sum(xact_rollback)::bigint, sum(deadlocks)::bigint, sum(blks_read)::bigint, sum(blks_hit)::bigint,
	  (SELECT wal_bytes::bigint FROM pg_stat_wal), (SELECT max(age(datfrozenxid))::bigint FROM pg_database),
	  (SELECT sum(pg_database_size(oid))::bigint FROM pg_database)
	  FROM pg_stat_database`, adminRole).Scan(&uptime, &m.Connections, &m.Commits, &m.Rollbacks, &m.Deadlocks, &m.BlocksRead, &m.BlocksHit,
		&m.LogBytes, &m.OldestAge, &m.DataBytes)
	if err != nil {
		return fmt.Errorf("reading a server's counters: %w", err)
	}
	m.Uptime = time.Duration(uptime * float64(time.Second))
	return nil
}

// timeCommit makes one small transaction and measures its commit, with what it waits for: the disk, and a reader.
func timeCommit(ctx context.Context, session *pgx.Conn) (time.Duration, error) {
	tx, err := session.Begin(ctx)
	if err != nil {
		return 0, fmt.Errorf("timing a commit: %w", err)
	}
	if _, err := tx.Exec(ctx, "SET LOCAL synchronous_commit = on; SELECT pg_logical_emit_message(true, 'lab', 'commit latency')"); err != nil {
		return 0, fmt.Errorf("timing a commit: %w", err)
	}
	began := time.Now()
	if err := tx.Commit(ctx); err != nil {
		return 0, fmt.Errorf("timing a commit: %w", err)
	}
	return time.Since(began), nil
}
