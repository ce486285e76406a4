package mirror

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"haven/lab/realm/host"
)

// Options are what a Manager needs of its surroundings.
type Options struct {
	Dir string // holds the images
	TLS *tls.Config
	Log *slog.Logger
	// Size of each copy in bytes; the images are sparse. 0: 16 GiB.
	Size int64
}

const (
	standardSize = 16 << 30
	healAgain    = 5 * time.Second
	leastSize    = 256 << 20 // what btrfs needs for RAID1 over three devices, and some room
)

// Manager runs file systems.
type Manager struct {
	options Options
	log     *slog.Logger
	changed chan struct{}
	healers sync.WaitGroup
	ctx     context.Context
	stop    context.CancelFunc

	mu      sync.Mutex
	systems map[string]*system
	decide  func(ctx context.Context, request MountRequest) (Grant, error)
}

// system is one file system at run time.
type system struct {
	spec    FileSystem
	volume  *volume
	ready   bool
	reason  string
	targets map[string]*target
	healing map[string]bool      // by zone
	again   map[string]time.Time // when to try again to heal a zone
}

// New returns a manager of the file systems below the options' folder. It says why when there can be none here.
func New(options Options) (*Manager, error) {
	if err := host.Privileged(); err != nil {
		return nil, err
	}
	if options.Size == 0 {
		options.Size = standardSize
	}
	if options.Size < leastSize {
		return nil, fmt.Errorf("a copy of %d bytes: expected at least %d", options.Size, leastSize)
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(options.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of file systems: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Manager{
		options: options, log: options.Log, changed: make(chan struct{}, 1), systems: map[string]*system{}, ctx: ctx, stop: stop,
	}, nil
}

// Apply makes the declared file systems the ones that are there. One that can't be is an error that names it, and is
// observed with its reason; the others are applied all the same.
func (m *Manager) Apply(ctx context.Context, spec Spec) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	declared := map[string]bool{}
	for _, fs := range spec.FileSystems {
		declared[fs.ID] = true
		if err := m.apply(ctx, fs); err != nil {
			errs = append(errs, fmt.Errorf("applying the file system %s: %w", fs.ID, err))
		}
	}
	return errors.Join(append(errs, m.deleteUndeclared(declared))...)
}

func (m *Manager) apply(ctx context.Context, spec FileSystem) error {
	s := m.systems[spec.ID]
	if s == nil {
		s = &system{targets: map[string]*target{}, healing: map[string]bool{}, again: map[string]time.Time{}}
		m.systems[spec.ID] = s
	}
	s.spec = spec
	if !s.ready {
		if err := m.open(ctx, s); err != nil {
			s.reason = err.Error()
			return err
		}
		s.ready, s.reason = true, ""
	}
	return errors.Join(m.applyLosses(s), m.applyTargets(s))
}

func (m *Manager) open(ctx context.Context, s *system) error {
	zones := slices.Clone(s.spec.Zones)
	slices.Sort(zones)
	if len(slices.Compact(zones)) < 2 {
		return errors.New("it needs at least two zones")
	}
	s.volume = &volume{dir: filepath.Join(m.options.Dir, s.spec.ID), zones: zones, size: m.options.Size}
	return s.volume.open(ctx)
}

// applyLosses takes devices away, and gives back those that are lost no more.
func (m *Manager) applyLosses(s *system) error {
	var errs []error
	for _, zone := range s.volume.zones {
		declared := slices.Contains(s.spec.Lost, zone)
		switch {
		case declared && s.healing[zone]: // the new disk dies, too; what heals it finds out
			errs = append(errs, s.volume.lose(zone))
		case s.healing[zone] || !declared && time.Now().Before(s.again[zone]):
		case declared && !s.volume.lost(zone):
			errs = append(errs, s.volume.lose(zone))
			m.log.Warn("a copy of a file system is lost", "file-system", s.spec.ID, "zone", zone)
		case !declared && s.volume.lost(zone):
			s.healing[zone] = true
			m.healers.Go(func() { m.heal(s, zone) })
		}
	}
	return errors.Join(errs...)
}

func (m *Manager) heal(s *system, zone string) {
	s.volume.changing.Lock()
	err := s.volume.heal(m.ctx, zone)
	s.volume.changing.Unlock()
	if err != nil {
		m.log.Error("healing a file system", "file-system", s.spec.ID, "zone", zone, "error", err)
	} else {
		m.log.Info("a file system is whole again", "file-system", s.spec.ID, "zone", zone)
	}
	m.mu.Lock()
	delete(s.healing, zone)
	if err != nil {
		s.reason, s.again[zone] = "healing: "+err.Error(), time.Now().Add(healAgain)
		time.AfterFunc(healAgain, m.notify)
	} else {
		s.reason = ""
		delete(s.again, zone)
	}
	m.mu.Unlock()
	m.notify()
}

func (m *Manager) applyTargets(s *system) error {
	var errs []error
	declared := map[string]bool{}
	for _, spec := range s.spec.Targets {
		if spec.Namespace == nil || spec.Down {
			continue
		}
		declared[spec.ID] = true
		if t := s.targets[spec.ID]; t != nil {
			if t.spec.Namespace == spec.Namespace {
				continue
			}
			m.closeTarget(t)
			delete(s.targets, spec.ID)
		}
		t, err := m.listen(s.spec.ID, spec)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.targets[spec.ID] = t
	}
	for id, t := range s.targets {
		if !declared[id] {
			m.closeTarget(t)
			delete(s.targets, id)
		}
	}
	return errors.Join(errs...)
}

// closeTarget waits for the target's connections, which may be asking this manager something.
func (m *Manager) closeTarget(t *target) {
	m.mu.Unlock()
	defer m.mu.Lock()
	t.close()
}

func (m *Manager) deleteUndeclared(declared map[string]bool) error {
	var errs []error
	for id, s := range m.systems {
		if !declared[id] {
			errs = append(errs, m.closeSystem(s))
			delete(m.systems, id)
		}
	}
	entries, err := os.ReadDir(m.options.Dir)
	if err != nil {
		return fmt.Errorf("listing the folder of file systems: %w", err)
	}
	for _, entry := range entries {
		if entry.IsDir() && !declared[entry.Name()] {
			errs = append(errs, os.RemoveAll(filepath.Join(m.options.Dir, entry.Name())))
		}
	}
	return errors.Join(errs...)
}

func (m *Manager) closeSystem(s *system) error {
	for id, t := range s.targets {
		m.closeTarget(t)
		delete(s.targets, id)
	}
	if !s.ready {
		return nil
	}
	s.ready = false
	return s.volume.close()
}

// find returns what a mount needs to know of a file system.
func (m *Manager) find(id string) (FileSystem, *volume, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.systems[id]
	if s == nil || !s.ready {
		return FileSystem{}, nil, false
	}
	return s.spec, s.volume, true
}

// AuthorizeWith sets who decides on mounts. Until then everybody is let in with all rights, as EFS does without a policy.
func (m *Manager) AuthorizeWith(decide func(ctx context.Context, request MountRequest) (Grant, error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.decide = decide
}

func (m *Manager) authorize(ctx context.Context, request MountRequest) (Grant, error) {
	m.mu.Lock()
	decide := m.decide
	m.mu.Unlock()
	if decide == nil {
		return Grant{Write: true, Root: true}, nil
	}
	return decide(ctx, request)
}

// Scrub reads every copy of everything and compares checksums; what can't be repaired is an error.
func (m *Manager) Scrub(ctx context.Context, id string) error {
	_, v, ok := m.find(id)
	if !ok {
		return fmt.Errorf("scrubbing the file system %s: it is not mounted", id)
	}
	v.changing.Lock()
	defer v.changing.Unlock()
	return v.scrub(ctx)
}

// Observe returns what is known of every file system now.
func (m *Manager) Observe() []Observation {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Observation, 0, len(m.systems))
	for id, s := range m.systems {
		o := Observation{ID: id, Ready: s.ready, Reason: s.reason, Devices: map[string]DeviceState{}}
		if s.ready {
			o.Used = s.volume.used()
			for _, zone := range s.volume.zones {
				o.Devices[zone] = s.device(zone)
			}
		}
		for _, t := range s.targets {
			o.Targets = append(o.Targets, t.observe())
		}
		all = append(all, o)
	}
	return all
}

func (s *system) device(zone string) DeviceState {
	switch {
	case s.healing[zone]:
		return DeviceHealing
	case s.volume.lost(zone):
		return DeviceLost
	}
	return DeviceHealthy
}

// Changed gets a token when an observation may differ. Tokens coalesce.
func (m *Manager) Changed() <-chan struct{} { return m.changed }

func (m *Manager) notify() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// Close ends every mount and unmounts every file system, keeping the data.
func (m *Manager) Close() error {
	m.stop()
	m.healers.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for id, s := range m.systems {
		errs = append(errs, m.closeSystem(s))
		delete(m.systems, id)
	}
	return errors.Join(errs...)
}
