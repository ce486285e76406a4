// Package database reaches the cluster through two pools: one that only ever holds connections to the member that
// accepts writes, one that prefers standbys. Every connect resolves names afresh, verifies the server's certificate and
// takes the current credentials, so a failover or a rotation costs a retry and no restart.
package database

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sys/unix"

	"haven/app/internal/secret"
	"haven/app/internal/settings"
	"haven/app/limits"
)

// Time limits of one connection. A dead peer is noticed by whichever comes first.
const (
	connectTimeout   = limits.Connect // for each host that is tried
	statementTimeout = limits.Statement
	silentPeer       = 5 * time.Second // unacknowledged data, then the connection is dead
	lifetime         = 2 * time.Minute // so that connections come back to standbys and follow changed names
	poolSize         = 10
)

// Cluster is the application's way to the database. It is safe for concurrent use.
type Cluster struct {
	writers *pgxpool.Pool
	readers *pgxpool.Pool
	keeper  *secret.Keeper
	log     *slog.Logger
}

// Open prepares both pools; it does not connect yet, so it works while the database is away.
func Open(ctx context.Context, s settings.Database, keeper *secret.Keeper, log *slog.Logger) (*Cluster, error) {
	writers, err := open(ctx, s, keeper, s.Writers, "read-write")
	if err != nil {
		return nil, fmt.Errorf("preparing the writer's pool: %w", err)
	}
	readers, err := open(ctx, s, keeper, s.Readers, "prefer-standby")
	if err != nil {
		writers.Close()
		return nil, fmt.Errorf("preparing the readers' pool: %w", err)
	}
	return &Cluster{writers: writers, readers: readers, keeper: keeper, log: log}, nil
}

// Close closes every connection; it waits for those in use.
func (c *Cluster) Close() {
	c.readers.Close()
	c.writers.Close()
}

// Pools returns the pools by name, for metrics.
func (c *Cluster) Pools() map[string]*pgxpool.Pool {
	return map[string]*pgxpool.Pool{"writer": c.writers, "reader": c.readers}
}

func open(ctx context.Context, s settings.Database, keeper *secret.Keeper, hosts []string, attributes string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(connectionString(s, hosts, attributes))
	if err != nil {
		return nil, err
	}
	config.MaxConns = poolSize
	config.MaxConnLifetime, config.MaxConnLifetimeJitter = lifetime, lifetime/4
	config.MaxConnIdleTime = lifetime / 2
	config.HealthCheckPeriod = 5 * time.Second
	config.PingTimeout = connectTimeout
	config.ConnConfig.ConnectTimeout = connectTimeout
	config.ConnConfig.DialFunc = dialer().DialContext
	config.ConnConfig.OnPgError = func(_ *pgconn.PgConn, err *pgconn.PgError) bool { return keepAfter(err, keeper) }
	config.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) error {
		credentials, err := keeper.Credentials(ctx)
		c.User, c.Password = credentials.Username, credentials.Password
		return err
	}
	if attributes == "read-write" {
		config.PrepareConn = func(_ context.Context, conn *pgx.Conn) (bool, error) { return !demoted(conn), nil }
	}
	return pgxpool.NewWithConfig(ctx, config)
}

// demoted tells from what the server reported by itself whether it stopped accepting writes.
func demoted(conn *pgx.Conn) bool {
	return conn.PgConn().ParameterStatus("in_hot_standby") == "on" ||
		conn.PgConn().ParameterStatus("default_transaction_read_only") == "on"
}

// keepAfter tells whether a connection may be used again after an error of the server.
func keepAfter(err *pgconn.PgError, keeper *secret.Keeper) bool {
	switch err.Code {
	case codeInvalidPassword, codeInvalidAuthorization:
		keeper.Refused()
		return false
	case codeReadOnly: // a writer that was demoted
		return false
	}
	return !strings.EqualFold(err.Severity, "FATAL")
}

func connectionString(s settings.Database, hosts []string, attributes string) string {
	var names, ports []string
	for _, item := range hosts {
		host, port, _ := net.SplitHostPort(item) // checked when the settings were loaded
		names, ports = append(names, host), append(ports, port)
	}
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	return fmt.Sprintf("host='%s' port='%s' dbname='%s' sslmode=verify-full sslrootcert='%s' target_session_attrs=%s "+
		"application_name=haven-app statement_timeout=%d idle_in_transaction_session_timeout=%d",
		strings.Join(names, ","), strings.Join(ports, ","), quote.Replace(s.Name), quote.Replace(s.CAFile), attributes,
		statementTimeout.Milliseconds(), 2*statementTimeout.Milliseconds())
}

func dialer() *net.Dialer {
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 2 * time.Second, Interval: time.Second, Count: 3},
		Control: func(_, _ string, raw syscall.RawConn) error {
			var failed error
			err := raw.Control(func(fd uintptr) {
				failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silentPeer.Milliseconds()))
			})
			if err != nil {
				return err
			}
			return failed
		},
	}
}
