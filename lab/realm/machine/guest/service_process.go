package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"haven/lab/realm/machine/systemd"
)

// terminate asks a process group to end, and makes it end when it has not in time.
func (s *service) terminate(p child) unix.WaitStatus {
	target := -p.pid
	if s.unit().KillMode != "control-group" {
		target = p.pid
	}
	if s.unit().KillMode != "none" {
		_ = unix.Kill(target, s.unit().KillSignal)
	}
	var late <-chan time.Time
	if s.unit().StopTimeout > 0 {
		timer := time.NewTimer(s.unit().StopTimeout)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case status := <-p.ended:
		return status
	case <-late:
		s.say("State 'stop-sigterm' timed out. Killing.")
		_ = unix.Kill(-p.pid, unix.SIGKILL)
		return <-p.ended
	}
}

// judge says how a main process ended, in systemd's words; "" is success.
func (s *service) judge(status unix.WaitStatus) string {
	switch {
	case status.Exited() && (status.ExitStatus() == 0 || slices.Contains(s.unit().SuccessStatus, status.ExitStatus())):
		return ""
	case status.Exited():
		return "exit-code"
	case slices.Contains([]syscall.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGTERM, unix.SIGPIPE}, status.Signal()):
		return ""
	}
	return "signal"
}

func describe(status unix.WaitStatus) string {
	if status.Signaled() {
		return fmt.Sprintf("code=killed, status=%d/%s", status.Signal(), unix.SignalName(status.Signal())[3:])
	}
	return fmt.Sprintf("code=exited, status=%d", status.ExitStatus())
}

// control runs a command to its end, within a time (0: any), and says why it failed, or "".
func (s *service) control(ctx context.Context, c systemd.Command, environ []string, limit time.Duration) string {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	p, err := s.launch(c, environ)
	if err != nil {
		s.say("Failed to start %s: %v", c.Args[0], err)
		return "resources"
	}
	defer p.ready.Close()
	var status unix.WaitStatus
	result := ""
	select {
	case status = <-p.ended:
		result = s.judge(status)
	case <-ctx.Done():
		status = s.terminate(p)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			result = "timeout"
		}
	}
	_ = unix.Kill(-p.pid, unix.SIGKILL)
	if result == "" || c.IgnoreFailure {
		return ""
	}
	s.say("Control process exited, %s", describe(status))
	return result
}

// commands runs commands whose failure changes nothing.
func (s *service) commands(all []systemd.Command, environ []string) {
	for _, c := range all {
		ctx, cancel := context.WithTimeout(context.Background(), max(s.unit().StopTimeout, time.Second))
		s.control(ctx, c, environ, 0)
		cancel()
	}
}

// child is a process of a unit.
type child struct {
	pid   int
	ended <-chan unix.WaitStatus
	ready *os.File // closed by the kernel when the command runs; a byte comes before that when it can't be run
}

// runs waits until the command itself runs, and tells whether it does.
func (c child) runs() bool {
	n, _ := c.ready.Read(make([]byte, 1))
	return n == 0
}

// launch starts a process in the unit's context. The caller closes ready.
func (s *service) launch(c systemd.Command, environ []string) (started child, err error) {
	text, err := json.Marshal(order{Args: c.Resolve(environ), Environ: environ, Context: s.unit().Context, Privileged: c.Privileged})
	if err != nil {
		return child{}, err
	}
	var files [4]*os.File // the order's two ends, then those of ready
	defer func() { closeAll(files[0], files[3]) }()
	if files[0], files[1], err = os.Pipe(); err != nil {
		return child{}, err
	}
	if files[2], files[3], err = os.Pipe(); err != nil {
		closeAll(files[1])
		return child{}, err
	}
	out, err := s.output()
	if err != nil {
		closeAll(files[1], files[2])
		return child{}, err
	}
	defer out.Close()
	cmd := &exec.Cmd{Path: Binary, Args: []string{execName}, Env: []string{}, Stdout: out, Stderr: out, ExtraFiles: []*os.File{files[0], files[3]}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if needsNamespace(s.unit().Context) {
		cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWNS
	}
	if started.pid, started.ended, err = s.reaper.start(cmd); err != nil {
		closeAll(files[1], files[2])
		return child{}, err
	}
	started.ready = files[2]
	go func() {
		defer files[1].Close()
		_, _ = files[1].Write(text) // it says itself when it did not get its order
	}()
	return started, nil
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

func (s *service) output() (*os.File, error) {
	if s.unit().Context.NoOutput {
		return os.OpenFile("/dev/null", os.O_WRONLY, 0)
	}
	return s.journal.writer(s.unit().Name)
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
