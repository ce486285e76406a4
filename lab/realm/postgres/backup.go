package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// A base backup and the archived log from its beginning on restore a cluster to any moment since. The first is made
// when a cluster has begun to serve, the next ones daily. One is kept that is older than what must be restorable, all
// younger ones, and the log from the beginning of the oldest on.

// backup is a base backup that is whole.
type backup struct {
	Began, Ended time.Time
	Start        string // the first segment of the log that it needs
}

type backups struct {
	mu      sync.Mutex
	read    bool
	all     []backup // oldest first
	making  bool
	retryAt time.Time
	serving time.Time // since when the cluster has served
}

// since is when the oldest base backup ended: from then on everything can be restored.
func (b *backups) since() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.all) == 0 {
		return time.Time{}
	}
	return b.all[0].Ended
}

func (c *cluster) backupDir() string { return filepath.Join(c.dir, "backups") }

// keepBackups starts a base backup when one is due.
func (c *cluster) keepBackups(v view) {
	writer, known := v.find(v.Writer)
	serves := known && writer.writer() && writer.Prepared && !writer.Leaving
	if !serves || !c.backups.due(c.backupDir(), c.manager.options) {
		return
	}
	from := c.member(v.Writer)
	c.actions.Go(func() {
		err := c.makeBackup(from)
		if err != nil && c.ctx.Err() == nil {
			c.log.Warn("making a base backup", "member", from.spec().Name, "error", err)
		}
		c.backups.finished()
		c.wakeUp()
	})
}

func (b *backups) due(dir string, options Options) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.read {
		b.all, b.read = readBackups(dir), true
	}
	now := time.Now()
	if b.serving.IsZero() {
		b.serving = now
	}
	newest := b.serving.Add(options.BackupAfter - options.BackupEvery)
	if len(b.all) > 0 {
		newest = b.all[len(b.all)-1].Began
	}
	if b.making || now.Before(b.retryAt) || now.Before(newest.Add(options.BackupEvery)) {
		return false
	}
	b.making = true
	return true
}

func (b *backups) finished() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.making, b.retryAt = false, time.Now().Add(time.Minute)
}

var startPoint = regexp.MustCompile(`start point: ([0-9A-F]+)/([0-9A-F]+) on timeline (\d+)`)

// makeBackup copies the writer's data, records the copy and drops what is no longer needed.
func (c *cluster) makeBackup(from *member) error {
	ctx, cancel := context.WithTimeout(c.ctx, buildWithin)
	defer cancel()
	b := backup{Began: time.Now().UTC()}
	into := filepath.Join(c.backupDir(), b.name())
	next := into + ".part"
	if err := errors.Join(os.RemoveAll(next), c.manager.makeOwned(c.backupDir()), c.manager.makeOwned(next)); err != nil {
		return err
	}
	out, err := c.manager.account.command(ctx, "pg_basebackup", "--pgdata="+next, "--format=tar", "--compress=gzip:1", "--wal-method=fetch",
		"--checkpoint=fast", "--verbose", "--no-manifest", "--dbname="+conninfo(from, replicationRole, "automated-backup"), "--no-password").CombinedOutput()
	if err != nil {
		return errors.Join(fmt.Errorf("running pg_basebackup: %w: %s", err, lastLines(string(out), 3)), os.RemoveAll(next))
	}
	if b.Start, err = startSegment(string(out)); err != nil {
		return errors.Join(err, os.RemoveAll(next))
	}
	b.Ended = time.Now().UTC()
	raw, err := json.Marshal(b)
	if err != nil {
		return err
	}
	if err := errors.Join(replaceFile(filepath.Join(next, "backup.json"), raw, 0o600), os.Rename(next, into)); err != nil {
		return err
	}
	c.backups.add(b)
	c.tell(Event{Kind: EventBackup, Member: from.spec().ID})
	return c.prune(time.Now())
}

func (b backup) name() string { return b.Began.Format("20060102T150405.000Z") }

func (b *backups) add(one backup) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(slices.Clone(b.all), one)
}

// startSegment finds the name of the log's segment that a backup begins in, in what pg_basebackup said.
func startSegment(said string) (string, error) {
	parts := startPoint.FindStringSubmatch(said)
	if parts == nil {
		return "", errors.New("pg_basebackup did not say where the backup starts")
	}
	var high, low, timeline uint32
	if _, err := fmt.Sscanf(strings.Join(parts[1:], " "), "%X %X %d", &high, &low, &timeline); err != nil {
		return "", fmt.Errorf("reading where the backup starts: %w", err)
	}
	return fmt.Sprintf("%08X%08X%08X", timeline, high, low/segmentBytes), nil
}

const segmentBytes = 4 << 20 // as initdb is told

func readBackups(dir string) []backup {
	found, _ := filepath.Glob(filepath.Join(dir, "*Z", "backup.json"))
	slices.Sort(found)
	var all []backup
	for _, path := range found {
		var b backup
		if raw, err := os.ReadFile(path); err == nil && json.Unmarshal(raw, &b) == nil {
			all = append(all, b)
		}
	}
	return all
}

// prune deletes backups that nothing needs any more, and then the log before the oldest that is left.
func (c *cluster) prune(now time.Time) error {
	if c.spec().KeepLog == 0 {
		return nil
	}
	c.backups.mu.Lock()
	drop, keep := expired(c.backups.all, now.Add(-c.spec().KeepLog))
	c.backups.all = keep
	c.backups.mu.Unlock()
	for _, b := range drop {
		if err := os.RemoveAll(filepath.Join(c.backupDir(), b.name())); err != nil {
			return fmt.Errorf("deleting an old base backup: %w", err)
		}
	}
	if len(keep) == 0 {
		return nil
	}
	entries, err := os.ReadDir(c.archive())
	if err != nil {
		return fmt.Errorf("listing the archived log: %w", err)
	}
	for _, entry := range entries {
		if !superfluous(entry.Name(), keep[0].Start) {
			continue
		}
		if err := os.Remove(filepath.Join(c.archive(), entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("deleting an archived segment: %w", err)
		}
	}
	return nil
}

// expired splits backups, oldest first, into those that no restore to a moment since the horizon begins with, and the
// others: the last one that had ended by then, and what came after it.
func expired(all []backup, horizon time.Time) (drop, keep []backup) {
	first := 0
	for i, b := range all {
		if !b.Ended.After(horizon) {
			first = i
		}
	}
	return all[:first], all[first:]
}

var segmentName = regexp.MustCompile(`^[0-9A-F]{24}(\.|$)`)

// superfluous tells whether a file of the archive is of the log before the segment. Positions grow over timelines, so
// the timeline of neither matters; the histories of timelines are small and always kept.
func superfluous(file, start string) bool {
	return segmentName.MatchString(file) && len(start) == 24 && file[8:24] < start[8:]
}
