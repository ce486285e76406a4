package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"haven/lab/realm/machine/systemd"
)

// States of a service, as systemctl names them.
const (
	inactive     = "inactive"
	activating   = "activating"
	active       = "active"
	deactivating = "deactivating"
	failed       = "failed"
)

// service runs one unit. At most one goroutine (run) moves it from state to state.
type service struct {
	unit    *systemd.Unit
	reaper  *reaper
	journal *journal

	mu       sync.Mutex
	state    string
	result   string // why it failed: "exit-code", "signal", "timeout", "start-limit-hit", "resources"
	pid      int
	status   unix.WaitStatus
	since    time.Time
	restarts int
	starts   []time.Time        // within the limit's interval
	cancel   context.CancelFunc // ends the run
	done     chan struct{}      // closed when the run has ended
}

func newService(unit *systemd.Unit, reaper *reaper, journal *journal) *service {
	return &service{unit: unit, reaper: reaper, journal: journal, state: inactive, since: time.Now()}
}

func (s *service) say(format string, args ...any) {
	s.journal.note("systemd", s.unit.Name, s.unit.Name+": "+format, args...)
}

func (s *service) set(state, result string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != state {
		s.since = time.Now()
	}
	s.state, s.result = state, result
	if state == inactive || state == failed {
		s.pid = 0
	}
}

func (s *service) snapshot() (state, result string, pid int, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.result, s.pid, s.since
}

var errFailed = errors.New("the control process exited with error code")

// start starts the service and returns once it counts as started: for a oneshot, when it has finished.
func (s *service) start() error {
	s.mu.Lock()
	if s.done != nil {
		select {
		case <-s.done:
		default:
			s.mu.Unlock()
			return nil // it runs, or is about to be restarted
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.done = cancel, make(chan struct{})
	done := s.done
	s.mu.Unlock()
	started := make(chan error, 1)
	go func() {
		defer close(done)
		defer cancel()
		s.run(ctx, started)
	}()
	return <-started
}

// stop stops the service and returns when nothing of it is left.
func (s *service) stop() {
	s.mu.Lock()
	cancel, done := s.cancel, s.done
	s.mu.Unlock()
	if done == nil {
		return
	}
	cancel()
	<-done
}

// resetFailed forgets failures and the count of starts.
func (s *service) resetFailed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starts = nil
	if s.state == failed {
		s.state, s.result = inactive, ""
	}
}

// run starts the unit again and again, as Restart= says, until ctx ends. It tells started the outcome of the first start.
func (s *service) run(ctx context.Context, started chan<- error) {
	tell := func(err error) {
		select {
		case started <- err:
		default:
		}
	}
	for {
		if !s.allowed() {
			s.say("Start request repeated too quickly.")
			s.set(failed, "start-limit-hit")
			s.say("Failed with result 'start-limit-hit'.")
			tell(errors.New("start-limit-hit"))
			return
		}
		result := s.once(ctx, tell)
		if ctx.Err() != nil {
			s.set(inactive, "")
			s.say("Deactivated successfully.")
			tell(errors.New("it was stopped"))
			return
		}
		again := s.again(result)
		if result != "" {
			s.say("Failed with result '%s'.", result)
		}
		if !again {
			s.finish(result)
			tell(errFailed) // nobody listens when the start had succeeded
			return
		}
		tell(errFailed)
		s.set(activating, result)
		if !pause(ctx, s.unit.RestartDelay) {
			s.set(inactive, "")
			return
		}
		s.mu.Lock()
		s.restarts++
		n := s.restarts
		s.mu.Unlock()
		s.say("Scheduled restart job, restart counter is at %d.", n)
	}
}

func (s *service) finish(result string) {
	if result == "" {
		s.set(inactive, "")
	} else {
		s.set(failed, result)
	}
}

// allowed counts a start and tells whether the limit lets it through.
func (s *service) allowed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.starts = slices.DeleteFunc(s.starts, func(at time.Time) bool { return now.Sub(at) > s.unit.StartLimitInterval })
	if s.unit.StartLimitInterval > 0 && s.unit.StartLimitBurst > 0 && len(s.starts) >= s.unit.StartLimitBurst {
		return false
	}
	s.starts = append(s.starts, now)
	return true
}

// again tells whether a run that ended with a result ("" is success) is to be repeated:
// the table under Restart= in systemd.service(5).
func (s *service) again(result string) bool {
	switch s.unit.Restart {
	case "always":
		return true
	case "on-success":
		return result == ""
	case "on-failure":
		return result != ""
	case "on-abnormal":
		return result == "signal" || result == "timeout"
	case "on-abort":
		return result == "signal"
	}
	return false
}

// once runs the unit from its first command to its last and returns why it failed, or "".
func (s *service) once(ctx context.Context, tell func(error)) (result string) {
	s.set(activating, "")
	environ, err := s.unit.Environ(func(path string) (string, error) { text, err := os.ReadFile(path); return string(text), err })
	if err != nil {
		s.say("%v", err)
		return "resources"
	}
	s.journal.note("systemd", s.unit.Name, "Starting %s...", s.title())
	for _, c := range s.unit.StartPre {
		if result := s.control(ctx, c, environ, s.unit.StartTimeout); result != "" || ctx.Err() != nil {
			return result
		}
	}
	if s.unit.Type == "oneshot" {
		return s.oneshot(ctx, environ, tell)
	}
	return s.main(ctx, environ, tell)
}

