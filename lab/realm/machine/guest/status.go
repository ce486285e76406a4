package guest

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

func (m *machine) verbStatus(call systemctlCall) int {
	if len(call.names) == 0 {
		call.out(fmt.Sprintf("● %s\n    State: running\n    Since: %s; %s\n", m.config.Hostname, m.booted.UTC().Format(stamp), ago(m.booted)))
		return 0
	}
	exit := 0
	for _, name := range call.names {
		s, err := m.units.get(name)
		if err != nil {
			call.errOut(fmt.Sprintf("Unit %s could not be found.\n", name))
			exit = 4
			continue
		}
		if m.status(call, s) != active && exit == 0 {
			exit = 3
		}
	}
	return exit
}

func (m *machine) status(call systemctlCall, s *service) string {
	state, result, pid, since := s.snapshot()
	path, _ := findUnit(s.unit().Name) // it may have been deleted
	on := "disabled"
	if slices.Contains(enabled(), s.unit().Name) {
		on = "enabled"
	}
	call.out(fmt.Sprintf("● %s\n", s.title()))
	call.out(fmt.Sprintf("     Loaded: loaded (%s; %s)\n", path, on))
	call.out(fmt.Sprintf("     Active: %s since %s; %s\n", described(state, result), since.UTC().Format(stamp), ago(since)))
	if pid > 0 {
		call.out(fmt.Sprintf("   Main PID: %d\n", pid))
	}
	for _, l := range m.journal.tail(s.unit().Name, 10) {
		call.out(l.String() + "\n")
	}
	return state
}

func described(state, result string) string {
	switch {
	case state == active:
		return "active (running)"
	case state == inactive:
		return "inactive (dead)"
	case state == activating && result != "":
		return "activating (auto-restart) (Result: " + result + ")"
	case state == failed:
		return "failed (Result: " + result + ")"
	}
	return state
}

func (m *machine) verbList(call systemctlCall) int {
	call.out(fmt.Sprintf("%-40s %-8s %-12s %s\n", "UNIT", "LOAD", "ACTIVE", "DESCRIPTION"))
	for _, s := range m.units.all() {
		state, _, _, _ := s.snapshot()
		call.out(fmt.Sprintf("%-40s %-8s %-12s %s\n", s.unit().Name, "loaded", state, s.unit().Description))
	}
	return 0
}

// verbShow prints the properties that scripts ask for; one that the lab does not know is an error.
func (m *machine) verbShow(call systemctlCall) int {
	if len(call.names) != 1 || len(call.properties) == 0 {
		call.errOut("systemctl show: the lab implements it for one unit, with -p\n")
		return 1
	}
	values := map[string]string{"LoadState": "not-found", "ActiveState": inactive, "MainPID": "0", "NRestarts": "0", "Result": "success", "SubState": "dead", "ExecMainStatus": "0"}
	if s, err := m.units.get(call.names[0]); err == nil {
		state, result, pid, _ := s.snapshot()
		values["LoadState"], values["ActiveState"], values["MainPID"] = "loaded", state, strconv.Itoa(pid)
		if result != "" {
			values["Result"] = result
		}
		if state == active {
			values["SubState"] = "running"
		}
		s.mu.Lock()
		values["NRestarts"], values["ExecMainStatus"] = strconv.Itoa(s.restarts), strconv.Itoa(exitCode(s.status))
		s.mu.Unlock()
	}
	for _, name := range call.properties {
		value, ok := values[name]
		if !ok {
			call.errOut(fmt.Sprintf("systemctl show: the lab does not know the property %s\n", name))
			return 1
		}
		if !call.valueOnly {
			value = name + "=" + value
		}
		call.out(value + "\n")
	}
	return 0
}

func (m *machine) verbCat(call systemctlCall, name string) error {
	path, err := findUnit(name)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	call.out("# " + path + "\n" + string(text))
	return err
}

// journalctl shows what units said: -u UNIT, -n LINES, -f, -o cat.
func (m *machine) journalctl(ctx context.Context, args []string, out, errOut say) int {
	unit, n, follow, bare := "", -1, false, false
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		takes := slices.Contains([]string{"-u", "--unit", "-n", "--lines", "-o", "--output"}, name)
		if takes && !joined && i+1 < len(args) {
			i++
			value = args[i]
		}
		switch name {
		case "-u", "--unit":
			unit = fullName(value)
		case "-n", "--lines":
			parsed, err := strconv.Atoi(value)
			if err != nil {
				errOut("journalctl: Failed to parse lines '" + value + "'\n")
				return 1
			}
			n = parsed
		case "-o", "--output":
			bare = value == "cat"
		case "-f", "--follow":
			follow = true
		case "--no-pager", "-b", "--boot", "-x", "-e", "-xe", "--no-hostname", "-q", "--quiet":
		default:
			errOut("journalctl: the lab does not implement the option " + args[i] + "\n")
			return 1
		}
	}
	show := func(l line) {
		if bare {
			out(l.text + "\n")
		} else {
			out(l.String() + "\n")
		}
	}
	if follow && n < 0 {
		n = 10
	}
	for _, l := range m.journal.tail(unit, n) {
		show(l)
	}
	if follow {
		m.journal.follow(ctx, unit, show)
	}
	return 0
}
