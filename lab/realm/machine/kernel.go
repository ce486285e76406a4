package machine

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// kernelEvery is how often the limits' counters are read.
const kernelEvery = time.Second

// kernelCounts are how often a machine has hit its limits.
type kernelCounts struct {
	killed  int64 // processes that were killed because memory was short
	refused int64 // forks beyond the limit of processes
}

// followKernel counts the machine's credits, and writes on the machine's console what its kernel would say there of memory and processes that ran out.
func (i *instance) followKernel(p *process) {
	var told kernelCounts
	begun := time.Now()
	p.followCredits(i.facts())
	tick := time.NewTicker(kernelEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.ended:
			return
		case <-tick.C:
		}
		p.followCredits(i.facts())
		now := p.group.counts()
		for _, line := range kernelLines(told, now) {
			fmt.Fprintf(p.console, "[%12.6f] %s\n", time.Since(begun).Seconds(), line)
		}
		told = now
	}
}

func kernelLines(was, now kernelCounts) (lines []string) {
	if n := now.killed - was.killed; n > 0 {
		lines = append(lines, fmt.Sprintf("Out of memory: Killed %d process(es); %d since boot", n, now.killed))
	}
	if n := now.refused - was.refused; n > 0 {
		lines = append(lines, fmt.Sprintf("cgroup: fork rejected by pids controller %d time(s); %d since boot", n, now.refused))
	}
	return lines
}

// counts reads the counters; what can't be read counts nothing.
func (g cgroup) counts() kernelCounts {
	return kernelCounts{killed: g.field("memory", "memory.oom_control", "oom_kill"), refused: g.field("pids", "pids.events", "max")}
}

// field reads one number of a file of names and numbers.
func (g cgroup) field(controller, file, name string) int64 {
	if g[controller] == "" {
		return 0
	}
	text, err := os.ReadFile(filepath.Join(g[controller], file))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		if fields := strings.Fields(string(line)); len(fields) == 2 && fields[0] == name {
			n, _ := strconv.ParseInt(fields[1], 10, 64) // the kernel's own number
			return n
		}
	}
	return 0
}
