package database

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"haven/app/limits"
)

// Error codes of PostgreSQL that this package acts on: https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	codeReadOnly             = "25006"
	codeInvalidPassword      = "28P01"
	codeInvalidAuthorization = "28000"
	codeUniqueViolation      = "23505"
	codeUndefinedTable       = "42P01"
)

// transientCodes are the errors after which the same statement may succeed on a fresh connection.
var transientCodes = map[string]bool{
	codeReadOnly: true, codeInvalidPassword: true, codeInvalidAuthorization: true,
	codeUniqueViolation: true,                // two appends with one key met: the second then finds the first's entry
	"40001":             true, "40P01": true, // serialization failure, deadlock
	"53300": true, "57P01": true, "57P02": true, "57P03": true, // too many connections, shutdown, crash, starting up
	"57014": true, // a statement that timed out: every statement here may be repeated
	"08000": true, "08003": true, "08006": true, "08001": true, "08004": true,
}

// ErrUnknown marks an error of a write which may or may not have been committed.
var ErrUnknown = errors.New("the outcome is unknown")

// retry runs f on connections of the pool until it succeeds, fails for good, or the context ends. Every f must be safe
// to repeat. The error wraps ErrUnknown when any attempt may have taken effect.
func (c *Cluster) retry(ctx context.Context, pool *pgxpool.Pool, f func(context.Context, *pgxpool.Conn) error) error {
	pause := 25 * time.Millisecond
	unknown := false
	for {
		sent, err := c.attempt(ctx, pool, f)
		if err == nil {
			return nil
		}
		unknown = unknown || (sent && mayHaveCommitted(err))
		if !transient(err) || ctx.Err() != nil || !sleep(ctx, pause) {
			if unknown {
				return errors.Join(ErrUnknown, err)
			}
			return err
		}
		c.log.WarnContext(ctx, "trying the database again", "error", err, "after", pause)
		Retries.Inc()
		pause = min(2*pause, limits.Pause)
	}
}

// attempt tells whether f was reached at all.
func (c *Cluster) attempt(ctx context.Context, pool *pgxpool.Pool, f func(context.Context, *pgxpool.Conn) error) (sent bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout+connectTimeout)
	defer cancel()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return false, errors.Join(err, c.keeper.Problem()) // without credentials the pool only says that it took too long
	}
	defer conn.Release()
	err = f(ctx, conn)
	if code(err) == codeReadOnly {
		pool.Reset() // the others lead to the same member
	}
	return true, err
}

// mayHaveCommitted tells whether the server could have committed although the client saw an error: it could not
// when it answered with an error of the statement, or when nothing was sent.
func mayHaveCommitted(err error) bool {
	if pgconn.SafeToRetry(err) {
		return false
	}
	c := code(err)
	return c == "" || c[:2] == "57" || c[:2] == "08"
}

func transient(err error) bool {
	if c := code(err); c != "" {
		return transientCodes[c]
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return pgconn.SafeToRetry(err) || errors.As(err, &connect) || errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded)
}

func code(err error) string {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return server.Code
	}
	return ""
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
