package host

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Everyone is the name that means every process of a namespace.
const Everyone = "*"

// found is a process in a namespace.
type found struct {
	pid     int
	begun   string // its start time: a process id is used again
	state   string // as in /proc: T is stopped
	parent  int
	aliases []string
}

// rounds bound how often processes are looked for that were forked by others just before those were stopped.
const rounds = 10

// Hang stops (SIGSTOP) the processes in the namespace that have one of the names, with all their children, and lets go on
// (SIGCONT) those that a former call stopped and this one does not name. It is level-triggered and safe to repeat; without
// names everything goes on. The calling process is never stopped.
func (n *Namespace) Hang(names ...string) error {
	n.hanging.Lock()
	defer n.hanging.Unlock()
	if n.hung == nil {
		n.hung = map[int]string{}
	}
	for range rounds {
		changed, err := n.hangOnce(names)
		if err != nil || !changed {
			return err
		}
	}
	return nil
}

func (n *Namespace) hangOnce(names []string) (changed bool, err error) {
	all, err := n.processes()
	if err != nil {
		return false, err
	}
	alive := map[int]bool{}
	for _, p := range all {
		alive[p.pid] = true
	}
	for pid := range n.hung {
		if !alive[pid] {
			delete(n.hung, pid)
		}
	}
	for _, p := range all {
		switch wanted := p.meant(all, names); {
		case wanted && p.state != "T" && p.state != "Z":
			err = errors.Join(err, signal(p, unix.SIGSTOP))
			n.hung[p.pid], changed = p.begun, true
		case !wanted && n.hung[p.pid] == p.begun:
			err = errors.Join(err, signal(p, unix.SIGCONT))
			delete(n.hung, p.pid)
		}
	}
	return changed, err
}

// Hanging tells how many processes of the names there are in the namespace, and how many of them are stopped.
func (n *Namespace) Hanging(names ...string) (stopped, of int, err error) {
	all, err := n.processes()
	for _, p := range all {
		if p.state == "Z" || !p.meant(all, names) {
			continue
		}
		of++
		if p.state == "T" {
			stopped++
		}
	}
	return stopped, of, err
}

func signal(p found, number unix.Signal) error {
	if err := unix.Kill(p.pid, number); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("sending %s to process %d (%s): %w", unix.SignalName(number), p.pid, p.aliases[0], err)
	}
	return nil
}

// meant tells whether a process, or one that it descends from, has one of the names.
func (p found) meant(all []found, names []string) bool {
	for range len(all) + 1 {
		for _, name := range names {
			if name == Everyone || slices.Contains(p.aliases, name) {
				return true
			}
		}
		i := slices.IndexFunc(all, func(other found) bool { return other.pid == p.parent })
		if i < 0 {
			return false
		}
		p = all[i]
	}
	return false
}

// processes lists what runs in the namespace.
func (n *Namespace) processes() ([]found, error) {
	var own unix.Stat_t
	if err := unix.Fstat(n.FD(), &own); err != nil {
		return nil, fmt.Errorf("identifying namespace %s: %w", n.name, err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var all []found
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		var inside unix.Stat_t
		if unix.Stat(filepath.Join("/proc", entry.Name(), "ns/net"), &inside) != nil || inside.Ino != own.Ino || inside.Dev != own.Dev {
			continue // or it has ended
		}
		if p, ok := readProcess(pid); ok {
			all = append(all, p)
		}
	}
	return all, nil
}

// readProcess reads what /proc tells of a process, see proc(5).
func readProcess(pid int) (p found, ok bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return p, false
	}
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	fields := strings.Fields(string(stat[end+1:]))
	if open < 0 || end < open || len(fields) < 20 {
		return p, false
	}
	p = found{pid: pid, state: fields[0], begun: fields[19], aliases: []string{string(stat[open+1 : end])}}
	p.parent, _ = strconv.Atoi(fields[1])
	command, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
	for i, argument := range strings.Split(string(command), "\x00") {
		if i < 2 && argument != "" && !strings.HasPrefix(argument, "-") { // the second is what an interpreter runs
			p.aliases = append(p.aliases, filepath.Base(argument))
		}
	}
	return p, true
}
