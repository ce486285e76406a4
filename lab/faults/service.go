package faults

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

// Table is the name of the table that the set of faults is in, for those who follow it.
var Table = faults.Name()

var faults = cloud.NewTable[Fault]("lab.faults")

// Hook is how an owner lets faults move something of its own. Move is level-triggered and safe to repeat: it makes true
// that just the effect's values hold of its subject; without values nothing does. Holds tells whether an effect was
// observed to be in force, and what was seen.
type Hook struct {
	Move  func(ctx context.Context, effect Effect) error
	Holds func(ctx context.Context, effect Effect) (bool, string, error)
	// Again tells that an effect has to be moved again and again while it is wanted: what it holds comes and goes.
	Again bool
}

// Realm is what faults are joined to.
type Realm struct {
	// Inventory tells what there is.
	Inventory func(tx *cloud.Tx) (Inventory, error)
	// Links reads what is wrong with interfaces; those that have no link are left out. Nil: nothing runs here.
	Links func(ctx context.Context, interfaces []string) (map[string]vpc.Impairment, error)
	// Hooks are what owners give. A fault that needs another one is refused.
	Hooks map[Lever]Hook
}

// Happening is a change of the set, for who shows it.
type Happening struct {
	Fault  Fault
	Healed bool
	Reason string
}

// Service keeps the set of faults and has the realm follow it.
type Service struct {
	store *cloud.Store
	realm Realm
	log   *slog.Logger
	tell  func(Happening)
	now   func() time.Time

	passing sync.Mutex // one pass at a time
	moved   map[string]Effect
}

// New returns the service. tell is given what happens; nil: nobody is told.
func New(store *cloud.Store, realm Realm, log *slog.Logger, tell func(Happening)) *Service {
	if tell == nil {
		tell = func(Happening) {}
	}
	return &Service{store: store, realm: realm, log: log, tell: tell, now: time.Now}
}

// Impairments returns what the faults do to the links of a region.
func (s *Service) Impairments(tx *cloud.Tx, region string) (func(Place) vpc.Impairment, error) {
	set, err := s.set(tx)
	if err != nil {
		return nil, err
	}
	set = slices.DeleteFunc(set, func(f Fault) bool { return f.Region != region })
	return func(at Place) vpc.Impairment { return Impair(set, at) }, nil
}

// set is what is in force: a fault whose end has come is healed, whether or not anybody has noticed.
func (s *Service) set(tx *cloud.Tx) ([]Fault, error) {
	rows, err := faults.ListAll(tx)
	if err != nil {
		return nil, fmt.Errorf("reading the faults: %w", err)
	}
	var set []Fault
	for _, row := range rows {
		if !row.over(s.now()) {
			set = append(set, *row)
		}
	}
	slices.SortFunc(set, func(a, b Fault) int {
		if order := a.Since.Compare(b.Since); order != 0 {
			return order
		}
		return strings.Compare(a.ID, b.ID)
	})
	return set, nil
}

func (f *Fault) over(now time.Time) bool { return !f.Until.IsZero() && !now.Before(f.Until) }

// Set returns the faults in force, the oldest first.
func (s *Service) Set() (set []Fault, err error) {
	return set, s.store.View(func(tx *cloud.Tx) (err error) {
		set, err = s.set(tx)
		return err
	})
}

// Inventory tells what faults can be aimed at now.
func (s *Service) Inventory() (there Inventory, err error) {
	return there, s.store.View(func(tx *cloud.Tx) (err error) {
		there, err = s.realm.Inventory(tx)
		return err
	})
}

// Add breaks something. What was acknowledged is kept until it is healed or its time is over, also by a lab that is killed.
func (s *Service) Add(request Request) (Fault, error) {
	var made Fault
	err := s.store.Update(func(tx *cloud.Tx) error {
		there, err := s.realm.Inventory(tx)
		if err != nil {
			return err
		}
		if made, err = Plan(request, there); err != nil {
			return err
		}
		if err := s.possible(made); err != nil {
			return err
		}
		made.ID, made.Since = "fault-"+cloud.RandomHex(8), s.now().UTC()
		if request.For > 0 {
			made.Until = made.Since.Add(request.For)
		}
		return faults.Put(tx, cloud.Global, made.ID, &made)
	})
	if err == nil {
		s.tell(Happening{Fault: made})
	}
	return made, err
}

// possible refuses what nothing here can do.
func (s *Service) possible(f Fault) error {
	if s.realm.Links == nil {
		return fmt.Errorf("%w: nothing runs in this lab that could be broken; type: haven lab status", ErrRefused)
	}
	for _, effect := range f.effects() {
		if _, ok := s.realm.Hooks[effect.Lever]; !ok {
			return fmt.Errorf("%w: %s: the lab has no way to do this to %s", ErrRefused, f, effect.Subject)
		}
	}
	return nil
}

// Heal ends faults: those named, or all when none is. An unknown one is an error that tells which there are, and nothing
// is healed.
func (s *Service) Heal(ids ...string) ([]Fault, error) {
	var healed []Fault
	err := s.store.Update(func(tx *cloud.Tx) error {
		set, err := s.set(tx)
		if err != nil {
			return err
		}
		if healed, err = chosen(set, ids); err != nil {
			return err
		}
		for _, f := range healed {
			if err := faults.Delete(tx, cloud.Global, f.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, f := range healed {
		s.tell(Happening{Fault: f, Healed: true, Reason: "healed"})
	}
	return healed, nil
}

func chosen(set []Fault, ids []string) ([]Fault, error) {
	if len(ids) == 0 {
		return set, nil
	}
	var picked []Fault
	for _, id := range ids {
		i := slices.IndexFunc(set, func(f Fault) bool { return f.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("%w: there is no fault %q in force; there are %s", ErrRefused, id, listed(set))
		}
		picked = append(picked, set[i])
	}
	return picked, nil
}

func listed(set []Fault) string {
	if len(set) == 0 {
		return "none"
	}
	var ids []string
	for _, f := range set {
		ids = append(ids, f.ID+" ("+f.String()+")")
	}
	return strings.Join(ids, ", ")
}
