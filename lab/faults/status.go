package faults

import (
	"context"
	"fmt"
	"slices"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

// Status is a fault and whether it is really in force.
type Status struct {
	Fault
	Active bool   `json:"active"` // all of its effects were observed
	Seen   []Seen `json:"seen"`
}

// Seen is one effect as it was observed.
type Seen struct {
	What   string `json:"what"` // such as "interface eni-1" or "instances us-east-1a"
	Holds  bool   `json:"holds"`
	Detail string `json:"detail,omitempty"`
}

// Status observes every fault in force.
func (s *Service) Status(ctx context.Context) ([]Status, error) {
	set, err := s.Set()
	if err != nil || len(set) == 0 {
		return []Status{}, err
	}
	there, err := s.Inventory()
	if err != nil {
		return nil, err
	}
	links, err := s.links(ctx, set, there)
	if err != nil {
		return nil, err
	}
	all := make([]Status, 0, len(set))
	for _, f := range set {
		status := Status{Fault: f, Seen: append(links(f), s.levers(ctx, f)...)}
		status.Active = len(status.Seen) > 0 && !slices.ContainsFunc(status.Seen, func(seen Seen) bool { return !seen.Holds })
		all = append(all, status)
	}
	return all, nil
}

// links reads the links that faults impair, all at once, and returns what is to be said of one fault.
func (s *Service) links(ctx context.Context, set []Fault, there Inventory) (func(Fault) []Seen, error) {
	var touched []string
	for _, place := range there.Places {
		if Impair(set, place) != (vpc.Impairment{}) {
			touched = append(touched, place.Interface)
		}
	}
	if len(touched) == 0 {
		return func(Fault) []Seen { return nil }, nil
	}
	live, err := s.realm.Links(ctx, touched)
	if err != nil {
		return nil, fmt.Errorf("observing the faults of the network: %w", err)
	}
	return func(f Fault) (seen []Seen) {
		for _, place := range there.Places {
			meant := f.impairment(place)
			link, there := live[place.Interface]
			if meant == (vpc.Impairment{}) || !there { // what is not there can't be impaired: a stopped instance, say
				continue
			}
			one := Seen{What: "interface " + place.Interface, Holds: link.Covers(meant)}
			if !one.Holds {
				one.Detail = fmt.Sprintf("the kernel has %+v", link)
			}
			seen = append(seen, one)
		}
		return seen
	}, nil
}

func (s *Service) levers(ctx context.Context, f Fault) (seen []Seen) {
	for _, effect := range f.effects() {
		one := Seen{What: string(effect.Lever) + " " + effect.Subject}
		hook, ok := s.realm.Hooks[effect.Lever]
		if !ok {
			one.Detail = "this lab has no such lever"
		} else if holds, detail, err := hook.Holds(ctx, effect); err != nil {
			one.Detail = err.Error()
		} else {
			one.Holds, one.Detail = holds, detail
		}
		seen = append(seen, one)
	}
	return seen
}

// Find returns the fault of an id that is in force.
func (s *Service) Find(id string) (found Fault, ok bool, err error) {
	return found, ok, s.store.View(func(tx *cloud.Tx) error {
		row, err := faults.Get(tx, cloud.Global, id)
		if err == nil && row != nil && !row.over(s.now()) {
			found, ok = *row, true
		}
		return err
	})
}
