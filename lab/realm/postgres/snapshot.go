package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Snapshot copies a cluster's data, as of now, under a name: a base backup of the writer, or of the volume of a
// cluster that has no member. A name that exists is replaced.
func (m *Manager) Snapshot(ctx context.Context, id, name string) error {
	m.mu.Lock()
	c := m.clusters[id]
	m.mu.Unlock()
	if c == nil {
		return fmt.Errorf("taking the snapshot %s: there is no cluster %s", name, id)
	}
	into, err := m.snapshotDir(name)
	if err != nil {
		return err
	}
	next := into + ".new"
	if err := errors.Join(os.RemoveAll(next), m.makeOwned(filepath.Dir(into))); err != nil {
		return err
	}
	if err := c.copyInto(ctx, next); err != nil {
		return errors.Join(fmt.Errorf("taking the snapshot %s: %w", name, err), os.RemoveAll(next))
	}
	if err := os.RemoveAll(into); err != nil {
		return err
	}
	return os.Rename(next, into)
}

func (c *cluster) copyInto(ctx context.Context, into string) error {
	now := c.current()
	if writer := c.member(now.Writer); writer != nil {
		if err := c.manager.makeOwned(into); err != nil {
			return err
		}
		return c.manager.account.run(ctx, "pg_basebackup", "--pgdata="+into, "--wal-method=stream", "--checkpoint=fast",
			"--dbname="+conninfo(writer, replicationRole, "snapshot"), "--no-password")
	}
	if _, err := os.Stat(c.volume()); err != nil {
		return errors.New("the cluster has no data yet")
	}
	if err := mountVolume(ctx, c.volume()); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "cp", "-a", "--reflink=auto", dataIn(c.volume()), into).CombinedOutput()
	if err := errors.Join(err, unmountVolume(c.volume())); err != nil {
		return fmt.Errorf("copying the volume: %w: %s", err, lastLines(string(out), 3))
	}
	return nil
}

// DeleteSnapshot deletes a copy; one that does not exist is no error.
func (m *Manager) DeleteSnapshot(name string) error {
	dir, err := m.snapshotDir(name)
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

func (m *Manager) snapshotDir(name string) (string, error) {
	if name == "" || strings.ContainsAny(name, "/\x00") || strings.HasPrefix(name, ".") {
		return "", fmt.Errorf("the snapshot's name %q is no file name", name)
	}
	return filepath.Join(m.options.Dir, "snapshots", name), nil
}
