package machine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
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

	mu      sync.Mutex
	spec    Spec
	phase   Phase
	reason  string
	user    guest.Event
	process *process
	ends    Phase // what the end of the process makes of it when that is our doing; empty: it is its own
	held    bool  // the phase stays "running" while the process is replaced
	health  Health
	agent   Agent
}

func (i *instance) observe() Observation {
	i.mu.Lock()
	defer i.mu.Unlock()
	o := Observation{ID: i.id, Phase: i.phase, Reason: i.reason, UserData: i.user.UserData, ExitCode: i.user.ExitCode}
	if i.process != nil {
		o.Health, o.Agent = i.health, i.agent
	}
	return o
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
	running := i.process
	i.mu.Unlock()
	if running != nil {
		if err := limitHops(running.metadata.listener, spec.Metadata.HopLimit); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
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
	disk, err := prepareDisk(i.dir, i.manager.opts, spec)
	if err != nil {
		return fmt.Errorf("preparing its disk: %w", err)
	}
	p, err := i.launch(spec, disk)
	if err != nil {
		i.fail(err)
		return err
	}
	select {
	case <-p.booted:
		go i.probe(p)
		go i.followKernel(p)
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
func (i *instance) launch(spec Spec, disk *volume) (*process, error) {
	i.mu.Lock()
	i.ends, i.user, i.health, i.agent = "", guest.Event{}, HealthUnknown, Agent{}
	i.mu.Unlock()
	p, err := i.newProcess(spec, disk)
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

// stop ends the machine; ends is what it becomes: stopped, or off.
func (i *instance) stop(ctx context.Context, force bool, ends Phase) error {
	if force { // an orderly stop that is under way must not hold up a forced one
		i.mu.Lock()
		p := i.process
		if p != nil && i.ends == "" {
			i.ends = ends
		}
		i.mu.Unlock()
		if p != nil {
			p.kill()
		}
	}
	i.op.Lock()
	defer i.op.Unlock()
	i.halt(ctx, force, ends)
	return nil
}

// halt ends the process, if there is one, and waits until nothing of it runs. The caller holds op.
func (i *instance) halt(ctx context.Context, force bool, ends Phase) {
	i.mu.Lock()
	p := i.process
	i.ends = ends
	if p == nil && i.phase != PhaseGone {
		i.phase, i.reason = ends, ""
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
	i.halt(ctx, false, PhaseStopped)
	return i.boot(ctx)
}

func (i *instance) hold(on bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.held = on
}

func (i *instance) remove(ctx context.Context, force bool) error {
	i.op.Lock()
	defer i.op.Unlock()
	i.halt(ctx, force, PhaseStopped)
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
