package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

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
		if !pause(ctx, s.unit().RestartDelay) {
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
	s.starts = slices.DeleteFunc(s.starts, func(at time.Time) bool { return now.Sub(at) > s.unit().StartLimitInterval })
	if s.unit().StartLimitInterval > 0 && s.unit().StartLimitBurst > 0 && len(s.starts) >= s.unit().StartLimitBurst {
		return false
	}
	s.starts = append(s.starts, now)
	return true
}

// again tells whether a run that ended with a result ("" is success) is to be repeated:
// the table under Restart= in systemd.service(5).
func (s *service) again(result string) bool {
	switch s.unit().Restart {
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
	environ, err := s.unit().Environ(func(path string) (string, error) { text, err := os.ReadFile(path); return string(text), err })
	if err != nil {
		s.say("%v", err)
		return "resources"
	}
	s.journal.note("systemd", s.unit().Name, "Starting %s...", s.title())
	for _, c := range s.unit().StartPre {
		if result := s.control(ctx, c, environ, s.unit().StartTimeout); result != "" || ctx.Err() != nil {
			return result
		}
	}
	if s.unit().Type == "oneshot" {
		return s.oneshot(ctx, environ, tell)
	}
	return s.main(ctx, environ, tell)
}

func (s *service) title() string {
	if s.unit().Description == "" {
		return s.unit().Name
	}
	return s.unit().Name + " - " + s.unit().Description
}

func (s *service) oneshot(ctx context.Context, environ []string, tell func(error)) string {
	for _, c := range s.unit().Start {
		if result := s.control(ctx, c, environ, s.unit().StartTimeout); result != "" || ctx.Err() != nil {
			return result
		}
	}
	s.journal.note("systemd", s.unit().Name, "Finished %s.", s.title())
	if !s.unit().RemainAfterExit {
		s.finish("")
		tell(nil)
		return ""
	}
	s.set(active, "")
	tell(nil)
	<-ctx.Done()
	s.set(deactivating, "")
	s.commands(s.unit().Stop, environ)
	return ""
}

// main runs the service's main process.
func (s *service) main(ctx context.Context, environ []string, tell func(error)) string {
	p, err := s.launch(s.unit().Start[0], environ)
	if err != nil {
		s.say("Failed to start: %v", err)
		return "resources"
	}
	defer p.ready.Close()
	s.setMain(p.pid)
	if s.unit().Type != "exec" || p.runs() { // otherwise its end, which comes at once, tells
		s.set(active, "")
		s.journal.note("systemd", s.unit().Name, "Started %s.", s.title())
		s.commands(s.unit().StartPost, environ)
		tell(nil)
	}
	var status unix.WaitStatus
	select {
	case status = <-p.ended:
	case <-ctx.Done():
		s.set(deactivating, "")
		s.journal.note("systemd", s.unit().Name, "Stopping %s...", s.title())
		s.commands(s.unit().Stop, append(slices.Clone(environ), fmt.Sprintf("MAINPID=%d", p.pid)))
		status = s.terminate(p)
	}
	_ = unix.Kill(-p.pid, unix.SIGKILL) // what it left behind in its session's group
	s.mu.Lock()
	s.pid, s.status = 0, status
	s.mu.Unlock()
	if ctx.Err() == nil {
		s.say("Main process exited, %s", describe(status))
	}
	s.commands(s.unit().StopPost, environ)
	return s.judge(status)
}

func (s *service) setMain(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pid = pid
}
