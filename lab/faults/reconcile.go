package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"haven/lab/cloud"
)

// movedRow remembers that a lever was moved, from before it is until after it was moved back: so a lab that was killed
// knows what it may have to move back, although its faults are healed by then.
type movedRow struct{ Effect Effect }

// Gone is always true: it is no resource of the account.
func (*movedRow) Gone() bool { return true }

var moves = cloud.NewTable[movedRow]("lab.faultlevers")

const (
	againTick = time.Second // effects on what comes and goes
	slowTick  = 30 * time.Second
)

// Run has the realm follow the set until the context ends.
func (s *Service) Run(ctx context.Context) error {
	wake, stop := s.store.Watch(Table)
	defer stop()
	for {
		next, err := s.Pass(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("having the lab follow its faults", "error", err)
			next = againTick
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-time.After(next):
		}
	}
}

// Pass heals what is over and moves every lever to where the set wants it. It returns when to look again.
func (s *Service) Pass(ctx context.Context) (next time.Duration, err error) {
	s.passing.Lock()
	defer s.passing.Unlock()
	if err := s.expire(); err != nil {
		return againTick, err
	}
	set, err := s.Set()
	if err != nil {
		return againTick, err
	}
	if s.moved == nil {
		if s.moved, err = s.remembered(); err != nil {
			return againTick, err
		}
		defer func() { // what a former lab moved holds in this one only after it was moved anew
			if err != nil {
				s.moved = nil
			}
		}()
		return s.due(set), s.move(ctx, Effects(set), true)
	}
	return s.due(set), s.move(ctx, Effects(set), false)
}

// due tells when the next fault is over, or something has to be moved again.
func (s *Service) due(set []Fault) time.Duration {
	next := slowTick
	for _, f := range set {
		if !f.Until.IsZero() {
			next = min(next, max(time.Millisecond, f.Until.Sub(s.now())))
		}
		for _, effect := range f.effects() {
			if s.realm.Hooks[effect.Lever].Again {
				next = min(next, againTick)
			}
		}
	}
	return next
}

func (s *Service) remembered() (map[string]Effect, error) {
	moved := map[string]Effect{}
	return moved, s.store.View(func(tx *cloud.Tx) error {
		rows, err := moves.ListAll(tx)
		for _, row := range rows {
			moved[row.Effect.key()] = row.Effect
		}
		return err
	})
}

// move moves what has to be: back first, so that nothing is held twice.
func (s *Service) move(ctx context.Context, want []Effect, all bool) error {
	wanted := map[string]bool{}
	for _, effect := range want {
		wanted[effect.key()] = true
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(s.moved)) {
		if !wanted[key] {
			errs = append(errs, s.moveBack(ctx, s.moved[key]))
		}
	}
	for _, effect := range want {
		hook := s.realm.Hooks[effect.Lever]
		before, known := s.moved[effect.key()]
		if all || hook.Again || !known || !slices.Equal(before.Values, effect.Values) {
			errs = append(errs, s.moveTo(ctx, effect))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) moveTo(ctx context.Context, effect Effect) error {
	hook, ok := s.realm.Hooks[effect.Lever]
	if !ok {
		return fmt.Errorf("breaking %s: this lab has no lever %q", effect.Subject, effect.Lever)
	}
	if before, known := s.moved[effect.key()]; !known || !slices.Equal(before.Values, effect.Values) {
		err := s.store.Update(func(tx *cloud.Tx) error {
			return moves.Put(tx, cloud.Global, effect.key(), &movedRow{effect})
		})
		if err != nil {
			return err
		}
	}
	if err := hook.Move(ctx, effect); err != nil {
		return fmt.Errorf("breaking %s (%s): %w", effect.Subject, effect.Lever, err)
	}
	s.moved[effect.key()] = effect
	return nil
}

func (s *Service) moveBack(ctx context.Context, effect Effect) error {
	if hook, ok := s.realm.Hooks[effect.Lever]; ok {
		back := effect
		back.Values = nil
		if err := hook.Move(ctx, back); err != nil {
			return fmt.Errorf("healing %s (%s): %w", effect.Subject, effect.Lever, err)
		}
	}
	delete(s.moved, effect.key())
	return s.store.Update(func(tx *cloud.Tx) error { return moves.Delete(tx, cloud.Global, effect.key()) })
}

// expire removes the faults that are over.
func (s *Service) expire() error {
	over, err := s.expired()
	if err != nil || len(over) == 0 {
		return err
	}
	err = s.store.Update(func(tx *cloud.Tx) error {
		for _, f := range over {
			if err := faults.Delete(tx, cloud.Global, f.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range over {
		s.tell(Happening{Fault: f, Healed: true, Reason: "its time is over"})
	}
	return nil
}

func (s *Service) expired() (over []Fault, err error) {
	return over, s.store.View(func(tx *cloud.Tx) error {
		rows, err := faults.ListAll(tx)
		for _, row := range rows {
			if row.over(s.now()) {
				over = append(over, *row)
			}
		}
		return err
	})
}
