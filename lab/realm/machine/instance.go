package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"haven/lab/realm/machine/guest"
)

const (
	shutdownTime = 90 * time.Second // then what still runs is killed
	bootTime     = 30 * time.Second // until the init answers
)

// instance is one machine. op is held by the operation that changes it; mu guards what others may read meanwhile.
type instance struct {
	manager *Manager
	id, dir string

	op sync.Mutex

	mu       sync.Mutex
	spec     Spec
	phase    Phase
	reason   string
	user     guest.Event
	process  *process
	stopping bool // the end of the process will be our doing
	held     bool // the phase stays "running" while the process is replaced
}

func (i *instance) observe() Observation {
	i.mu.Lock()
	defer i.mu.Unlock()
	return Observation{ID: i.id, Phase: i.phase, Reason: i.reason, UserData: i.user.UserData, ExitCode: i.user.ExitCode}
}

func (i *instance) facts() Spec {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.spec
}

func (i *instance) current() *process {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.process
}

func (i *instance) start(ctx context.Context, spec Spec) error {
	i.op.Lock()
	defer i.op.Unlock()
	i.mu.Lock()
	i.spec = spec
	runs := i.process != nil
	i.mu.Unlock()
	if runs {
		return nil
	}
	return i.boot(ctx)
}

// boot starts the machine's process and waits for its init. The caller holds op.
func (i *instance) boot(ctx context.Context) error {
	spec := i.facts()
	if spec.Namespace == nil {
		return errors.New("it has no network namespace")
	}
	if err := prepareDisk(i.dir, i.manager.opts, spec); err != nil {
		return fmt.Errorf("preparing its disk: %w", err)
	}
	p, err := i.launch(spec)
	if err != nil {
		i.fail(err)
		return err
	}
	select {
	case <-p.booted:
		return nil
	case <-p.ended:
		err = fmt.Errorf("its init ended: %s: %s", p.state, lastLine(readConsole(i.dir)))
	case <-ctx.Done():
		err = fmt.Errorf("its init did not answer: %w", ctx.Err())
	case <-time.After(bootTime):
		err = fmt.Errorf("its init did not answer within %s", bootTime)
	}
	p.kill()
	<-p.ended
	i.fail(err)
	return err
}

// launch starts the process and what watches it.
func (i *instance) launch(spec Spec) (*process, error) {
	i.mu.Lock()
	i.stopping, i.user = false, guest.Event{}
	i.mu.Unlock()
	p, err := i.newProcess(spec)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	i.process, i.phase, i.reason = p, PhaseRunning, ""
	i.mu.Unlock()
	i.manager.notify()
	go i.watch(p)
	return p, nil
}

func (i *instance) fail(err error) {
	i.mu.Lock()
	i.phase, i.reason = PhaseCrashed, err.Error()
	i.mu.Unlock()
	i.manager.notify()
}

// watch takes in events until the process ends, and then tells why it did.
func (i *instance) watch(p *process) {
	for event := range p.events {
		i.mu.Lock()
		i.user = event
		i.mu.Unlock()
		i.manager.notify()
	}
	<-p.ended
	i.mu.Lock()
	again := false
	if i.process == p {
		i.process = nil
		if !i.held {
			i.phase, i.reason, again = verdict(p.state, i.stopping)
		}
	}
	i.mu.Unlock()
	close(p.noted)
	i.manager.notify()
	if again {
		go i.bootAgain()
	}
}

// verdict tells what the end of an init means; again says that it asked for a reboot.
func verdict(state *os.ProcessState, stopping bool) (phase Phase, reason string, again bool) {
	status, _ := state.Sys().(syscall.WaitStatus)
	switch {
	case stopping:
		return PhaseStopped, "", false
	case status.Exited() && status.ExitStatus() == guest.ExitOff:
		return PhaseStopped, "it was shut down from inside", false
	case status.Exited() && status.ExitStatus() == guest.ExitReboot:
		return PhaseRunning, "", true
	}
	return PhaseCrashed, "its first process ended: " + state.String(), false
}

// bootAgain follows a reboot that was asked for inside.
func (i *instance) bootAgain() {
	i.op.Lock()
	defer i.op.Unlock()
	if i.current() != nil || i.observe().Phase != PhaseRunning {
		return // another operation came first
	}
	if err := i.boot(context.Background()); err != nil {
		i.manager.log.Warn("a machine that rebooted by itself did not come back", "machine", i.id, "error", err)
	}
}

func (i *instance) stop(ctx context.Context, force bool) error {
	if force { // an orderly stop that is under way must not hold up a forced one
		i.mu.Lock()
		i.stopping = i.stopping || i.process != nil
		p := i.process
		i.mu.Unlock()
		if p != nil {
			p.kill()
		}
	}
	i.op.Lock()
	defer i.op.Unlock()
	i.halt(ctx, force)
	return nil
}

// halt ends the process, if there is one, and waits until nothing of it runs. The caller holds op.
func (i *instance) halt(ctx context.Context, force bool) {
	i.mu.Lock()
	p := i.process
	i.stopping = true
	if p == nil && i.phase != PhaseGone {
		i.phase, i.reason = PhaseStopped, ""
	}
	i.mu.Unlock()
	if p == nil {
		return
	}
	if !force {
		p.terminate()
		timer := time.NewTimer(shutdownTime)
		defer timer.Stop()
		select {
		case <-p.ended:
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	p.kill()
	<-p.noted
}

func (i *instance) reboot(ctx context.Context) error {
	i.op.Lock()
	defer i.op.Unlock()
	if i.current() == nil {
		return errors.New("it does not run")
	}
	i.hold(true)
	defer i.hold(false)
	i.halt(ctx, false)
	return i.boot(ctx)
}

func (i *instance) hold(on bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.held = on
}

func (i *instance) remove(ctx context.Context) error {
	i.op.Lock()
	defer i.op.Unlock()
	i.halt(ctx, false)
	i.mu.Lock()
	i.phase = PhaseGone
	i.mu.Unlock()
	// Renamed first: what a kill leaves behind is then no disk that a machine could boot from.
	gone := filepath.Join(i.manager.opts.Dir, ".gone-"+i.id)
	if err := os.Rename(i.dir, gone); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.RemoveAll(gone)
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}
