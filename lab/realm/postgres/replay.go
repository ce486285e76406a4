package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// notNow is the SQLSTATE of what a server refuses while it is being promoted.
const notNow = "55000"

// holdReplay pauses the replay of a reader that was just seen, or resumes it, as is declared. A start forgets it, and so does a
// promotion, which applies all that was received first:
// https://www.postgresql.org/docs/15/functions-admin.html#FUNCTIONS-RECOVERY-CONTROL
func (m *member) holdReplay(ctx context.Context, seen *sight) error {
	call, wanted := "pg_wal_replay_pause", m.spec().ReplayPaused
	switch {
	case !wanted && !m.held, wanted && seen.paused:
		return nil
	case !wanted:
		call = "pg_wal_replay_resume"
	}
	m.held = true // from before it is until after it was
	_, err := m.session.Exec(ctx, "SELECT "+call+"()")
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == notNow {
		return nil // the next look does it
	}
	if err != nil {
		return fmt.Errorf("pausing the replay of %s, or resuming it: %w", m.spec().Name, err)
	}
	m.held, seen.paused = wanted, seen.paused && wanted
	return nil
}
