package database

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrKeyReused says that an idempotency key came again with another body.
var ErrKeyReused = errors.New("the idempotency key was used for another body")

// Entry is one line of a tenant's ledger.
type Entry struct {
	Sequence  int64           `json:"sequence"` // 1, 2, 3 … without gaps, for each tenant
	ID        string          `json:"id"`
	Body      json.RawMessage `json:"body,omitempty"`
	WrittenBy string          `json:"writtenBy,omitempty"` // the instance
	WrittenAt time.Time       `json:"writtenAt"`
}

// Append is a request to add an entry.
type Append struct {
	Tenant   string
	Key      string // never empty: what makes the request safe to repeat
	Body     []byte // valid JSON
	Instance string
}

// appendSQL adds the entry, or finds the one with the same key. Both ways write to the tenant's row: a commit is
// acknowledged when everything before it is replicated, so a repeated request is too, even when the first attempt's
// acknowledgement was lost while it waited for a standby.
const appendSQL = `
WITH existing AS (
	SELECT sequence, id, digest, written_at FROM haven_ledger WHERE tenant = $1 AND key = $2
), bump AS (
	INSERT INTO haven_tenant AS t (tenant, last) VALUES ($1, 1)
	ON CONFLICT (tenant) DO UPDATE SET last = t.last + CASE WHEN EXISTS (SELECT FROM existing) THEN 0 ELSE 1 END
	RETURNING last
), added AS (
	INSERT INTO haven_ledger (tenant, sequence, key, digest, body, written_by)
	SELECT $1, bump.last, $2, $3, $4::text::json, $5 FROM bump WHERE NOT EXISTS (SELECT FROM existing)
	RETURNING sequence, id, digest, written_at
)
SELECT sequence, id::text, digest, written_at, false FROM added
UNION ALL
SELECT sequence, id::text, digest, written_at, true FROM existing`

// Append adds an entry and returns it once it is committed. repeated tells that the key had been used before, for the
// same body. Errors: ErrKeyReused, ErrUnknown, or why it was certainly not written.
func (c *Cluster) Append(ctx context.Context, a Append) (entry Entry, repeated bool, err error) {
	digest := sha256.Sum256(a.Body)
	var kept []byte
	err = c.retry(ctx, c.writers, func(ctx context.Context, conn *pgxpool.Conn) error {
		row := conn.QueryRow(ctx, appendSQL, a.Tenant, a.Key, digest[:], string(a.Body), a.Instance)
		return row.Scan(&entry.Sequence, &entry.ID, &kept, &entry.WrittenAt, &repeated)
	})
	if err != nil {
		return Entry{}, false, err
	}
	if !bytes.Equal(kept, digest[:]) {
		return Entry{}, false, ErrKeyReused
	}
	return entry, repeated, nil
}

// Page is a piece of a tenant's ledger, in order.
type Page struct {
	Entries []Entry
	Role    string // "reader" or "writer": what the member that answered is
}

// List returns at most limit entries after a sequence number. A consistent read is answered by the writer; otherwise
// a reader answers, which may lag, and the writer only when no reader does.
func (c *Cluster) List(ctx context.Context, tenant string, after int64, limit int, consistent bool) (Page, error) {
	if !consistent {
		page, err := c.list(ctx, c.readers, tenant, after, limit)
		if err == nil || ctx.Err() != nil {
			return page, err
		}
		c.log.WarnContext(ctx, "no reader answers, asking the writer", "error", err)
	}
	return c.list(ctx, c.writers, tenant, after, limit)
}

func (c *Cluster) list(ctx context.Context, pool *pgxpool.Pool, tenant string, after int64, limit int) (page Page, err error) {
	if pool == c.readers {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, statementTimeout) // leaves time to ask the writer
		defer cancel()
	}
	err = c.retry(ctx, pool, func(ctx context.Context, conn *pgxpool.Conn) error {
		page, err = query(ctx, conn, tenant, after, limit)
		return err
	})
	return page, err
}

func query(ctx context.Context, conn *pgxpool.Conn, tenant string, after int64, limit int) (Page, error) {
	batch := &pgx.Batch{}
	batch.Queue("SELECT pg_is_in_recovery()")
	batch.Queue(`SELECT sequence, id::text, body::text, written_by, written_at FROM haven_ledger
		WHERE tenant = $1 AND sequence > $2 ORDER BY sequence LIMIT $3`, tenant, after, limit)
	results := conn.SendBatch(ctx, batch)
	defer results.Close()
	var standby bool
	if err := results.QueryRow().Scan(&standby); err != nil {
		return Page{}, err
	}
	rows, err := results.Query()
	if err != nil {
		return Page{}, err
	}
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Entry, err error) {
		var body string
		err = row.Scan(&e.Sequence, &e.ID, &body, &e.WrittenBy, &e.WrittenAt)
		e.Body = json.RawMessage(body)
		return e, err
	})
	if err != nil {
		return Page{}, err
	}
	return Page{Entries: entries, Role: map[bool]string{true: "reader", false: "writer"}[standby]}, nil
}
