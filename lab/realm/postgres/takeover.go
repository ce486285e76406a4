package postgres

import (
	"context"
	"fmt"
	"time"
)

// fence kills every process of the member: whatever it was doing, it accepts nothing after this.
func (c *cluster) fence(m *member, why string) error {
	if why != "" && !m.hurt.Swap(true) {
		c.log.Warn("fencing a member", "member", m.spec().Name, "why", why)
		c.tell(Event{Member: m.spec().ID, Kind: EventCrashed, Detail: why})
	}
	return m.halt(0)
}

func (m *member) whyFenced() string {
	switch {
	case m.spec().Down:
		return "its zone has no power"
	case m.unreachable():
		return "its network is dead"
	case m.unresponsive():
		return "it does not answer"
	}
	return ""
}

// handOver stops the writer so that its readers receive all that it wrote.
func (c *cluster) handOver(m *member) error {
	return m.halt(3 * time.Second)
}

// promote makes the member the writer. The record comes first: from then on no other member starts as one.
func (c *cluster) promote(m *member, ordered Order, failing bool) error {
	began := time.Now()
	before := c.current().Writer
	if old := c.member(before); old != nil && before != m.spec().ID && !c.spec().Unfenced {
		if err := killIn(old.data()); err != nil {
			return fmt.Errorf("fencing the old writer: %w", err)
		}
	}
	if before != m.spec().ID {
		c.tell(Event{Kind: EventFailoverStarted, Member: m.spec().ID, Detail: before})
		err := c.record(func(s *state) {
			s.Rejoin = with(without(s.Rejoin, m.spec().ID), before)
			s.Writer, s.Synchronous = m.spec().ID, nil
			if failing {
				s.FailoverDone = ordered.Generation
			}
		})
		if err != nil {
			return err
		}
	}
	m.steer(course{setAt: time.Now()})
	if err := c.configure(m); err != nil {
		return err
	}
	if err := m.promote(); err != nil {
		return err
	}
	if before == m.spec().ID {
		return nil
	}
	c.log.Info("a reader is the writer now", "member", m.spec().Name, "was", before, "took", time.Since(began).String())
	c.tell(Event{Kind: EventFailoverCompleted, Member: m.spec().ID})
	return nil
}

func (m *member) promote() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	session, err := m.connect(ctx)
	if err != nil {
		return fmt.Errorf("promoting %s: %w", m.spec().Name, err)
	}
	defer session.Close(ctx)
	var promoted bool
	err = session.QueryRow(ctx, "SELECT CASE WHEN pg_is_in_recovery() THEN pg_promote(true, 25) ELSE true END FROM pg_reload_conf()").Scan(&promoted)
	if err != nil {
		return fmt.Errorf("promoting %s: %w", m.spec().Name, err)
	}
	if !promoted {
		return fmt.Errorf("promoting %s: it is still a reader after 25 s", m.spec().Name)
	}
	return nil
}
