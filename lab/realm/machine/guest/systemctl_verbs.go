package guest

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

func (m *machine) verbStart(call systemctlCall, name string) error {
	if call.noBlock {
		go func() {
			if err := m.units.start(name); err != nil {
				m.journal.say("systemd", "%v", err)
			}
		}()
		return nil
	}
	return m.units.start(name)
}

func (m *machine) verbStop(call systemctlCall, name string) error {
	if isTarget(name) {
		return nil
	}
	s, err := m.units.get(name)
	switch {
	case err != nil:
		return err
	case call.noBlock:
		s.beginStop()
	default:
		s.stop()
	}
	return nil
}

func (m *machine) verbRestart(call systemctlCall, name string) error {
	stop := call
	stop.noBlock = false // what is started is started after it
	if err := m.verbStop(stop, name); err != nil {
		return err
	}
	return m.verbStart(call, name)
}

func (m *machine) verbTryRestart(call systemctlCall, name string) error {
	s, err := m.units.get(name)
	if err != nil {
		return err
	}
	if state, _, _, _ := s.snapshot(); state != active {
		return nil
	}
	return m.verbRestart(call, name)
}

func (m *machine) verbReload(_ systemctlCall, name string) error {
	s, err := m.units.get(name)
	if err != nil {
		return err
	}
	state, _, pid, _ := s.snapshot()
	if state != active || len(s.unit().Reload) == 0 {
		return fmt.Errorf("Failed to reload %s: Job type reload is not applicable for unit %s.", name, name) //nolint:staticcheck // systemd's words
	}
	environ := append(slices.Clone(s.unit().Context.Environment), "MAINPID="+strconv.Itoa(pid))
	s.commands(s.unit().Reload, environ)
	return nil
}

func (m *machine) verbKill(call systemctlCall, name string) error {
	s, err := m.units.get(name)
	if err != nil {
		return err
	}
	if _, _, pid, _ := s.snapshot(); pid > 0 {
		return unix.Kill(-pid, call.signal)
	}
	return nil
}

func (m *machine) verbEnable(call systemctlCall, name string) error {
	s, err := m.units.get(name)
	if err != nil {
		return err
	}
	if len(s.unit().WantedBy) == 0 {
		call.errOut(fmt.Sprintf("The unit file of %s has no installation config (WantedBy=); it is not meant to be enabled.\n", name))
	}
	done, err := enable(name, s.unit().WantedBy)
	if err != nil {
		return err
	}
	if !call.quiet {
		for _, text := range done {
			call.errOut(text + "\n")
		}
	}
	if call.now {
		return m.verbStart(call, name)
	}
	return nil
}

func (m *machine) verbDisable(call systemctlCall, name string) error {
	done, err := disable(name)
	for _, text := range done {
		call.errOut(text + "\n")
	}
	if err == nil && call.now {
		return m.verbStop(call, name)
	}
	return err
}

func (m *machine) verbResetFailed(systemctlCall) int {
	for _, s := range m.units.all() {
		s.resetFailed()
	}
	return 0
}

// verbIs prints each unit's state; its exit code is 0 when one has the given state.
func (m *machine) verbIs(want string) func(systemctlCall) int {
	return func(call systemctlCall) int {
		exit := 3
		if want == failed {
			exit = 1
		}
		for _, name := range call.names {
			state := inactive
			if isTarget(name) {
				state = active
			} else if s, err := m.units.get(name); err == nil {
				state, _, _, _ = s.snapshot()
			}
			if state == want {
				exit = 0
			}
			if !call.quiet {
				call.out(state + "\n")
			}
		}
		return exit
	}
}

func (m *machine) verbIsEnabled(call systemctlCall) int {
	exit := 1
	for _, name := range call.names {
		state := "disabled"
		if _, err := findUnit(name); err != nil {
			call.errOut(fmt.Sprintf("Failed to get unit file state for %s: No such file or directory\n", name))
			continue
		}
		if slices.Contains(enabled(), name) {
			state, exit = "enabled", 0
		}
		if !call.quiet {
			call.out(state + "\n")
		}
	}
	return exit
}

func (m *machine) verbSystem(call systemctlCall) int {
	for _, s := range m.units.all() {
		if state, _, _, _ := s.snapshot(); state == failed {
			call.out("degraded\n")
			return 1
		}
	}
	call.out("running\n")
	return 0
}

const stamp = "Mon 2006-01-02 15:04:05 MST"

func ago(t time.Time) string { return time.Since(t).Round(time.Second).String() + " ago" }
