package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// goEnvironment keeps what the user has set for Go from changing what is built. Modules are verified by the committed
// go.sum alone.
var goEnvironment = []string{"GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0", "GOOS=", "GOARCH="}

// roomToWaste is the memory with which compilers may collect their garbage less often, in bytes.
const roomToWaste = 12 << 30

// compilerEnvironment makes compilers collect garbage less often where memory is plenty: measured on the API clients of
// AWS, it takes a fifth off the processor time and adds half to the memory. What is compiled is the same.
func compilerEnvironment(available uint64) []string {
	if os.Getenv("GOGC") != "" || available < roomToWaste {
		return nil
	}
	return []string{"GOGC=400"}
}

// buildFlags make a build independent of the folder it runs in, so that its compiled packages serve every clone.
var buildFlags = []string{"-mod=readonly", "-trimpath", "-buildvcs=false"}

// goCommand prepares a go command that ends, with all that it started, when the context does.
func goCommand(ctx context.Context, folder string, arguments ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "go", arguments...)
	c.Dir = folder
	c.Env = pinnedEnvironment()
	// Setup that is killed takes the command with it: left alone, it would go on writing into a folder that the next
	// setup has cleaned up.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
	c.WaitDelay = 10 * time.Second
	return c
}

// goOutput runs a go command and returns what it printed. The error has what it said on its error output.
func goOutput(ctx context.Context, folder string, arguments ...string) ([]byte, error) {
	c := goCommand(ctx, folder, arguments...)
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := runOnOneThread(c); err != nil {
		return nil, commandError(ctx, err, said.String())
	}
	return out.Bytes(), nil
}

// pinnedEnvironment is the environment of builds that must not depend on the user's settings.
func pinnedEnvironment() []string { return append(os.Environ(), goEnvironment...) }

// withoutInlining are build flags for packages of the patterns.
func withoutInlining(patterns []string) (flags []string) {
	for _, pattern := range patterns {
		flags = append(flags, "-gcflags="+pattern+"=-l")
	}
	return flags
}

// goBuild builds a package in an environment and counts the packages that had to be compiled.
func goBuild(ctx context.Context, folder string, environment []string, compiled *atomic.Int64, arguments ...string) error {
	c := goCommand(ctx, folder, append([]string{"build", "-v"}, arguments...)...)
	c.Env = append(environment, compilerEnvironment(availableMemory())...)
	said := &packageCounter{count: compiled}
	c.Stderr = said
	c.Stdout = io.Discard
	if err := runOnOneThread(c); err != nil {
		return commandError(ctx, err, said.rest.String())
	}
	return nil
}

// runOnOneThread keeps the thread that starts the command until it ends: Pdeathsig is about that thread's death.
func runOnOneThread(c *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return c.Run()
}

func commandError(ctx context.Context, err error, said string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	said = strings.TrimSpace(said)
	if said == "" {
		return err
	}
	return fmt.Errorf("%w:\n%s", err, said)
}

// packageCounter counts the lines of "go build -v" that name a package and keeps the others: they are errors.
type packageCounter struct {
	count   *atomic.Int64
	rest    strings.Builder
	partial string
}

func (w *packageCounter) Write(text []byte) (int, error) {
	lines := strings.Split(w.partial+string(text), "\n")
	w.partial = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		if line != "" && !strings.ContainsAny(line, " \t:#") {
			w.count.Add(1)
			continue
		}
		w.rest.WriteString(line + "\n")
	}
	return len(text), nil
}
