package database

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed schema.sql
var schema string

// schemaLock is the advisory lock under which one server at a time makes the schema.
const schemaLock = 0x686176656e // "haven"

// Prepare makes the schema, however often and from however many servers. It tries until it succeeds or ctx ends.
func (c *Cluster) Prepare(ctx context.Context) error {
	for {
		err := c.prepare(ctx)
		if err == nil {
			return nil
		}
		c.log.WarnContext(ctx, "making the schema: trying again", "error", err)
		if !sleep(ctx, time.Second) {
			return fmt.Errorf("making the schema: %w", err)
		}
	}
}

func (c *Cluster) prepare(ctx context.Context) error {
	_, err := c.attempt(ctx, c.writers, func(ctx context.Context, conn *pgxpool.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", schemaLock); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, schema)
			return err
		})
	})
	return err
}
