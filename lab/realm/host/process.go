package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// ProcessSpec declares a supervised process.
type ProcessSpec struct {
	Name      string
	Namespace *Namespace // nil: the caller's own
	Command   func() *exec.Cmd
	Output    io.Writer // gets both outputs
	// Restart starts the process again when it ends by itself, after Delay. Without it Exited is the end.
	Restart bool
	Delay   time.Duration
	// Exited is told each time the process ends by itself; it must not block.
	Exited func(err error)
}

// Process is a supervised process in a process group of its own.
type Process struct {
	spec ProcessSpec

	mu      sync.Mutex
	current *exec.Cmd
	stopped bool
	ended   chan struct{} // closed when the supervisor is done
}

// StartProcess starts the process and supervises it until Stop.
func StartProcess(spec ProcessSpec) (*Process, error) {
	p := &Process{spec: spec, ended: make(chan struct{})}
	if err := p.start(); err != nil {
		return nil, err
	}
	go p.supervise()
	return p, nil
}

func (p *Process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return errors.New("stopped")
	}
	cmd := p.spec.Command()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if p.spec.Output != nil {
		cmd.Stdout, cmd.Stderr = p.spec.Output, p.spec.Output
	}
	start := cmd.Start
	if p.spec.Namespace != nil {
		start = func() error { return p.spec.Namespace.Start(cmd) }
	}
	if err := start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.spec.Name, err)
	}
	p.current = cmd
	return nil
}

func (p *Process) supervise() {
	defer close(p.ended)
	for {
		err := p.current.Wait()
		p.mu.Lock()
		stopped := p.stopped
		p.mu.Unlock()
		if stopped {
			return
		}
		if p.spec.Exited != nil {
			p.spec.Exited(err)
		}
		if !p.spec.Restart {
			return
		}
		time.Sleep(p.spec.Delay)
		if p.start() != nil {
			return
		}
	}
}

// PID returns the process id of the running instance.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current.Process.Pid
}

// Signal sends a signal to the process alone.
func (p *Process) Signal(signal syscall.Signal) error {
	return syscall.Kill(p.PID(), signal)
}

// Done is closed when the process has ended and will not be started again.
func (p *Process) Done() <-chan struct{} { return p.ended }

// Stop ends the process group: SIGTERM first (or the given signal), SIGKILL when the context ends.
func (p *Process) Stop(ctx context.Context, signal syscall.Signal) error {
	p.mu.Lock()
	p.stopped = true
	pid := p.current.Process.Pid
	p.mu.Unlock()
	_ = syscall.Kill(pid, signal) // it may have ended
	select {
	case <-p.ended:
	case <-ctx.Done():
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		<-p.ended
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL) // what it left in its group
	return nil
}
