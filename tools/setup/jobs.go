package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

const (
	// roomForBuild is the memory that a build may take, in bytes: a compiler takes up to two gigabytes, and two run at once.
	roomForBuild = 4 << 30
	mostBuilds   = 3
)

// runJobs runs the jobs, several at once where the machine's memory allows it: one build alone leaves processors idle
// while it waits for its largest packages, for a linker or for a download. A job that fails does not stop the others:
// what they compile is kept.
func runJobs(jobs []func() error) error {
	var group errgroup.Group
	group.SetLimit(buildsAtOnce(availableMemory()))
	failed := make([]error, len(jobs))
	for i, job := range jobs {
		group.Go(func() error {
			failed[i] = job()
			return nil
		})
	}
	_ = group.Wait() // the errors are all in failed
	return errors.Join(failed...)
}

// buildsAtOnce is how many builds fit into so much memory, in bytes.
func buildsAtOnce(memory uint64) int {
	return int(min(max(memory/roomForBuild, 1), mostBuilds))
}

// availableMemory is what the system can give without swapping, in bytes; 0 if it does not say.
func availableMemory() uint64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes uint64
		if _, err := fmt.Sscanf(line, "MemAvailable: %d kB", &kilobytes); err == nil {
			return kilobytes << 10
		}
	}
	return 0
}

// buildAll builds the toolchain and the project's own programs, and puts all of it into the project's home. A command
// of the project that does not compile leaves the toolchain usable.
func buildAll(ctx context.Context, h home, cache string, p *progress) error {
	var mu sync.Mutex
	binaries := map[string]string{}
	var jobs []func() error
	tools := toolchain(h.root)
	for _, t := range tools {
		jobs = append(jobs, func() error {
			path, err := t.ensure(ctx, cache, p)
			if err != nil {
				return fmt.Errorf("building %s: %w", t.title, err)
			}
			mu.Lock()
			defer mu.Unlock()
			binaries[t.binary] = path
			return nil
		})
	}
	jobs = append(jobs,
		func() error { return compileProgram(ctx, h, p) },
		func() error { return buildHaven(ctx, h, p) },
	)
	failed := runJobs(jobs)
	if len(binaries) < len(tools) {
		return failed
	}
	if err := h.install(binaries); err != nil {
		return errors.Join(failed, fmt.Errorf("installing the toolchain in %s: %w", h.dir(), err))
	}
	if err := h.writeEnvironment(); err != nil {
		return errors.Join(failed, fmt.Errorf("writing %s: %w", h.environment(), err))
	}
	return failed
}
