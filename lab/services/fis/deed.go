package fis

import (
	"cmp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/fis/types"
)

// deed is one action of an experiment while it is done.
type deed struct {
	*executor
	name    string
	action  action
	given   types.ExperimentAction
	run     *run // as it was last written down
	targets []target
}

// lostError says that something can't be put back any more: trying again is no use.
type lostError struct{ error }

func (x *executor) deed(name string) *deed {
	given := x.row.Experiment.Actions[name]
	d := &deed{executor: x, name: name, given: given, action: actions[*given.ActionId], run: x.row.Runs[name]}
	for _, wanted := range given.Targets { // every action has one at most
		d.targets = x.row.Targets[wanted]
	}
	return d
}

// note writes down what is about to be changed.
func (d *deed) note(apply func(*run)) error {
	err := d.executor.note(d.name, apply)
	d.run = d.row.Runs[d.name]
	return err
}

func (d *deed) parameter(name, otherwise string) string {
	return cmp.Or(d.given.Parameters[name], otherwise)
}

// until is when the action's time is over; zero: it has none.
func (d *deed) until(now time.Time) time.Time {
	for _, name := range []string{parameterDuration, parameterRestart} {
		if text := d.given.Parameters[name]; text != "" {
			if duration, err := parseDuration(text); err == nil {
				return now.Add(duration)
			}
		}
	}
	return time.Time{}
}

// timeOver tells that the action's time is over.
func (d *deed) timeOver() bool {
	return !d.run.Until.IsZero() && !d.service.now().Before(d.run.Until)
}

// did tells that something was done to a target which must not be done again.
func (d *deed) did(t target) bool { return slices.Contains(d.run.Done, t.ID) }

func (d *deed) ids() []string {
	all := make([]string, len(d.targets))
	for i, t := range d.targets {
		all[i] = t.ID
	}
	return all
}

// nothing tells that there is nothing to put back.
func (r *run) nothing() bool {
	return r == nil || len(r.Changed) == 0 && len(r.Original) == 0 && r.Command == ""
}
