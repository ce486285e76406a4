package database_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/app/internal/database"
	"haven/app/internal/pgtest"
	"haven/app/internal/secret"
	"haven/app/internal/settings"
)

func open(t *testing.T, secretFile, ca string, hosts ...string) *database.Cluster {
	t.Helper()
	c, err := database.Open(t.Context(), settings.Database{Writers: hosts, Readers: hosts, Name: "haven", CAFile: ca},
		secret.NewKeeper(secret.File(secretFile)), slog.New(slog.NewTextHandler(io.Discard, nil)))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func add(ctx context.Context, c *database.Cluster, key, body string) (database.Entry, bool, error) {
	return c.Append(ctx, database.Append{Tenant: "acme", Key: key, Body: []byte(body), Instance: "i-1"})
}

func TestTheLedger(t *testing.T) {
	s := pgtest.Start(t)
	c := open(t, pgtest.Secret(t, pgtest.Password), s.CA, s.Address())
	ctx := within(t, 30*time.Second)
	var servers sync.WaitGroup
	for range 4 { // servers that start together
		servers.Go(func() { require.NoError(t, c.Prepare(ctx)) })
	}
	servers.Wait()

	t.Run("appends in order", func(t *testing.T) {
		for i := int64(1); i <= 3; i++ {
			e, repeated, err := add(ctx, c, fmt.Sprint("k", i), fmt.Sprintf(`{"n": %d}`, i))
			require.NoError(t, err)
			require.False(t, repeated)
			require.Equal(t, i, e.Sequence)
		}
		page, err := c.List(ctx, "acme", 1, 10, true)
		require.NoError(t, err)
		require.Equal(t, "writer", page.Role)
		require.Len(t, page.Entries, 2)
		require.JSONEq(t, `{"n": 2}`, string(page.Entries[0].Body))
	})
	t.Run("does not double a repeated key", func(t *testing.T) {
		e, repeated, err := add(ctx, c, "k2", `{"n": 2}`)
		require.NoError(t, err)
		require.True(t, repeated)
		require.EqualValues(t, 2, e.Sequence)
		_, _, err = add(ctx, c, "k2", `{"n": 22}`)
		require.ErrorIs(t, err, database.ErrKeyReused)
	})
	t.Run("has no gaps and no doubles under concurrency", func(t *testing.T) {
		var group sync.WaitGroup
		for i := range 40 {
			group.Go(func() {
				_, _, err := add(ctx, c, fmt.Sprint("same", i%20), `"x"`) // each key twice
				require.NoError(t, err)
			})
		}
		group.Wait()
		page, err := c.List(ctx, "acme", 0, 100, true)
		require.NoError(t, err)
		require.Len(t, page.Entries, 23)
		for i, e := range page.Entries {
			require.EqualValues(t, i+1, e.Sequence)
		}
	})
	t.Run("can't be changed", func(t *testing.T) {
		require.Contains(t, s.SQL("haven", "DO $$ BEGIN DELETE FROM haven_ledger; EXCEPTION WHEN raise_exception THEN RAISE WARNING '%', SQLERRM; END $$"), "append-only")
	})
	t.Run("checks", func(t *testing.T) {
		require.NoError(t, c.CheckReader(ctx))
		require.NoError(t, c.CheckWriter(ctx, "i-1"))
	})
	t.Run("notices when writes are refused, and when they are accepted again", func(t *testing.T) {
		s.SQL("haven", "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
		require.Eventually(t, func() bool { return c.CheckWriter(within(t, time.Second), "i-1") != nil }, 10*time.Second, 20*time.Millisecond)
		require.NoError(t, c.CheckReader(ctx))
		s.SQL("haven", "SET default_transaction_read_only = off", "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
		_, _, err := add(ctx, c, "again", `1`)
		require.NoError(t, err)
	})
}

func TestAFailoverLosesNothingAcknowledged(t *testing.T) {
	primary := pgtest.Start(t)
	primary.SQL("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'")
	standby := primary.Standby()
	primary.SQL("postgres", "SELECT pg_reload_conf()")
	c := open(t, pgtest.Secret(t, pgtest.Password), primary.CA, primary.Address(), standby.Address())
	ctx := within(t, 60*time.Second)
	require.NoError(t, c.Prepare(ctx))
	require.Eventually(t, func() bool {
		page, err := c.List(ctx, "acme", 0, 1, false)
		return err == nil && page.Role == "reader"
	}, 30*time.Second, 10*time.Millisecond, "a standby must be preferred, once it answers in its time")

	stop := make(chan struct{})
	acknowledged := map[string]int64{}
	var client sync.WaitGroup
	client.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if e, _, err := add(ctx, c, fmt.Sprint("k", i), `"x"`); err == nil {
				acknowledged[e.ID] = e.Sequence
			}
		}
	})
	time.Sleep(300 * time.Millisecond)
	primary.Kill()
	time.Sleep(300 * time.Millisecond)
	standby.SQL("postgres", "ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")
	standby.Promote()
	time.Sleep(time.Second)
	close(stop)
	client.Wait()

	require.Greater(t, len(acknowledged), 10)
	_, _, err := add(ctx, c, "after", `"x"`)
	require.NoError(t, err, "the promoted standby must be found")
	found := map[string]int64{}
	for after := int64(0); ; {
		page, err := c.List(ctx, "acme", after, 1000, true)
		require.NoError(t, err)
		if len(page.Entries) == 0 {
			break
		}
		for _, e := range page.Entries {
			found[e.ID], after = e.Sequence, e.Sequence
		}
	}
	for id, sequence := range acknowledged {
		require.Equal(t, sequence, found[id], "acknowledged entry lost")
	}
}

func TestARotatedPasswordIsFetchedAgain(t *testing.T) {
	s := pgtest.Start(t)
	file := pgtest.Secret(t, "stale")
	c := open(t, file, s.CA, s.Address())
	require.Error(t, c.CheckReader(within(t, 5*time.Second)), "a wrong password must not pass")
	fresh, err := os.ReadFile(pgtest.Secret(t, pgtest.Password))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, fresh, 0o600))
	require.NoError(t, c.Prepare(within(t, 20*time.Second)))
}

func TestAnUnverifiedServerIsRefused(t *testing.T) {
	s, other := pgtest.Start(t), pgtest.Start(t)
	c := open(t, pgtest.Secret(t, pgtest.Password), other.CA, s.Address())
	require.ErrorContains(t, c.CheckReader(within(t, 5*time.Second)), "certificate")
	c = open(t, pgtest.Secret(t, pgtest.Password), s.CA, fmt.Sprintf("127.0.0.1:%d", s.Port))
	require.ErrorContains(t, c.CheckReader(within(t, 5*time.Second)), "certificate", "the name must match too")
}

func TestADatabaseThatIsAwayIsAnErrorInTime(t *testing.T) {
	s := pgtest.Start(t)
	s.Kill()
	c := open(t, pgtest.Secret(t, pgtest.Password), s.CA, s.Address())
	ctx := within(t, 500*time.Millisecond)
	_, _, err := add(ctx, c, "k", `1`)
	require.Error(t, err)
	require.NotErrorIs(t, err, database.ErrUnknown, "nothing was sent")
}
