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

// initialize makes the cluster's data in its first member: from the volume that the last member left, or anew. A volume
// that was taken and not yet recorded, because the lab was killed in between, is the member's already.
func (c *cluster) initialize(m *member) error {
	if err := killIn(m.data()); err != nil {
		return err
	}
	_, err := os.Stat(c.volume())
	switch {
	case err == nil:
		err = errors.Join(removeStore(m.store()), unmountVolume(c.volume()))
		if err == nil {
			err = os.Rename(c.volume(), m.store())
		}
	case !c.current().Initialized:
		err = c.initdb(m)
	default:
		_, err = os.Stat(m.data())
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

// build lets fill make data beside the member's own, encloses it in its volume and puts it in place when it is whole.
func (c *cluster) build(m *member, fill func(ctx context.Context, into string) error) error {
	next := m.store() + ".new"
	if err := removeStore(next); err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(next, 0o711), c.manager.makeOwned(dataIn(next))); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.ctx, buildWithin)
	defer cancel()
	err := fill(ctx, dataIn(next))
	if err == nil {
		err = c.manager.enclose(ctx, next)
	}
	if err != nil {
		return errors.Join(err, removeStore(next))
	}
	if err := removeStore(m.store()); err != nil {
		return err
	}
	return os.Rename(next, m.store())
}

// rejoin brings a member whose data may have left the writer's history back: by rewinding it, or by copying it anew.
func (c *cluster) rejoin(m, writer *member) error {
	if err := m.halt(0); err != nil {
		return err
	}
	if err := c.rewind(m, writer); err != nil {
		c.log.Warn("rewinding did not work; copying anew", "member", m.spec().Name, "error", err)
		c.tell(Event{Kind: EventRebuilt, Member: m.spec().ID, Detail: "its data could not be rewound"})
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
	if err := errors.Join(mountVolume(ctx, m.store()), m.holdBack(false, false)); err != nil {
		return err
	}
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
