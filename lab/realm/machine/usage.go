package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Usage is what a machine has used.
type Usage struct {
	CPU       time.Duration // since its boot, of all its processors together
	Memory    int64         // bytes, with the page cache that it filled
	Processes int
}

// Usage measures a running machine; ok is false when it does not run or can't be measured here.
func (m *Manager) Usage(id string) (usage Usage, ok bool) {
	i, err := m.instance(id)
	if err != nil {
		return Usage{}, false
	}
	p := i.current()
	if p == nil {
		return Usage{}, false
	}
	cpu, err1 := p.group.read("cpuacct", "cpuacct.usage")
	memory, err2 := p.group.read("memory", "memory.usage_in_bytes")
	processes, err3 := p.group.read("pids", "pids.current")
	return Usage{CPU: time.Duration(cpu), Memory: memory, Processes: int(processes)}, errors.Join(err1, err2, err3) == nil
}

func (g cgroup) read(controller, file string) (int64, error) {
	if g[controller] == "" {
		return 0, fmt.Errorf("there is no cgroup controller %s", controller)
	}
	text, err := os.ReadFile(filepath.Join(g[controller], file))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}
