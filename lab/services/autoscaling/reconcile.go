package autoscaling

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"haven/lab/cloud"
)

const (
	// pace is how often groups are looked at: health is an observation and wakes nobody.
	pace = 500 * time.Millisecond
	// retryPause is how long a group waits after a failure that is not a zone's.
	retryPause = 10 * time.Second
)

// Run keeps the groups at their size, tells topics and measures, until the context ends.
func (s *Service) Run(ctx context.Context) error {
	var others sync.WaitGroup
	others.Go(func() { s.publish(ctx) })
	others.Go(func() { s.measure(ctx) })
	others.Go(func() { s.watch(ctx) })
	defer others.Wait()
	wake, stop := s.store.Watch(groups.Name())
	defer stop()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	paused := map[string]time.Time{}
	for {
		if err := errors.Join(s.runSchedules(), s.pass(paused)); err != nil {
			s.log.Error("reconciling Auto Scaling groups", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-tick.C:
		}
	}
}

// pass looks at each group and does what its plan says. Groups that need nothing cost a read only; one that cannot be
// looked at keeps no other from its turn.
func (s *Service) pass(paused map[string]time.Time) error {
	var busy []*group
	var failures []error
	err := s.store.View(func(tx *cloud.Tx) error {
		all, err := groups.ListAll(tx)
		if err != nil {
			return err
		}
		now := s.now()
		for _, g := range all {
			if now.Before(paused[g.ARN]) {
				continue
			}
			needed, err := s.needsWork(tx, g, now)
			if err != nil {
				paused[g.ARN] = now.Add(retryPause)
				failures = append(failures, fmt.Errorf("looking at group %s: %w", g.Name, err))
			} else if needed {
				busy = append(busy, g)
			}
		}
		return nil
	})
	for _, g := range busy {
		if failure := s.work(g.Region, g.Name); failure != nil {
			paused[g.ARN] = s.now().Add(retryPause)
			failures = append(failures, fmt.Errorf("working on group %s: %w", g.Name, failure))
		}
	}
	return errors.Join(append(failures, err)...)
}

func (s *Service) needsWork(tx *cloud.Tx, g *group, now time.Time) (bool, error) {
	seen, err := s.observe(tx, g)
	if err != nil {
		return false, err
	}
	ringing, err := s.ringing(tx, g)
	if err != nil {
		return false, err
	}
	settled := g.copy() // the row is shared
	settled.settle(seen, ringing, now)
	return len(plan(settled, seen, now)) > 0 || g.Deleting && len(g.Members) == 0 || !reflect.DeepEqual(settled, g), nil
}

// copy is a group whose settling changes nothing of this one.
func (g *group) copy() *group {
	c := *g
	c.Members = slices.Clone(g.Members)
	if g.Refresh != nil {
		newest := *g.Refresh
		c.Refresh = &newest
	}
	if g.Cooling != nil {
		cooling := *g.Cooling
		c.Cooling = &cooling
	}
	return &c
}

// settle brings up to date what follows from the members and the time.
func (g *group) settle(seen map[string]observed, ringing string, now time.Time) {
	g.diagnose(seen, now)
	settleRefresh(g, seen, ringing, now)
	g.cool(now)
	if alive, sick := split(g); g.Reason != "" && len(sick) == 0 && len(alive) == int(g.Desired) {
		g.Reason, g.Alarm = "", nil // the group has followed: what comes now has causes of its own
	}
}

// work carries out a group's plan: everything but launches in one transaction, then each launch in one of its own, so
// that one that EC2 refuses half-way is undone whole. Each transaction plans anew from what is there.
func (s *Service) work(region, name string) error {
	failure := s.inGroup(region, name, s.workOnce)
	for {
		launched := false
		err := s.inGroup(region, name, func(tx *cloud.Tx, g *group, seen map[string]observed, now time.Time) (err error) {
			g.settle(seen, "", now)
			for _, next := range plan(g, seen, now) {
				if next.Launch != nil {
					launched = true
					return s.launch(tx, g, *next.Launch)
				}
			}
			return nil
		})
		var refused *refusedLaunch
		switch {
		case errors.As(err, &refused):
			if err := s.noteRefusal(region, name, refused); err != nil || !zonalRefusal(refused.because) {
				return errors.Join(failure, refused, err)
			}
		case err != nil || !launched:
			return errors.Join(failure, err)
		}
	}
}

// inGroup applies a change to a group in a transaction; a group that is gone needs none.
func (s *Service) inGroup(region, name string, apply func(tx *cloud.Tx, g *group, seen map[string]observed, now time.Time) error) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		g, err := groups.Get(tx, region, name)
		if err != nil || g == nil {
			return err
		}
		seen, err := s.observe(tx, g)
		if err != nil {
			return err
		}
		if err := apply(tx, g, seen, s.now()); err != nil {
			return err
		}
		if g.Deleting && len(g.Members) == 0 {
			return s.erase(tx, g)
		}
		return g.put(tx)
	})
}

// workOnce takes the plan's steps but its launches.
func (s *Service) workOnce(tx *cloud.Tx, g *group, seen map[string]observed, now time.Time) error {
	ringing, err := s.ringing(tx, g)
	if err != nil {
		return err
	}
	g.settle(seen, ringing, now)
	for _, next := range plan(g, seen, now) {
		if next.Launch != nil {
			continue
		}
		if err := s.take(tx, g, next, now); err != nil {
			return err
		}
	}
	return nil
}
