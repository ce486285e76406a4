package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// act carries one action out: at once when it is quick, beside the rounds when it is not.
func (c *cluster) act(a action) {
	m := c.member(a.Member)
	if m == nil {
		return
	}
	quick := map[verb]func() error{
		doStart:      func() error { return c.start(m) },
		doFollow:     func() error { return c.follow(m, a.From) },
		doCatchUp:    func() error { return c.catchUp(m, a.From) },
		doSetSync:    func() error { return c.setSync(m, a.Readers) },
		doRecordSync: func() error { return c.record(func(s *state) { s.Synchronous = a.Readers }) },
	}
	if do, ok := quick[a.Do]; ok {
		c.conclude(m, a.Do, do())
		return
	}
	from := c.member(a.From)
	ordered, failing := c.spec().Failover, c.spec().Failover.Generation > c.current().FailoverDone
	why := m.whyFenced() // it is not unresponsive any more once it is busy
	slow := map[verb]func() error{
		doInitialize: func() error { return c.initialize(m) },
		doClone:      func() error { return c.clone(m, from) },
		doRejoin:     func() error { return c.rejoin(m, from) },
		doFence:      func() error { return c.fence(m, why) },
		doHandOver:   func() error { return c.handOver(m) },
		doPromote:    func() error { return c.promote(m, ordered, failing) },
		doRestart:    func() error { return c.restart(m) },
		doStop:       func() error { return m.halt(10 * time.Second) },
		doRemove:     func() error { return c.remove(m) },
		doRetire:     func() error { return c.retire(m) },
	}
	m.closeSession() // it is of this goroutine, the action is not
	m.setBusy(a.Do)
	c.actions.Go(func() {
		err := slow[a.Do]()
		m.setBusy("")
		c.conclude(m, a.Do, err)
		c.wakeUp()
	})
}

func (c *cluster) conclude(m *member, do verb, err error) {
	if err != nil {
		c.log.Error("acting on a member", "do", do, "member", m.spec().Name, "error", err)
		m.failed(fmt.Errorf("%s: %w", do, err))
		return
	}
	if do != doStart {
		m.succeeded()
	}
}

// configure writes the member's configuration for its role.
func (c *cluster) configure(m *member) error {
	var follow following
	course := m.steered()
	if m.spec().ID == c.current().Writer {
		follow.readers = course.readers
	} else if upstream := c.member(course.follows); upstream != nil {
		follow.upstream = conninfo(upstream, replicationRole, m.spec().ID)
		if course.catchingUp.IsZero() { // only a writer keeps slots
			follow.slot = slotName(m.spec().ID)
		}
	}
	if err := m.certify(); err != nil {
		return err
	}
	manager := c.manager
	return errors.Join(
		manager.writeOwned(filepath.Join(m.conf(), "pg_hba.conf"), []byte(m.hba())),
		manager.writeOwned(filepath.Join(m.conf(), "pg_ident.conf"), []byte(ident())),
		manager.writeOwned(filepath.Join(m.conf(), "postgresql.conf"), []byte(m.settings(follow))))
}

// start starts the member in its role and does not wait until it answers.
func (c *cluster) start(m *member) error {
	now := c.current()
	signal := filepath.Join(m.data(), "standby.signal")
	if m.spec().ID == now.Writer {
		m.steer(course{readers: now.Synchronous, setAt: time.Now()})
		if err := os.Remove(signal); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("making the writer's data writable: %w", err)
		}
	} else {
		m.steer(course{follows: now.Writer})
		if err := c.manager.writeOwned(signal, nil); err != nil {
			return err
		}
	}
	m.adopt(m.spec().Parameters)
	if err := c.setFloors(m); err != nil {
		return err
	}
	if err := c.configure(m); err != nil {
		return err
	}
	m.mu.Lock()
	m.restartDone = m.spec().Restart
	m.mu.Unlock()
	return m.launch()
}

// reload makes the server read its configuration again.
func (m *member) reload() error {
	ctx, cancel := context.WithTimeout(context.Background(), m.cluster.manager.options.ProbeTimeout)
	defer cancel()
	session, err := m.connect(ctx)
	if err != nil {
		return fmt.Errorf("reloading the settings of %s: %w", m.spec().Name, err)
	}
	defer session.Close(ctx)
	if _, err := session.Exec(ctx, "SELECT pg_reload_conf()"); err != nil {
		return fmt.Errorf("reloading the settings of %s: %w", m.spec().Name, err)
	}
	return nil
}

// follow makes a running reader stream from the writer.
func (c *cluster) follow(m *member, writer string) error {
	return c.redirect(m, course{follows: writer})
}

// catchUp makes a reader stream from another one that has more of the dead writer's log.
func (c *cluster) catchUp(m *member, from string) error {
	if now := m.steered(); now.follows == from && !now.catchingUp.IsZero() {
		return nil
	}
	return c.redirect(m, course{follows: from, catchingUp: time.Now()})
}

func (c *cluster) setSync(m *member, readers []string) error {
	return c.redirect(m, course{readers: readers, setAt: time.Now()})
}

// redirect tells a running member its course. A reader that could not be told is told again; a writer shows by the
// names that are in effect whether it was.
func (c *cluster) redirect(m *member, to course) error {
	m.steer(to)
	err := errors.Join(c.configure(m), m.reload())
	if err != nil {
		to.follows = ""
		m.steer(to)
	}
	return err
}

// restart stops and starts the member without anybody taking its place, as RebootDBInstance does.
func (c *cluster) restart(m *member) error {
	if err := m.halt(10 * time.Second); err != nil {
		return err
	}
	if err := c.start(m); err != nil {
		return err
	}
	c.tell(Event{Kind: EventRestarted, Member: m.spec().ID})
	return m.await(20 * time.Second)
}

// await waits until the server accepts connections.
func (m *member) await(within time.Duration) error {
	ctx, cancel := context.WithTimeout(m.cluster.ctx, within)
	defer cancel()
	for {
		session, err := m.connect(ctx)
		if err == nil {
			return session.Close(ctx)
		}
		if m.running() == nil {
			return errors.New("it ended while it started; see its log")
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until it accepts connections: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// remove deletes a reader.
func (c *cluster) remove(m *member) error {
	if err := m.halt(3 * time.Second); err != nil {
		return err
	}
	err := c.record(func(s *state) {
		s.Built, s.Rejoin = without(s.Built, m.spec().ID), without(s.Rejoin, m.spec().ID)
		s.Synchronous = without(s.Synchronous, m.spec().ID)
	})
	if err != nil {
		return err
	}
	return c.forget(m)
}

// retire keeps the last member's data as the cluster's volume.
func (c *cluster) retire(m *member) error {
	if err := m.halt(20 * time.Second); err != nil {
		return err
	}
	err := errors.Join(m.holdBack(false, false), unmountVolume(m.store()))
	if err == nil {
		err = os.Rename(m.store(), c.volume())
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("keeping the cluster's data: %w", err)
	}
	err = c.record(func(s *state) { *s = state{Initialized: true, FailoverDone: s.FailoverDone} })
	if err != nil {
		return err
	}
	return c.forget(m)
}

// forget drops the member from the cluster; the round that follows no longer sees it.
func (c *cluster) forget(m *member) error {
	m.gone.Store(true)
	return errors.Join(removeStore(m.store()), os.RemoveAll(m.dir()), os.RemoveAll(m.sockets()))
}
