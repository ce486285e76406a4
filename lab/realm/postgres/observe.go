package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// look observes the member. It runs beside those of the other members, never twice at a time.
func (m *member) look(timeout time.Duration) {
	if m.running() == nil || m.isBusy() != "" {
		m.closeSession()
		m.seen, m.failing, m.starting, m.answered = sight{}, time.Time{}, time.Time{}, false
		return
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	seen, err := m.ask(ctx)
	var refused *pgconn.PgError
	switch {
	case err == nil:
		if !m.answered {
			m.succeeded()
		}
		m.failing, m.starting, m.answered = time.Time{}, time.Time{}, true
	case errors.As(err, &refused) && refused.Code == cannotConnectNow: // it starts, stops or recovers
		m.failing = time.Time{}
		if m.starting.IsZero() {
			m.starting = time.Now()
		}
	case m.failing.IsZero():
		m.failing = began
	}
	if err != nil {
		m.closeSession()
	}
	if err != nil && m.starting.IsZero() && m.seen.answers && time.Since(m.failing) < m.cluster.manager.options.HangAfter {
		return // one lost probe changes nothing yet: what was seen stays
	}
	seen.lsnSince = time.Now()
	if seen.lsn == m.seen.lsn {
		seen.lsnSince = m.seen.lsnSince
	}
	seen.settled = seen.settled || seen.recovery && time.Since(seen.lsnSince) > 3*time.Second
	m.seen = seen
}

const cannotConnectNow = "57P03" // SQLSTATE

const lookQuery = `SELECT pg_is_in_recovery(), pg_last_wal_receive_lsn() IS NOT NULL,
  CASE WHEN pg_is_in_recovery()
    THEN greatest(coalesce(pg_last_wal_receive_lsn(), '0/0'), coalesce(pg_last_wal_replay_lsn(), '0/0'))
    ELSE pg_current_wal_flush_lsn() END - '0/0'::pg_lsn,
  current_setting('synchronous_standby_names'), EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'),
  CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() = 'paused' ELSE false END`

// ask asks the server for its role and position. Every second it does so over a new connection, since those
// that exist work on when the postmaster is stopped.
func (m *member) ask(ctx context.Context) (sight, error) {
	if m.session == nil || time.Since(m.probedAt) > time.Second {
		session, err := m.connect(ctx)
		var refused *pgconn.PgError
		switch {
		case err == nil:
			m.closeSession()
			m.session, m.probedAt = session, time.Now()
		case m.session != nil && errors.As(err, &refused) && refused.Code != cannotConnectNow:
			m.probedAt = time.Now() // it answers, and has no room for another session: the one that there is will do
		default:
			return sight{}, err
		}
	}
	var seen sight
	var received bool
	var names string
	if err := m.session.QueryRow(ctx, lookQuery).Scan(&seen.recovery, &received, &seen.lsn, &names, &seen.receiving, &seen.paused); err != nil {
		return sight{}, err
	}
	seen.answers, seen.settled = true, received
	if seen.recovery {
		if err := m.holdReplay(ctx, &seen); err != nil {
			return sight{}, err
		}
		return seen, m.askPending(ctx)
	}
	seen.syncNames = parseSyncNames(names)
	slices.Sort(seen.syncNames)
	var err error
	if seen.streams, err = m.askStreams(ctx); err != nil {
		return sight{}, err
	}
	return seen, m.askPending(ctx)
}

func (m *member) askStreams(ctx context.Context) (map[string]stream, error) {
	rows, err := m.session.Query(ctx, `SELECT application_name, flush_lsn - '0/0'::pg_lsn,
	  coalesce(extract(epoch FROM replay_lag), 0)::float8
	  FROM pg_stat_replication WHERE state = 'streaming' AND flush_lsn IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	streams := map[string]stream{}
	var name string
	var flushed uint64
	var lag float64
	_, err = pgx.ForEachRow(rows, []any{&name, &flushed, &lag}, func() error {
		streams[name] = stream{flushed: flushed, lag: time.Duration(lag * float64(time.Second))}
		return nil
	})
	return streams, err
}

// askPending asks now and then whether a setting waits for a restart.
func (m *member) askPending(ctx context.Context) error {
	if time.Since(m.pendedAt) < 3*time.Second {
		return nil
	}
	m.pendedAt = time.Now()
	return m.session.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_settings WHERE pending_restart)`).Scan(&m.pending)
}

// connect opens an administrator's session over the member's socket.
func (m *member) connect(ctx context.Context) (*pgx.Conn, error) {
	return m.connectTo(ctx, "postgres")
}

func (m *member) connectTo(ctx context.Context, database string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d user=%s dbname=%s sslmode=disable application_name=lab",
		m.sockets(), m.cluster.spec().Port, adminRole, database))
	if err != nil {
		return nil, fmt.Errorf("addressing the server of %s: %w", m.spec().Name, err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	// The administrator's own sessions wait for no reader: they must work while commits are held up.
	config.RuntimeParams["synchronous_commit"] = "local"
	return pgx.ConnectConfig(ctx, config)
}

func (m *member) closeSession() {
	if m.session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_ = m.session.Close(ctx)
	m.session = nil
}

func (m *member) isBusy() verb {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.busy
}

// unresponsive tells whether the member runs but has not answered, or not finished starting, for too long.
func (m *member) unresponsive() bool {
	m.mu.Lock()
	started := m.startedAt
	m.mu.Unlock()
	options := m.cluster.manager.options
	switch {
	case m.running() == nil || m.isBusy() != "":
		return false
	case !m.answered:
		return time.Since(started) > options.StartWithin
	case !m.starting.IsZero():
		return time.Since(m.starting) > options.StartWithin
	}
	return !m.failing.IsZero() && time.Since(m.failing) >= options.HangAfter
}
