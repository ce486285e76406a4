package machine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"sync"

	"haven/lab/realm/host"
	"haven/lab/realm/machine/guest"
)

// Options tell a Manager where and with what to run machines.
type Options struct {
	// Dir is where machines' disks and consoles are kept, across restarts of the lab.
	Dir string
	// Authority is the lab's certificate authority in PEM, which machines trust.
	Authority []byte
	// Hidden are folders of the host that machines must not see, beyond those that no machine sees.
	Hidden []string
	// Resolver is the name server of machines; empty: 169.254.169.253.
	Resolver string
}

// Manager runs machines. Its methods are safe for concurrent use; two operations on one machine follow each other.
//
// The program that uses it must call Dispatch first of all in main: the first process of a machine is that program again.
type Manager struct {
	opts    Options
	log     *slog.Logger
	cgroups cgroups
	changed chan struct{}

	mu        sync.Mutex
	instances map[string]*instance
}

// Dispatch does what a machine's own processes are started for, and then never returns; otherwise it returns at once.
func Dispatch() { guest.Dispatch() }

// New returns a manager of machines whose disks are below opts.Dir. It removes what a lab that was killed left in the
// cgroup tree.
func New(h *host.Host, opts Options) (*Manager, error) {
	if opts.Resolver == "" {
		opts.Resolver = "169.254.169.253"
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("finding the machines' folder: %w", err)
	}
	opts.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the machines' folder: %w", err)
	}
	m := &Manager{opts: opts, log: h.Log(), changed: make(chan struct{}, 1), instances: map[string]*instance{}}
	if err := host.Privileged(); err != nil {
		return m, nil // each Start says why it can't
	}
	if err := keepBinary(filepath.Join(dir, binaryFile)); err != nil {
		return nil, err
	}
	m.cgroups = findCgroups(dir)
	if missing := m.cgroups.missing(); len(missing) > 0 {
		m.log.Warn("machines are not limited: cgroup v1 controllers are missing", "missing", missing)
	}
	return m, m.cgroups.clear()
}

var idText = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// instance returns the machine of an id, known from now on.
func (m *Manager) instance(id string) (*instance, error) {
	if !idText.MatchString(id) {
		return nil, fmt.Errorf("%q is no machine's id", id)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	i, ok := m.instances[id]
	if !ok {
		i = &instance{manager: m, id: id, dir: filepath.Join(m.opts.Dir, id), phase: PhaseGone}
		m.instances[id] = i
	}
	return i, nil
}

// Start boots a machine from its disk, made when it has none. A machine that runs gets the spec's facts for its metadata.
// It returns when the machine's init runs; user data goes on.
func (m *Manager) Start(ctx context.Context, spec Spec) error {
	if err := host.Privileged(); err != nil {
		return fmt.Errorf("starting machine %s: %w", spec.ID, err)
	}
	i, err := m.instance(spec.ID)
	if err != nil {
		return err
	}
	if err := i.start(ctx, spec); err != nil {
		return fmt.Errorf("starting machine %s: %w", spec.ID, err)
	}
	return nil
}

// Stop shuts a machine down: its services are asked to end and, after 90 seconds or when ctx ends, everything in it is
// killed; with force, at once. Its disk is kept. A machine that does not run is no error.
func (m *Manager) Stop(ctx context.Context, id string, force bool) error {
	i, err := m.instance(id)
	if err != nil {
		return err
	}
	return i.stop(ctx, force, PhaseStopped)
}

// Reboot shuts a machine down and boots it again from its disk.
func (m *Manager) Reboot(ctx context.Context, id string) error {
	i, err := m.instance(id)
	if err != nil {
		return err
	}
	if err := i.reboot(ctx); err != nil {
		return fmt.Errorf("rebooting machine %s: %w", id, err)
	}
	return nil
}

// Delete shuts a machine down, as Stop does, and removes its disk and console. A machine that does not exist is no error.
func (m *Manager) Delete(ctx context.Context, id string, force bool) error {
	i, err := m.instance(id)
	if err != nil {
		return err
	}
	if err := i.remove(ctx, force); err != nil {
		return fmt.Errorf("deleting machine %s: %w", id, err)
	}
	m.mu.Lock()
	delete(m.instances, id)
	m.mu.Unlock()
	m.notify()
	return nil
}

// Observe returns what is known of every machine, by id.
func (m *Manager) Observe() []Observation {
	m.mu.Lock()
	all := make([]Observation, 0, len(m.instances))
	for _, i := range m.instances {
		if o := i.observe(); o.Phase != PhaseGone {
			all = append(all, o)
		}
	}
	m.mu.Unlock()
	sort.Slice(all, func(a, b int) bool { return all[a].ID < all[b].ID })
	return all
}

// Changed gets a value after one or more observations changed.
func (m *Manager) Changed() <-chan struct{} { return m.changed }

func (m *Manager) notify() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// Console returns the end of what a machine printed, at most 64 KiB, as EC2's console output does.
func (m *Manager) Console(id string) []byte {
	if !idText.MatchString(id) {
		return nil
	}
	return readConsole(filepath.Join(m.opts.Dir, id))
}

// Prune removes the disks of machines that are not among ids: what was deleted while the lab did not run.
func (m *Manager) Prune(ctx context.Context, ids []string) error {
	keep := map[string]bool{}
	for _, id := range ids {
		keep[id] = true
	}
	entries, err := os.ReadDir(m.opts.Dir)
	if err != nil {
		return fmt.Errorf("listing machines' disks: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if idText.MatchString(e.Name()) && !keep[e.Name()] {
			errs = append(errs, m.Delete(ctx, e.Name(), true))
		}
	}
	return errors.Join(errs...)
}

// Close kills every machine and removes what runs of them; disks are kept.
func (m *Manager) Close() error {
	m.mu.Lock()
	all := make([]*instance, 0, len(m.instances))
	for _, i := range m.instances {
		all = append(all, i)
	}
	m.mu.Unlock()
	var group sync.WaitGroup
	errs := make([]error, len(all))
	for n, i := range all {
		group.Go(func() { errs[n] = i.stop(context.Background(), true, PhaseStopped) })
	}
	group.Wait()
	return errors.Join(append(errs, m.cgroups.clear())...)
}
