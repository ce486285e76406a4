package postgres

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// touch is what is known of a member's network.
type touch struct {
	mu     sync.Mutex
	asking bool
	asked  time.Time
	misses int       // in a row
	since  time.Time // of the first of them
	why    string
	told   bool
}

// touchEvery is how often a member's network is asked for a sign of life, and touchWithin how long that may take.
const (
	touchEvery  = time.Second
	touchWithin = 500 * time.Millisecond
)

// keepTouch asks, beside the rounds, whether the network still reaches the member. With no other member there is nobody
// who could take over, and nobody to ask the way to.
func (c *cluster) keepTouch(m *member) {
	reach, ns := c.manager.options.Reach, m.spec().Namespace
	var others []netip.Addr
	for _, other := range c.spec().Members {
		if other.ID != m.spec().ID && other.Address.IsValid() && !other.Leaving {
			others = append(others, other.Address)
		}
	}
	if reach == nil || ns == nil || len(others) == 0 || !m.touch.due() {
		return
	}
	c.actions.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, touchWithin)
		defer cancel()
		began := time.Now()
		err := reach(ctx, ns, others)
		if c.ctx.Err() != nil {
			return // the cluster ends
		}
		m.touch.note(began, err)
		if why := m.lostTouch(); why != "" {
			c.tell(Event{Member: m.spec().ID, Kind: EventLostTouch, Detail: why})
			c.wakeUp()
		}
	})
}

func (t *touch) due() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asking || time.Since(t.asked) < touchEvery {
		return false
	}
	t.asking, t.asked = true, time.Now()
	return true
}

func (t *touch) note(began time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asking = false
	if err == nil {
		t.misses, t.told = 0, false
		return
	}
	if t.misses == 0 {
		t.since = began
	}
	t.misses++
	t.why = err.Error()
}

// unreachable tells whether the member's network has been dead for too long.
func (m *member) unreachable() bool {
	m.touch.mu.Lock()
	defer m.touch.mu.Unlock()
	return m.touch.dead(m.cluster.manager.options.HangAfter)
}

func (t *touch) dead(after time.Duration) bool {
	return t.misses >= 2 && time.Since(t.since) >= after
}

// lostTouch returns, once, why the member counts as unreachable.
func (m *member) lostTouch() string {
	m.touch.mu.Lock()
	defer m.touch.mu.Unlock()
	if m.touch.told || !m.touch.dead(m.cluster.manager.options.HangAfter) {
		return ""
	}
	m.touch.told = true
	return fmt.Sprintf("its network has been dead for %.1f s: %s", time.Since(m.touch.since).Seconds(), m.touch.why)
}

// hang stops the member's processes, or lets them go on, as is declared.
func (m *member) hang() error {
	wanted := m.spec().Hung
	if !wanted && !m.halted {
		return nil
	}
	pids, err := processesIn(m.data())
	if err != nil {
		return err
	}
	signal := syscall.SIGCONT
	if wanted {
		signal = syscall.SIGSTOP
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, signal) // it may have ended
	}
	m.halted = wanted
	return nil
}
