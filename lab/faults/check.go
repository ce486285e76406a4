package faults

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"haven/lab/cloud"
)

// Request asks for a fault.
type Request struct {
	Kind       Kind              `json:"kind"`
	Target     string            `json:"target"`
	Parameters map[string]string `json:"parameters,omitempty"`
	For        time.Duration     `json:"for,omitempty"` // heals itself after so long; 0: never
}

// ErrRefused says that a fault was not set because of what was asked for.
var ErrRefused = errors.New("no such fault")

// Plan turns a request into a fault. The error tells everything that is wrong with it, and what there is instead.
func Plan(request Request, there Inventory) (Fault, error) {
	about, known := Describe(request.Kind)
	if !known {
		return Fault{}, fmt.Errorf("%w: there is no kind %q; there are %s", ErrRefused, request.Kind, kindNames())
	}
	f := Fault{Kind: request.Kind, Target: request.Target, Parameters: maps.Clone(request.Parameters)}
	problems := []error{f.locate(there), f.checkParameters(about)}
	if request.For < 0 {
		problems = append(problems, fmt.Errorf("it can't be for %s: give a time to come, such as 30s", request.For))
	}
	if err := errors.Join(problems...); err != nil {
		return Fault{}, fmt.Errorf("%w: %s: %w", ErrRefused, f, err)
	}
	return f, nil
}

func kindNames() string {
	var names []string
	for _, about := range Kinds() {
		names = append(names, string(about.Kind))
	}
	return strings.Join(names, ", ")
}

// checkParameters finds what is missing, unknown or not well formed, and fills in defaults.
func (f *Fault) checkParameters(about Description) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(f.Parameters)) {
		if !slices.Contains(about.Parameters, name) {
			problems = append(problems, fmt.Errorf("it has no parameter %q; it has %s", name, cmp.Or(strings.Join(about.Parameters, ", "), "none")))
		}
	}
	switch f.Kind {
	case Blackhole:
		if f.Parameters == nil {
			f.Parameters = map[string]string{}
		}
		direction := cmp.Or(f.Parameters[ParameterDirection], DirectionBoth)
		f.Parameters[ParameterDirection] = direction
		if all := []string{DirectionIn, DirectionOut, DirectionBoth}; !slices.Contains(all, direction) {
			problems = append(problems, fmt.Errorf("the direction %q is none of %s", direction, strings.Join(all, ", ")))
		}
	case Slow:
		if _, err := ParseRate(f.Parameters[ParameterRate]); err != nil {
			problems = append(problems, err)
		}
	case Hang:
		if process := f.Parameters[ParameterProcess]; process != "" && f.Lever != LeverHang {
			problems = append(problems, errors.New("only the processes of an instance can be chosen; a database's server or a balancer's proxy hangs whole"))
		} else if strings.ContainsAny(process, "/*\x00") {
			problems = append(problems, fmt.Errorf("%q is no name of a process", process))
		}
	}
	return errors.Join(problems...)
}

// locate finds the target, or tells which there are.
func (f *Fault) locate(there Inventory) error {
	switch f.Kind {
	case ZonePower, Disk, FirewallEndpoint, BalancerNode:
		return f.inZone()
	case Hang:
		return f.atSubject(there, nil)
	case StorageFull, Crash, ReplayPaused, DatabaseUnfenced:
		if err := f.atSubject(there, nil); err != nil || f.Lever == LeverMember {
			return err
		}
		return fmt.Errorf("%s is no database instance", f.Target)
	case Slow:
		if f.inZone() == nil {
			return nil
		}
	}
	for _, place := range there.Places {
		if f.Target != "" && (f.Target == place.Interface || f.Target == place.Subnet || f.Target == place.Instance) {
			f.Region, f.Zone = place.Region, place.Zone
			return nil
		}
	}
	return f.atSubject(there, there.Places)
}

func (f *Fault) inZone() error {
	region, ok := regionOf(f.Target)
	if !ok {
		var all []string
		for _, region := range cloud.Regions() {
			all = append(all, region.Zones...)
		}
		return fmt.Errorf("there is no zone %q; there are %s", f.Target, strings.Join(all, ", "))
	}
	f.Region, f.Zone = region, f.Target
	return nil
}

// atSubject finds a target with a name of its own. Places are what else it could have been.
func (f *Fault) atSubject(there Inventory, places []Place) error {
	var names []string
	for _, subject := range there.Subjects {
		if subject.Name == f.Target {
			f.Region, f.Zone, f.Interface = subject.Region, subject.Zone, subject.Interface
			f.Lever = subject.lever()
			return nil
		}
		names = append(names, subject.Name)
	}
	for _, place := range places {
		names = append(names, place.Interface, place.Subnet)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return fmt.Errorf("there is no %q, nor anything else yet that it could be", f.Target)
	}
	return fmt.Errorf("there is no %q; there are %s", f.Target, strings.Join(names, ", "))
}

func (s Subject) lever() Lever {
	switch {
	case s.Member:
		return LeverMember
	case s.Node:
		return LeverNode
	}
	return LeverHang
}
