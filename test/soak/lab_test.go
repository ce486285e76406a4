package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// belongings is what the lab has of the machine.
type belongings struct {
	processes map[string]int // by name
	spaces    int            // network namespaces
	mounts    int
	files     int   // open in the serving process
	memory    int64 // of the serving process, bytes
}

// measure looks at all processes in the lab's pid namespace.
func (e *environment) measure() (b belongings, err error) {
	b.processes = map[string]int{}
	space, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", e.pid))
	if err != nil {
		return b, fmt.Errorf("looking at the lab's process: %w", err)
	}
	networks, server := map[string]bool{}, ""
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return b, err
	}
	for _, process := range all {
		// Instances have pid namespaces of their own, below the lab's: what tells them is the lab's init above them.
		if !inside(process, space) {
			continue
		}
		name, _ := os.ReadFile(filepath.Join(process, "comm")) // it may have ended meanwhile
		b.processes[strings.TrimSpace(string(name))]++
		if network, err := os.Readlink(filepath.Join(process, "ns/net")); err == nil {
			networks[network] = true
		}
		if line, _ := os.ReadFile(filepath.Join(process, "cmdline")); strings.Contains(string(line), "lab\x00serve") {
			server = process
		}
	}
	if server == "" {
		return b, fmt.Errorf("the lab's serving process is not there")
	}
	mounts, err := os.ReadFile(filepath.Join(server, "mounts"))
	if err != nil {
		return b, err
	}
	for _, line := range strings.Split(string(mounts), "\n") {
		if strings.Contains(line, " nsfs ") {
			b.spaces++
		} else if line != "" {
			b.mounts++
		}
	}
	files, err := os.ReadDir(filepath.Join(server, "fd"))
	b.files = len(files)
	b.memory = resident(server)
	return b, err
}

// inside tells whether a process is below the init of the pid namespace, whatever namespace is its own.
func inside(process, space string) bool {
	for range 64 {
		if own, err := os.Readlink(filepath.Join(process, "ns/pid")); err == nil && own == space {
			return true
		}
		stat, err := os.ReadFile(filepath.Join(process, "stat"))
		if err != nil {
			return false
		}
		var state string
		var parent int
		fields := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
		if _, err := fmt.Sscan(fields, &state, &parent); err != nil || parent <= 1 {
			return false
		}
		process = fmt.Sprintf("/proc/%d", parent)
	}
	return false
}

func resident(process string) (bytes int64) {
	raw, _ := os.ReadFile(filepath.Join(process, "status"))
	for _, line := range strings.Split(string(raw), "\n") {
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &bytes); err == nil {
			return bytes << 10
		}
	}
	return 0
}

func (b belongings) String() string {
	var names []string
	total := 0
	for name, count := range b.processes {
		names = append(names, fmt.Sprintf("%s %d", name, count))
		total += count
	}
	sort.Strings(names)
	return fmt.Sprintf("%d processes (%s), %d network namespaces, %d mounts, %d open files, %d MiB", total, strings.Join(names, ", "), b.spaces, b.mounts, b.files, b.memory>>20)
}

// sessions are processes that come and go with clients: a server process for each database session.
var sessions = []string{"postgres", "curl", "sh", "bash", "sleep", "mount.efs"}

// grown tells what the lab has more of than before. Sessions come and go, so those may differ a little; memory may
// grow by what histories keep within their bounds.
func grown(before, after belongings) (more []string) {
	for name, count := range after.processes {
		allowed := before.processes[name]
		for _, session := range sessions {
			if name == session {
				allowed += 10
			}
		}
		if count > allowed {
			more = append(more, fmt.Sprintf("%d processes %q instead of %d", count, name, before.processes[name]))
		}
	}
	if after.spaces > before.spaces {
		more = append(more, fmt.Sprintf("%d network namespaces instead of %d", after.spaces, before.spaces))
	}
	if after.mounts > before.mounts {
		more = append(more, fmt.Sprintf("%d mounts instead of %d", after.mounts, before.mounts))
	}
	if after.files > before.files+before.files/5+20 {
		more = append(more, fmt.Sprintf("%d open files instead of %d", after.files, before.files))
	}
	if limit := before.memory*3/2 + 64<<20; after.memory > limit {
		more = append(more, fmt.Sprintf("%d MiB of memory instead of %d", after.memory>>20, before.memory>>20))
	}
	return more
}
