package machine

import (
	"context"
	"os"
	"syscall"
	"time"

	"haven/lab/realm/machine/guest"
)

// watch takes in events until the process ends, and then tells why it did.
func (i *instance) watch(p *process) {
	for event := range p.events {
		if i.note(event) {
			i.manager.notify()
		}
	}
	<-p.ended
	if p.unmounted != nil {
		i.manager.log.Warn("closing a machine's volume", "machine", i.id, "error", p.unmounted)
	}
	i.mu.Lock()
	again := false
	if i.process == p {
		i.process = nil
		if !i.held {
			i.phase, i.reason, again = verdict(p.state, i.ends)
		}
	}
	i.mu.Unlock()
	close(p.noted)
	i.manager.notify()
	if again {
		go i.bootAgain()
	}
}

// note takes an event in and tells whether it changes what is seen of the machine.
func (i *instance) note(event guest.Event) (changed bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if event.Agent == nil {
		i.user = event
		return true
	}
	was := i.agent.Online()
	i.agent.Error = event.Agent.Error
	if event.Agent.Error == "" {
		i.agent.Reached = time.Now()
	}
	return was != i.agent.Online()
}

// verdict tells what the end of an init means: what we wanted, if it was our doing; again says that it asked for a reboot.
func verdict(state *os.ProcessState, ends Phase) (phase Phase, reason string, again bool) {
	status, _ := state.Sys().(syscall.WaitStatus)
	switch {
	case ends != "":
		return ends, "", false
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
