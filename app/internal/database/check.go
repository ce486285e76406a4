package database

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// CheckReader tells whether a query is answered.
func (c *Cluster) CheckReader(ctx context.Context) error {
	_, err := c.attempt(ctx, c.readers, func(ctx context.Context, conn *pgxpool.Conn) error {
		var one int
		return conn.QueryRow(ctx, "SELECT 1").Scan(&one)
	})
	return err
}

// CheckWriter tells whether the writer accepts and commits a write of this instance.
func (c *Cluster) CheckWriter(ctx context.Context, instance string) error {
	_, err := c.attempt(ctx, c.writers, func(ctx context.Context, conn *pgxpool.Conn) error {
		_, err := conn.Exec(ctx, `INSERT INTO haven_heartbeat AS h (instance, at) VALUES ($1, now())
			ON CONFLICT (instance) DO UPDATE SET at = now()`, instance)
		return err
	})
	if code(err) == codeUndefinedTable {
		return fmt.Errorf("the schema is not there yet: %w", err)
	}
	return err
}
