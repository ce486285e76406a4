package guest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
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
	file    atomic.Pointer[systemd.Unit] // a daemon-reload replaces it
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
	s := &service{reaper: reaper, journal: journal, state: inactive, since: time.Now()}
	s.file.Store(unit)
	return s
}

func (s *service) unit() *systemd.Unit { return s.file.Load() }

func (s *service) say(format string, args ...any) {
	s.journal.note("systemd", s.unit().Name, s.unit().Name+": "+format, args...)
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
	s.restarts = 0
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
	if done := s.beginStop(); done != nil {
		<-done
	}
}

// beginStop tells the service to end, and returns what is closed when it has; nil: it does not run.
func (s *service) beginStop() (done <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done == nil {
		return nil
	}
	s.cancel()
	return s.done
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
