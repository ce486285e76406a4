package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"haven/lab/realm/host"
)

// Manager runs clusters.
type Manager struct {
	options Options
	account account
	changed chan struct{}

	mu       sync.Mutex
	clusters map[string]*cluster
	closed   bool
}

// New returns a manager of the clusters below the options' folder. It says why when servers can't run here.
func New(options Options) (*Manager, error) {
	if err := host.Privileged(); err != nil {
		return nil, err
	}
	account, err := findAccount()
	if err != nil {
		return nil, err
	}
	setDefaults(&options)
	if err := os.MkdirAll(filepath.Join(options.Dir, "s"), 0o711); err != nil {
		return nil, fmt.Errorf("making the folder of database clusters: %w", err)
	}
	if err := passable(options.Dir); err != nil {
		return nil, err
	}
	if length := len(filepath.Join(options.Dir, "s", "0123456789", ".s.PGSQL.65535")); length > 107 {
		return nil, fmt.Errorf("the folder %s is too long for UNIX sockets by %d characters; use a shorter one", options.Dir, length-107)
	}
	return &Manager{options: options, account: account, changed: make(chan struct{}, 1), clusters: map[string]*cluster{}}, nil
}

func setDefaults(o *Options) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for value, standard := range map[*time.Duration]time.Duration{
		&o.ProbeEvery:   500 * time.Millisecond,
		&o.ProbeTimeout: time.Second,
		&o.HangAfter:    2 * time.Second,
		&o.StartWithin:  time.Minute,
		&o.BackupAfter:  30 * time.Second,
		&o.BackupEvery:  24 * time.Hour,
	} {
		if *value == 0 {
			*value = standard
		}
	}
}

// ServerVersion returns the major version of the servers, such as "15".
func (m *Manager) ServerVersion() string { return m.account.version }

// Apply makes the declared clusters the ones that run; it returns before they do. What is no longer declared is stopped
// and deleted. A cluster that can't be taken on is an error that names it; the others are applied all the same.
func (m *Manager) Apply(_ context.Context, specs []ClusterSpec) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errors.New("applying database clusters: the manager is closed")
	}
	var errs []error
	declared := map[string]bool{}
	for _, spec := range specs {
		declared[spec.ID] = true
		c := m.clusters[spec.ID]
		if c == nil {
			var err error
			if c, err = openCluster(m, spec); err != nil {
				errs = append(errs, fmt.Errorf("opening the cluster %s: %w", spec.Name, err))
				continue
			}
			m.clusters[spec.ID] = c
		}
		c.declare(spec)
	}
	errs = append(errs, m.dropUndeclared(declared))
	return errors.Join(errs...)
}

func (m *Manager) dropUndeclared(declared map[string]bool) error {
	var errs []error
	for id, c := range m.clusters {
		if !declared[id] {
			c.end()
			delete(m.clusters, id)
		}
	}
	entries, err := os.ReadDir(m.options.Dir)
	if err != nil {
		return fmt.Errorf("listing the folder of database clusters: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() != "s" && entry.Name() != "snapshots" && entry.IsDir() && !declared[entry.Name()] {
			errs = append(errs, m.destroy(filepath.Join(m.options.Dir, entry.Name())))
		}
	}
	return errors.Join(errs...)
}

// destroy ends what runs in a cluster's folder and deletes it.
func (m *Manager) destroy(dir string) error {
	stores, err := filepath.Glob(filepath.Join(dir, "*", "store*"))
	if err != nil {
		return err
	}
	for _, store := range append(stores, filepath.Join(dir, "volume")) {
		if err := errors.Join(killIn(dataIn(store)), unmountVolume(store)); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("deleting a cluster's data: %w", err)
	}
	return nil
}

// Observe returns what is known of every cluster now.
func (m *Manager) Observe() []Observation {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Observation, 0, len(m.clusters))
	for _, c := range m.clusters {
		all = append(all, c.observation())
	}
	return all
}

// Changed gets a token whenever an observation differs from the one before. Tokens coalesce.
func (m *Manager) Changed() <-chan struct{} { return m.changed }

func (m *Manager) notify() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// Close stops every server and keeps the data.
func (m *Manager) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	var wait sync.WaitGroup
	for _, c := range m.clusters {
		wait.Go(c.end)
	}
	wait.Wait()
	m.clusters = map[string]*cluster{}
	return nil
}

// makeOwned makes a folder that belongs to the servers' user alone.
func (m *Manager) makeOwned(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making %s: %w", dir, err)
	}
	if err := os.Chown(dir, int(m.account.uid), int(m.account.gid)); err != nil {
		return fmt.Errorf("giving %s to the servers' user: %w", dir, err)
	}
	return nil
}

// writeOwned replaces a file that belongs to the servers' user alone.
func (m *Manager) writeOwned(path string, content []byte) error {
	if err := replaceFile(path, content, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.Chown(path, int(m.account.uid), int(m.account.gid))
}
