package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"

	"haven/lab/realm/machine/systemd"
)

// unitFolders are where units are looked for, first found first taken.
var unitFolders = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system"}

const wantsFolder = "/etc/systemd/system"

// units knows the units that were loaded. Files are read again after daemon-reload only, as with systemd.
type units struct {
	reaper  *reaper
	journal *journal

	mu    sync.Mutex
	known map[string]*service
	stale map[string]bool // to be read again at the next use
}

func newUnits(reaper *reaper, journal *journal) *units {
	return &units{reaper: reaper, journal: journal, known: map[string]*service{}, stale: map[string]bool{}}
}

// errNotFound is for units that have no file.
type errNotFound string

func (e errNotFound) Error() string { return fmt.Sprintf("Unit %s could not be found.", string(e)) }

// isTarget tells whether a name is a synchronization point: those are always reached.
func isTarget(name string) bool { return strings.HasSuffix(name, ".target") }

// fullName adds the suffix that systemctl lets one leave out.
func fullName(name string) string {
	if strings.Contains(name, ".") && filepath.Ext(name) != "" && slices.Contains([]string{".service", ".target", ".socket", ".timer", ".mount", ".path", ".slice", ".device"}, filepath.Ext(name)) {
		return name
	}
	return name + ".service"
}

func findUnit(name string) (string, error) {
	if filepath.Base(name) != name {
		return "", fmt.Errorf("%q is no unit's name", name)
	}
	for _, dir := range unitFolders {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", errNotFound(name)
}

// get returns a unit's service, its file read when it is new or was changed before a daemon-reload.
func (u *units) get(name string) (*service, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	s, ok := u.known[name]
	if ok && !u.stale[name] {
		return s, nil
	}
	parsed, err := load(name)
	if err != nil {
		if ok && errors.As(err, new(errNotFound)) {
			return s, nil // it was deleted, but may still have to be stopped
		}
		return nil, err
	}
	for _, notice := range parsed.Notices {
		u.journal.say("systemd", "%s", notice)
	}
	delete(u.stale, name)
	if !ok {
		s = newService(parsed, u.reaper, u.journal)
		u.known[name] = s
		return s, nil
	}
	s.file.Store(parsed)
	return s, nil
}

func load(name string) (*systemd.Unit, error) {
	if filepath.Ext(name) != ".service" {
		return nil, fmt.Errorf("%s: the lab runs units of type service only", name)
	}
	path, err := findUnit(name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return systemd.Parse(name, f)
}

// reload makes every unit's file be read again.
func (u *units) reload() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for name := range u.known {
		u.stale[name] = true
	}
}

// all returns the loaded services by name.
func (u *units) all() []*service {
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []*service
	for _, s := range u.known {
		all = append(all, s)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].unit().Name < all[j].unit().Name })
	return all
}

// start starts units and what they require, in order: what a unit is After comes first.
func (u *units) start(names ...string) error {
	wanted, order := map[string]bool{}, []string{}
	var problems []error
	var add func(name string, needed bool, path []string)
	add = func(name string, needed bool, path []string) {
		if isTarget(name) || wanted[name] || slices.Contains(path, name) {
			return
		}
		s, err := u.get(name)
		if err != nil {
			if needed {
				problems = append(problems, err)
			}
			return
		}
		path = append(path, name)
		for _, other := range s.unit().Requires {
			add(other, true, path)
		}
		for _, other := range s.unit().Wants {
			add(other, false, path)
		}
		for _, other := range s.unit().After {
			if slices.Contains(names, other) {
				add(other, false, path)
			}
		}
		if !wanted[name] {
			wanted[name] = true
			order = append(order, name)
		}
	}
	for _, name := range names {
		add(name, true, nil)
	}
	if len(problems) > 0 && len(names) == 1 {
		return errors.Join(problems...)
	}
	for _, name := range u.sorted(order) {
		problems = append(problems, u.startOne(name))
	}
	return errors.Join(problems...)
}

// sorted moves units that declare Before another one in front of it.
func (u *units) sorted(names []string) []string {
	out := slices.Clone(names)
	for range out {
		for i := len(out) - 1; i > 0; i-- {
			if s, err := u.get(out[i]); err == nil && slices.Contains(s.unit().Before, out[i-1]) {
				out[i], out[i-1] = out[i-1], out[i]
			}
		}
	}
	return out
}

func (u *units) startOne(name string) error {
	s, err := u.get(name)
	if err != nil {
		return err
	}
	for _, path := range s.unit().RequiresMountsFor {
		if err := mountFor(path, u.reaper, u.journal); err != nil {
			u.journal.say("systemd", "Dependency failed for %s.", s.title())
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, other := range s.unit().Requires {
		if isTarget(other) {
			continue
		}
		required, err := u.get(other)
		if err != nil {
			return err
		}
		if state, _, _, _ := required.snapshot(); state == failed {
			u.journal.say("systemd", "Dependency failed for %s.", s.title())
			return fmt.Errorf("%s: a dependency (%s) failed", name, other)
		}
	}
	if err := s.start(); err != nil {
		return fmt.Errorf("Job for %s failed because %w.\nSee \"systemctl status %s\" and \"journalctl -u %s\" for details.", name, err, name, name) //nolint:staticcheck // systemd's words
	}
	return nil
}

// stopAll stops every service, those first that others were started before.
func (u *units) stopAll() {
	var group sync.WaitGroup
	for _, s := range u.all() {
		group.Go(s.stop)
	}
	group.Wait()
}

// enabled returns the units that start at boot.
func enabled() []string {
	found, _ := filepath.Glob(filepath.Join(wantsFolder, "*.target.wants", "*.service"))
	seen := map[string]bool{}
	var names []string
	for _, path := range found {
		if name := filepath.Base(path); !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// enable makes the links that start a unit at boot, and returns what it did in systemctl's words.
func enable(name string, wantedBy []string) (done []string, err error) {
	path, err := findUnit(name)
	if err != nil {
		return nil, err
	}
	for _, target := range wantedBy {
		link := filepath.Join(wantsFolder, target+".wants", name)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return nil, err
		}
		err := os.Symlink(path, link)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		done = append(done, fmt.Sprintf("Created symlink %s → %s.", link, path))
	}
	return done, nil
}

func disable(name string) (done []string, err error) {
	links, err := filepath.Glob(filepath.Join(wantsFolder, "*.target.wants", name))
	for _, link := range links {
		if err := os.Remove(link); err != nil {
			return nil, err
		}
		done = append(done, fmt.Sprintf("Removed %q.", link))
	}
	return done, err
}
