package postgres

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// prepareWriter brings roles, the database and the replication slots of a writer in line with the declaration,
// whenever any of it may have changed.
func (c *cluster) prepareWriter(v view) {
	w := c.member(v.Writer)
	if w == nil || w.isBusy() != "" {
		c.prepared = ""
		return
	}
	seen, ok := v.find(v.Writer)
	if !ok || !seen.writer() {
		c.prepared = ""
		return
	}
	var readers []string
	for _, m := range c.list() {
		if m != w && !m.leaving {
			readers = append(readers, m.spec().ID)
		}
	}
	slices.Sort(readers)
	key := strings.Join(append([]string{v.Writer, c.spec().MasterUser, c.spec().MasterPassword, c.spec().Database}, readers...), "\x00")
	if c.prepared == key {
		c.secured = c.spec().Credentials // another generation of the same password needs nothing
		return
	}
	spec := c.spec()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.prepare(ctx, spec, readers); err != nil {
		c.log.Error("preparing the writer", "member", w.spec().Name, "error", err)
		return
	}
	c.prepared, c.secured = key, spec.Credentials
	c.wakeUp()
}

func (m *member) prepare(ctx context.Context, spec ClusterSpec, readers []string) error {
	session, err := m.connect(ctx)
	if err != nil {
		return err
	}
	defer session.Close(ctx)
	if _, err := session.Exec(ctx, "SET log_statement = 'none'; SET log_min_duration_statement = -1"); err != nil {
		return err
	}
	for _, sql := range roleStatements() {
		if _, err := session.Exec(ctx, sql); err != nil {
			return fmt.Errorf("making the cluster's roles: %w", err)
		}
	}
	if spec.MasterUser != "" {
		if err := ensureMaster(ctx, session, spec.MasterUser, spec.MasterPassword); err != nil {
			return err
		}
	}
	if err := ensureDatabase(ctx, session, spec.Database, spec.MasterUser); err != nil {
		return err
	}
	return ensureSlots(ctx, session, readers)
}

// roleStatements make the roles that Aurora PostgreSQL comes with, as far as PostgreSQL itself has their rights:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.html
func roleStatements() []string {
	var all []string
	create := func(name, options string) {
		all = append(all, fmt.Sprintf(`DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '%s') THEN CREATE ROLE %s %s; END IF; END $$`, name, name, options))
	}
	create(replicationRole, "LOGIN REPLICATION")
	create("rds_superuser", "NOLOGIN")
	create("rds_replication", "NOLOGIN")
	create("rds_iam", "NOLOGIN")
	create("rds_password", "NOLOGIN")
	return append(all, "GRANT pg_monitor, pg_signal_backend, pg_checkpoint, rds_replication, rds_password TO rds_superuser WITH ADMIN OPTION")
}

// ensureMaster makes the master user, who administers but is no superuser, with its password.
func ensureMaster(ctx context.Context, session *pgx.Conn, user, password string) error {
	name := pgx.Identifier{user}.Sanitize()
	var stored *string
	err := session.QueryRow(ctx, "SELECT rolpassword FROM pg_authid WHERE rolname = $1", user).Scan(&stored)
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err := session.Exec(ctx, "CREATE ROLE "+name+" LOGIN CREATEDB CREATEROLE; GRANT rds_superuser TO "+name+" WITH ADMIN OPTION"); err != nil {
			return fmt.Errorf("making the master user: %w", err)
		}
	} else if err != nil {
		return fmt.Errorf("looking the master user up: %w", err)
	}
	if stored != nil && verifies(*stored, password) {
		return nil
	}
	verifier, err := scramVerifier(password, rand.Text()[:16])
	if err != nil {
		return err
	}
	if _, err := session.Exec(ctx, "ALTER ROLE "+name+" PASSWORD "+quoteLiteral(verifier)); err != nil {
		return fmt.Errorf("setting the master user's password: %w", err)
	}
	return nil
}

func ensureDatabase(ctx context.Context, session *pgx.Conn, database, owner string) error {
	if owner == "" {
		return nil
	}
	for _, name := range []string{"postgres", database} {
		if name == "" {
			continue
		}
		var exists bool
		if err := session.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists); err != nil {
			return fmt.Errorf("looking the database up: %w", err)
		}
		statement := "ALTER DATABASE %s OWNER TO %s"
		switch {
		case !exists:
			statement = "CREATE DATABASE %s OWNER %s"
		case name != "postgres":
			continue // it may have been given to somebody since
		}
		if _, err := session.Exec(ctx, fmt.Sprintf(statement, pgx.Identifier{name}.Sanitize(), pgx.Identifier{owner}.Sanitize())); err != nil {
			return fmt.Errorf("making the database %s: %w", name, err)
		}
	}
	return nil
}

// ensureSlots gives each reader a slot, which keeps what it has not received, and drops those of others.
func ensureSlots(ctx context.Context, session *pgx.Conn, readers []string) error {
	wanted := make([]string, len(readers))
	for i, id := range readers {
		wanted[i] = slotName(id)
	}
	_, err := session.Exec(ctx, `SELECT pg_create_physical_replication_slot(name, true) FROM unnest($1::text[]) name
	  WHERE name NOT IN (SELECT slot_name FROM pg_replication_slots)`, wanted)
	if err != nil {
		return fmt.Errorf("making replication slots: %w", err)
	}
	_, err = session.Exec(ctx, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
	  WHERE slot_type = 'physical' AND NOT active AND NOT temporary AND slot_name <> ALL ($1::text[])`, wanted)
	if err != nil {
		return fmt.Errorf("dropping replication slots: %w", err)
	}
	return nil
}

func quoteLiteral(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

const scramRounds = 4096

// scramVerifier returns what PostgreSQL stores of a password (RFC 5803), so that the password itself is in no
// statement and no log.
func scramVerifier(password, salt string) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, password, []byte(salt), scramRounds, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("deriving the password's key: %w", err)
	}
	clientKey := sign(salted, "Client Key")
	stored := sha256.Sum256(clientKey)
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramRounds, encode([]byte(salt)), encode(stored[:]), encode(sign(salted, "Server Key"))), nil
}

func sign(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// verifies tells whether a stored verifier is of the password.
func verifies(stored, password string) bool {
	rest, ok := strings.CutPrefix(stored, fmt.Sprintf("SCRAM-SHA-256$%d:", scramRounds))
	encoded, _, found := strings.Cut(rest, "$")
	salt, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || !found || err != nil {
		return false
	}
	made, err := scramVerifier(password, string(salt))
	return err == nil && hmac.Equal([]byte(made), []byte(stored))
}