func (s *service) title() string {
	if s.unit.Description == "" {
		return s.unit.Name
	}
	return s.unit.Name + " - " + s.unit.Description
}

func (s *service) oneshot(ctx context.Context, environ []string, tell func(error)) string {
	for _, c := range s.unit.Start {
		if result := s.control(ctx, c, environ, s.unit.StartTimeout); result != "" || ctx.Err() != nil {
			return result
		}
	}
	s.journal.note("systemd", s.unit.Name, "Finished %s.", s.title())
	if !s.unit.RemainAfterExit {
		s.finish("")
		tell(nil)
		return ""
	}
	s.set(active, "")
	tell(nil)
	<-ctx.Done()
	s.set(deactivating, "")
	s.commands(s.unit.Stop, environ)
	return ""
}

// main runs the service's main process.
func (s *service) main(ctx context.Context, environ []string, tell func(error)) string {
	pid, ended, err := s.launch(s.unit.Start[0], environ)
	if err != nil {
		s.say("Failed to start: %v", err)
		return "resources"
	}
	s.mu.Lock()
	s.pid = pid
	s.mu.Unlock()
	s.set(active, "")
	s.journal.note("systemd", s.unit.Name, "Started %s.", s.title())
	s.commands(s.unit.StartPost, environ)
	tell(nil)
	var status unix.WaitStatus
	select {
	case status = <-ended:
	case <-ctx.Done():
		s.set(deactivating, "")
		s.journal.note("systemd", s.unit.Name, "Stopping %s...", s.title())
		s.commands(s.unit.Stop, append(slices.Clone(environ), fmt.Sprintf("MAINPID=%d", pid)))
		status = s.terminate(pid, ended)
	}
	_ = unix.Kill(-pid, unix.SIGKILL) // what it left behind in its session's group
	result := s.judge(status)
	s.mu.Lock()
	s.pid, s.status = 0, status
	s.mu.Unlock()
	if ctx.Err() == nil {
		s.say("Main process exited, %s", describe(status))
	}
	s.commands(s.unit.StopPost, environ)
	return result
}

// terminate asks a process group to end, and makes it end when it has not in time.
func (s *service) terminate(pid int, ended <-chan unix.WaitStatus) unix.WaitStatus {
	target := -pid
	if s.unit.KillMode != "control-group" {
		target = pid
	}
	if s.unit.KillMode != "none" {
		_ = unix.Kill(target, s.unit.KillSignal)
	}
	var late <-chan time.Time
	if s.unit.StopTimeout > 0 {
		timer := time.NewTimer(s.unit.StopTimeout)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case status := <-ended:
		return status
	case <-late:
		s.say("State 'stop-sigterm' timed out. Killing.")
		_ = unix.Kill(-pid, unix.SIGKILL)
		return <-ended
	}
}

// judge says how a main process ended, in systemd's words; "" is success.
func (s *service) judge(status unix.WaitStatus) string {
	switch {
	case status.Exited() && (status.ExitStatus() == 0 || slices.Contains(s.unit.SuccessStatus, status.ExitStatus())):
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
	pid, ended, err := s.launch(c, environ)
	if err != nil {
		s.say("Failed to start %s: %v", c.Args[0], err)
		return "resources"
	}
	s.mu.Lock()
	s.pid = pid
	s.mu.Unlock()
	var status unix.WaitStatus
	result := ""
	select {
	case status = <-ended:
		result = s.judge(status)
	case <-ctx.Done():
		status = s.terminate(pid, ended)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			result = "timeout"
		}
	}
	_ = unix.Kill(-pid, unix.SIGKILL)
	if result == "" || c.IgnoreFailure {
		return ""
	}
	s.say("Control process exited, %s", describe(status))
	return result
}

// commands runs commands whose failure changes nothing.
func (s *service) commands(all []systemd.Command, environ []string) {
	for _, c := range all {
		ctx, cancel := context.WithTimeout(context.Background(), max(s.unit.StopTimeout, time.Second))
		s.control(ctx, c, environ, 0)
		cancel()
	}
}

// launch starts a process in the unit's context.
func (s *service) launch(c systemd.Command, environ []string) (pid int, ended <-chan unix.WaitStatus, err error) {
	text, err := json.Marshal(order{Args: c.Resolve(environ), Environ: environ, Context: s.unit.Context, Privileged: c.Privileged})
	if err != nil {
		return 0, nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, nil, err
	}
	defer r.Close()
	out, err := s.output()
	if err != nil {
		return 0, nil, errors.Join(err, w.Close())
	}
	defer out.Close()
	cmd := &exec.Cmd{Path: Binary, Args: []string{execName}, Env: []string{}, Stdout: out, Stderr: out, ExtraFiles: []*os.File{r}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if needsNamespace(s.unit.Context) {
		cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWNS
	}
	if pid, ended, err = s.reaper.start(cmd); err != nil {
		return 0, nil, errors.Join(err, w.Close())
	}
	go func() {
		defer w.Close()
		_, _ = w.Write(text) // it says itself when it did not get its order
	}()
	return pid, ended, nil
}

func (s *service) output() (*os.File, error) {
	if s.unit.Context.NoOutput {
		return os.OpenFile("/dev/null", os.O_WRONLY, 0)
	}
	return s.journal.writer(s.unit.Name)
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
