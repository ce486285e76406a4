package postgres

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is Linux's USER_HZ, which never differs.
const ticksPerSecond = 100

// processorTime is what the processes have used, and what those used that the postmaster has waited for.
func processorTime(pids []int, postmaster int) time.Duration {
	var ticks int64
	for _, pid := range pids {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err == nil {
			ticks += ticksOf(string(raw), pid == postmaster)
		}
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}

// ticksOf reads the processor time out of a line of /proc/<pid>/stat; with children, theirs, too.
func ticksOf(stat string, children bool) int64 {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]) // the name before may hold anything
	if len(fields) < 15 {
		return 0
	}
	last := 12 // utime and stime are fields 14 and 15 of the line
	if children {
		last = 14
	}
	var sum int64
	for _, field := range fields[11 : last+1] {
		n, _ := strconv.ParseInt(field, 10, 64)
		sum += n
	}
	return sum
}

// proportionalMemory is the processes' memory in bytes, what they share divided among them.
func proportionalMemory(pids []int) int64 {
	var sum int64
	for _, pid := range pids {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(raw)) {
			if value, ok := strings.CutPrefix(line, "Pss:"); ok {
				n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
				sum += n << 10
			}
		}
	}
	return sum
}

// networkBytes reads what the interfaces in a process's network namespace have received and sent.
func networkBytes(pid int) (received, sent int64) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/dev", pid))
	if err != nil {
		return 0, 0
	}
	return trafficOf(string(raw))
}

func trafficOf(dev string) (received, sent int64) {
	for line := range strings.Lines(dev) {
		name, counters, ok := strings.Cut(line, ":")
		fields := strings.Fields(counters)
		if !ok || strings.TrimSpace(name) == "lo" || len(fields) < 9 {
			continue
		}
		in, _ := strconv.ParseInt(fields[0], 10, 64)
		out, _ := strconv.ParseInt(fields[8], 10, 64)
		received, sent = received+in, sent+out
	}
	return received, sent
}
