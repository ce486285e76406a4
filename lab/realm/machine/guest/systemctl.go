package guest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// say is how a command prints.
type say func(text string)

// command carries out a command of the instance and returns its exit code.
func (m *machine) command(ctx context.Context, in commandRequest, out, errOut say) int {
	switch in.Name {
	case "systemctl":
		return m.systemctl(in.Args, out, errOut)
	case "journalctl":
		return m.journalctl(ctx, in.Args, out, errOut)
	case "reboot":
		return m.goDown(ExitReboot)
	case "poweroff", "halt":
		return m.goDown(ExitOff)
	case "shutdown":
		if slices.Contains(in.Args, "-c") {
			errOut("shutdown: the lab carries out a shutdown at once: there is none to cancel\n")
			return 1
		}
		if slices.Contains(in.Args, "-r") || slices.Contains(in.Args, "--reboot") {
			return m.goDown(ExitReboot)
		}
		return m.goDown(ExitOff)
	}
	errOut(in.Name + ": the lab does not implement this command\n")
	return 1
}

func (m *machine) goDown(code int) int {
	go m.end(code)
	return 0
}

// flags of systemctl that change nothing here.
var idleFlags = map[string]bool{"--no-pager": true, "--no-legend": true, "--full": true, "-l": true, "--no-ask-password": true, "--system": true,
	"--plain": true, "--all": true, "-a": true, "--force": true, "-f": true, "--no-reload": true, "--type=service": true, "--no-wall": true}

type systemctlCall struct {
	verb                string
	names               []string
	now, quiet, noBlock bool
	properties          []string
	valueOnly           bool
	out, errOut         say
}

// systemctl implements the verbs that user data and operators use; the others are refused by name.
func (m *machine) systemctl(args []string, out, errOut say) int {
	call, err := parseSystemctl(args)
	if err != nil {
		errOut("systemctl: " + err.Error() + "\n")
		return 1
	}
	call.out, call.errOut = out, errOut
	verbs := map[string]func(systemctlCall) int{
		"daemon-reload": func(systemctlCall) int { m.units.reload(); return 0 }, "daemon-reexec": func(systemctlCall) int { return 0 },
		"start": m.each(m.verbStart), "stop": m.each(m.verbStop), "restart": m.each(m.verbRestart), "try-restart": m.each(m.verbTryRestart),
		"reload-or-restart": m.each(m.verbRestart), "reload": m.each(m.verbReload), "kill": m.each(m.verbKill),
		"enable": m.each(m.verbEnable), "disable": m.each(m.verbDisable), "reset-failed": m.verbResetFailed,
		"status": m.verbStatus, "is-active": m.verbIs(active), "is-failed": m.verbIs(failed), "is-enabled": m.verbIsEnabled,
		"list-units": m.verbList, "show": m.verbShow, "cat": m.each(m.verbCat), "is-system-running": m.verbSystem,
		"reboot": func(systemctlCall) int { return m.goDown(ExitReboot) }, "poweroff": func(systemctlCall) int { return m.goDown(ExitOff) },
		"halt": func(systemctlCall) int { return m.goDown(ExitOff) },
	}
	verb, ok := verbs[call.verb]
	if !ok {
		errOut(fmt.Sprintf("systemctl: the lab does not implement %q\n", call.verb))
		return 1
	}
	return verb(call)
}

func parseSystemctl(args []string) (call systemctlCall, err error) {
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--now":
			call.now = true
		case arg == "-q" || arg == "--quiet":
			call.quiet = true
		case arg == "--no-block":
			call.noBlock = true
		case arg == "--value":
			call.valueOnly = true
		case (arg == "-p" || arg == "--property") && i+1 < len(args):
			i++
			call.properties = append(call.properties, strings.Split(args[i], ",")...)
		case strings.HasPrefix(arg, "--property="):
			call.properties = append(call.properties, strings.Split(strings.TrimPrefix(arg, "--property="), ",")...)
		case idleFlags[arg]:
		case strings.HasPrefix(arg, "-"):
			return call, fmt.Errorf("the lab does not implement the option %s", arg)
		case call.verb == "":
			call.verb = arg
		default:
			call.names = append(call.names, fullName(arg))
		}
	}
	if call.verb == "" {
		call.verb = "list-units"
	}
	return call, nil
}

// each carries out a verb for each unit that is named; its exit code is 0 when all went well.
func (m *machine) each(verb func(systemctlCall, string) error) func(systemctlCall) int {
	return func(call systemctlCall) int {
		if len(call.names) == 0 {
			call.errOut("Too few arguments.\n")
			return 1
		}
		exit := 0
		for _, name := range call.names {
			if err := verb(call, name); err != nil {
				exit = 1
				if errors.As(err, new(errNotFound)) {
					exit = 5
					err = fmt.Errorf("Failed to %s %s: Unit %s not found.", call.verb, name, name) //nolint:staticcheck // systemd's words
				}
				call.errOut(err.Error() + "\n")
			}
		}
		return exit
	}
}

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

func (m *machine) verbStop(_ systemctlCall, name string) error {
	if isTarget(name) {
		return nil
	}
	s, err := m.units.get(name)
	if err == nil {
		s.stop()
	}
	return err
}

func (m *machine) verbRestart(call systemctlCall, name string) error {
	if err := m.verbStop(call, name); err != nil {
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
	if state != active || len(s.unit.Reload) == 0 {
		return fmt.Errorf("Failed to reload %s: Job type reload is not applicable for unit %s.", name, name) //nolint:staticcheck // systemd's words
	}
	environ := append(slices.Clone(s.unit.Context.Environment), "MAINPID="+strconv.Itoa(pid))
	s.commands(s.unit.Reload, environ)
	return nil
}

func (m *machine) verbKill(_ systemctlCall, name string) error {
	s, err := m.units.get(name)
	if err != nil {
		return err
	}
	if _, _, pid, _ := s.snapshot(); pid > 0 {
		return unix.Kill(-pid, s.unit.KillSignal)
	}
	return nil
}

func (m *machine) verbEnable(call systemctlCall, name string) error {
	s, err := m.units.get(name)
	if err != nil {
		return err
	}
	if len(s.unit.WantedBy) == 0 {
		call.errOut(fmt.Sprintf("The unit file of %s has no installation config (WantedBy=); it is not meant to be enabled.\n", name))
	}
	done, err := enable(name, s.unit.WantedBy)
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
