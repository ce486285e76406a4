// Package systemd reads systemd's service units as far as an instance's init honours them, with systemd's own
// defaults. What it does not know it reports as systemd does, and what it knows but does not enforce it reports too.
//
// Reference: https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html, systemd.exec.html and systemd.unit.html.
package systemd

import (
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/unit"
)

// Unit is a service.
type Unit struct {
	Name        string // with its suffix, such as "web.service"
	Description string

	After, Before, Requires, Wants []string
	RequiresMountsFor              []string
	WantedBy                       []string

	Type            string // "simple", "exec" or "oneshot"
	StartPre        []Command
	Start           []Command
	StartPost       []Command
	Reload          []Command
	Stop            []Command
	StopPost        []Command
	Restart         string
	RestartDelay    time.Duration
	StartTimeout    time.Duration // 0: none
	StopTimeout     time.Duration // 0: none
	RemainAfterExit bool
	KillSignal      syscall.Signal
	KillMode        string // "control-group", "mixed", "process" or "none"
	SuccessStatus   []int

	StartLimitInterval time.Duration
	StartLimitBurst    int

	EnvironmentFiles []File
	Context          Context

	// Notices are what systemd would log about the file, and what the lab does not enforce.
	Notices []string
}

// File is a path that may be marked as optional with a leading dash.
type File struct {
	Path     string
	Optional bool
}

// Context is what a service's processes run in.
type Context struct {
	User, Group     string
	Groups          []string
	Directory       string // empty: /
	Environment     []string
	UMask           int
	Limits          map[int]uint64 // by RLIMIT_ number
	NoNewPrivileges bool
	PrivateTmp      bool
	ProtectSystem   string // "", "true", "full" or "strict"
	ProtectHome     string // "", "true", "read-only" or "tmpfs"
	ReadWritePaths  []File
	ReadOnlyPaths   []File
	Directories     []Directory
	NoOutput        bool // StandardOutput=null
}

// Directory is made for the service before it starts, and belongs to its user.
type Directory struct {
	Path string
	Mode int
}

func defaults(name string) *Unit {
	return &Unit{
		Name: name, Type: "simple", Restart: "no", RestartDelay: 100 * time.Millisecond,
		StartTimeout: 90 * time.Second, StopTimeout: 90 * time.Second,
		KillSignal: syscall.SIGTERM, KillMode: "control-group",
		StartLimitInterval: 10 * time.Second, StartLimitBurst: 5,
		Context: Context{UMask: 0o022, Limits: map[int]uint64{}},
	}
}

// Parse reads a service unit. An error says that systemd, or the lab, would refuse to load it.
func Parse(name string, text io.Reader) (*Unit, error) {
	options, err := unit.Deserialize(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	u := defaults(name)
	for _, option := range options {
		if err := u.set(option); err != nil {
			return nil, fmt.Errorf("%s: %s=%s: %w", name, option.Name, option.Value, err)
		}
	}
	return u, u.check()
}

func (u *Unit) set(option *unit.UnitOption) error {
	key := option.Section + "." + option.Name
	if set, ok := setters[key]; ok {
		return set(u, u.expand(strings.ReplaceAll(option.Value, "\\\n", " "))) // a continued line
	}
	switch {
	case unenforced[option.Name]:
		u.notice("%s= is accepted, but the lab does not enforce it", option.Name)
	case len(option.Name) > 2 && option.Name[:2] == "X-", len(option.Section) > 2 && option.Section[:2] == "X-":
	default:
		u.notice("Unknown key name '%s' in section '%s', ignoring.", option.Name, option.Section)
	}
	return nil
}

func (u *Unit) notice(format string, args ...any) {
	u.Notices = append(u.Notices, u.Name+": "+fmt.Sprintf(format, args...))
}

func (u *Unit) check() error {
	if len(u.Start) == 0 && (u.Type != "oneshot" || len(u.Stop) == 0) {
		return fmt.Errorf("%s: Service has no ExecStart= setting. Refusing.", u.Name) //nolint:staticcheck // systemd's words
	}
	if len(u.Start) > 1 && u.Type != "oneshot" {
		return fmt.Errorf("%s: Service has more than one ExecStart= setting, which is only allowed for Type=oneshot services. Refusing.", u.Name) //nolint:staticcheck // systemd's words
	}
	if u.Type == "oneshot" {
		if u.Restart == "always" || u.Restart == "on-success" {
			return fmt.Errorf("%s: Service has Restart= set to either always or on-success, which isn't allowed for Type=oneshot services. Refusing.", u.Name) //nolint:staticcheck // systemd's words
		}
		u.StartTimeout = 0
	}
	return nil
}

// Environ returns the assignments of the service: those of the unit, then those of its files, which win.
func (u *Unit) Environ(read func(path string) (string, error)) ([]string, error) {
	all := append([]string(nil), u.Context.Environment...)
	for _, file := range u.EnvironmentFiles {
		text, err := read(file.Path)
		if err != nil {
			if file.Optional {
				continue
			}
			return nil, fmt.Errorf("%s: Failed to load environment files: %w", u.Name, err)
		}
		all = append(all, parseEnvironment(text)...)
	}
	return all, nil
}
