package files

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Prober checks that the shared folder takes and keeps data, one probe at a time: a folder that hangs holds one
// goroutine, however often it is asked.
type Prober struct {
	store *Store
	file  string

	mu       sync.Mutex
	running  *probe
	answered time.Time
}

type probe struct {
	since time.Time
	done  chan struct{}
	err   error
}

// NewProber returns a prober that uses a file of its own for the instance.
func NewProber(store *Store, instance string) *Prober {
	clean := strings.Map(func(r rune) rune {
		if name.MatchString("x" + string(r)) {
			return r
		}
		return '_'
	}, instance)
	return &Prober{store: store, file: ".probe-" + clean}
}

// Check writes, syncs and reads a small file, or tells for how long that has been hanging.
func (p *Prober) Check(ctx context.Context) error {
	p.mu.Lock()
	running := p.running
	if running == nil {
		running = &probe{since: time.Now(), done: make(chan struct{})}
		p.running = running
		go p.run(running)
	}
	p.mu.Unlock()
	select {
	case <-running.done:
		return running.err
	case <-ctx.Done():
		return fmt.Errorf("the shared folder has not answered for %s", time.Since(running.since).Round(time.Millisecond))
	}
}

func (p *Prober) run(running *probe) {
	running.err = p.store.roundTrip(p.file)
	if mountLost(running.err) {
		if running.err = p.store.reopen(); running.err == nil {
			running.err = p.store.roundTrip(p.file)
		}
	}
	p.mu.Lock()
	p.running = nil
	if running.err == nil {
		p.answered = time.Now()
	}
	p.mu.Unlock()
	close(running.done)
}

// Answered tells when the shared folder last took and kept data, also when that took longer than anybody waited; zero:
// never.
func (p *Prober) Answered() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answered
}

// mountLost tells whether the open folder belongs to a file system that is gone, or was itself removed.
func mountLost(err error) bool {
	return errors.Is(err, syscall.ENOTCONN) || errors.Is(err, syscall.ESTALE) || errors.Is(err, fs.ErrNotExist)
}

func (s *Store) roundTrip(file string) error {
	text := []byte(rand.Text())
	temporary := file + ".new"
	if err := s.folderRoot().Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("clearing the probe: %w", err)
	}
	if _, err := s.write(temporary, bytes.NewReader(text)); err != nil {
		return fmt.Errorf("writing the probe: %w", err)
	}
	if err := s.folderRoot().Rename(temporary, file); err != nil {
		return fmt.Errorf("renaming the probe: %w", err)
	}
	if err := s.sync("."); err != nil {
		return fmt.Errorf("syncing the folder: %w", err)
	}
	read, err := s.folderRoot().ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the probe: %w", err)
	}
	if !bytes.Equal(read, text) {
		return errors.New("the probe reads back as something else")
	}
	return nil
}

// Sweep removes what writers that died left half-written more than an hour ago.
func (s *Store) Sweep() error {
	stale := time.Now().Add(-time.Hour)
	return fs.WalkDir(s.folderRoot().FS(), ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasPrefix(path.Base(file), ".new-") {
			return nil // what can't be read is not ours to judge
		}
		if info, err := entry.Info(); err == nil && info.ModTime().Before(stale) {
			return s.folderRoot().Remove(file)
		}
		return nil
	})
}
