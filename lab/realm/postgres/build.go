package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const buildWithin = 10 * time.Minute

// Data is built without waiting for the disk: it survives the kill of every process, not yet a loss of power. The
// kernel writes it out within a minute, and what is acknowledged after that is flushed by the servers themselves.

// initialize makes the cluster's data in its first member: from the volume that the last member left, or anew.
func (c *cluster) initialize(m *member) error {
	if err := killIn(m.data()); err != nil {
		return err
	}
	if err := os.RemoveAll(m.data()); err != nil {
		return err
	}
	err := os.Rename(c.volume(), m.data())
	if errors.Is(err, os.ErrNotExist) {
		err = c.initdb(m)
	}
	if err != nil {
		return fmt.Errorf("making the cluster's data: %w", err)
	}
	if err := c.record(func(s *state) {
		*s = state{Initialized: true, Writer: m.spec().ID, Built: []string{m.spec().ID}, FailoverDone: s.FailoverDone}
	}); err != nil {
		return err
	}
	c.tell(Event{Kind: EventCreated, Member: m.spec().ID})
	return nil
}

func (c *cluster) initdb(m *member) error {
	return c.build(m, func(ctx context.Context, into string) error {
		return c.manager.account.run(ctx, "initdb", "--pgdata="+into, "--username="+adminRole, "--encoding=UTF8",
			"--locale=C.UTF-8", "--data-checksums", "--auth=reject", "--wal-segsize=4", "--no-instructions", "--no-sync")
	})
}

// clone copies the writer's data into a new member and starts it.
func (c *cluster) clone(m, writer *member) error {
	if err := m.halt(0); err != nil {
		return err
	}
	err := c.build(m, func(ctx context.Context, into string) error {
		return c.manager.account.run(ctx, "pg_basebackup", "--pgdata="+into, "--wal-method=stream", "--checkpoint=fast",
			"--dbname="+conninfo(writer, replicationRole, "base-backup"), "--no-password", "--no-sync")
	})
	if err != nil {
		return fmt.Errorf("copying the writer's data: %w", err)
	}
	err = c.record(func(s *state) {
		s.Built, s.Rejoin = with(s.Built, m.spec().ID), without(s.Rejoin, m.spec().ID)
	})
	if err != nil {
		return err
	}
	c.tell(Event{Kind: EventCreated, Member: m.spec().ID})
	return c.start(m)
}

// build lets make fill a folder beside the member's data and puts it in place when it is whole.
func (c *cluster) build(m *member, fill func(ctx context.Context, into string) error) error {
	next := m.data() + ".new"
	if err := os.RemoveAll(next); err != nil {
		return err
	}
	if err := c.manager.makeOwned(next); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.ctx, buildWithin)
	defer cancel()
	if err := fill(ctx, next); err != nil {
		return errors.Join(err, os.RemoveAll(next))
	}
	if err := os.RemoveAll(m.data()); err != nil {
		return err
	}
	return os.Rename(next, m.data())
}

// rejoin brings a member whose data may have left the writer's history back: by rewinding it, or by copying it anew.
func (c *cluster) rejoin(m, writer *member) error {
	if err := m.halt(0); err != nil {
		return err
	}
	if err := c.rewind(m, writer); err != nil {
		c.log.Warn("rewinding did not work; copying anew", "member", m.spec().Name, "error", err)
		return c.clone(m, writer)
	}
	if err := c.record(func(s *state) { s.Rejoin = without(s.Rejoin, m.spec().ID) }); err != nil {
		return err
	}
	c.tell(Event{Kind: EventRejoined, Member: m.spec().ID})
	return c.start(m)
}

func (c *cluster) rewind(m, writer *member) error {
	ctx, cancel := context.WithTimeout(c.ctx, buildWithin)
	defer cancel()
	// The new writer's control file tells its new timeline only after a checkpoint.
	session, err := writer.connect(ctx)
	if err != nil {
		return err
	}
	defer session.Close(ctx)
	if _, err := session.Exec(ctx, "CHECKPOINT"); err != nil {
		return fmt.Errorf("making the writer's checkpoint: %w", err)
	}
	// pg_rewind first finishes crash recovery, which a reader's mark would refuse.
	for _, name := range []string{"standby.signal", "postmaster.pid"} {
		if err := os.Remove(filepath.Join(m.data(), name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := c.configure(m); err != nil {
		return err
	}
	return c.manager.account.run(ctx, "pg_rewind", "--target-pgdata="+m.data(), "--restore-target-wal", "--no-sync",
		"--config-file="+filepath.Join(m.conf(), "postgresql.conf"),
		"--source-server="+conninfo(writer, adminRole, "rewind")+" dbname=postgres")
}

// certify gives the member a certificate for its names and address.
func (m *member) certify() error {
	want := strings.Join(append(slices.Clone(m.spec().Names), m.spec().Address.String()), "\n")
	mark := filepath.Join(m.conf(), "server.names")
	if have, err := os.ReadFile(mark); err == nil && string(have) == want {
		return nil
	}
	var addresses []netip.Addr
	if m.spec().Address.IsValid() {
		addresses = append(addresses, m.spec().Address)
	}
	certificate, key, err := m.cluster.manager.options.Issue(m.spec().Names, addresses)
	if err != nil {
		return fmt.Errorf("issuing the certificate of %s: %w", m.spec().Name, err)
	}
	manager := m.cluster.manager
	return errors.Join(
		manager.writeOwned(filepath.Join(m.conf(), "server.key"), key),
		manager.writeOwned(filepath.Join(m.conf(), "server.crt"), certificate),
		manager.writeOwned(mark, []byte(want)))
}
