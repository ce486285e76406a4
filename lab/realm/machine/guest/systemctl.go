package guest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"haven/lab/realm/machine/systemd"
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
	signal              syscall.Signal // of kill
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
	call.signal = unix.SIGTERM
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
		case (arg == "-s" || arg == "--signal") && i+1 < len(args):
			i++
			if call.signal, err = systemd.ParseSignal(args[i]); err != nil {
				return call, fmt.Errorf("%s %s: %w", arg, args[i], err)
			}
		case strings.HasPrefix(arg, "--signal="):
			if call.signal, err = systemd.ParseSignal(strings.TrimPrefix(arg, "--signal=")); err != nil {
				return call, fmt.Errorf("%s: %w", arg, err)
			}
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
