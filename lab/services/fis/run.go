package fis

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"

	"haven/lab/cloud"
	"haven/lab/timeline"
)

const (
	pace     = 250 * time.Millisecond // while an experiment runs: what it waits for wakes nobody
	restPace = 30 * time.Second
)

// Run carries out experiments until the context ends.
func (s *Service) Run(ctx context.Context) error {
	wake, stop := s.store.Watch(experiments.Name(), levers.Name())
	defer stop()
	said := map[string]string{}
	for {
		active, err := s.active()
		if err != nil {
			return err
		}
		for _, row := range active {
			if err := s.step(ctx, row.Region, row.id()); err != nil && err.Error() != said[row.id()] && ctx.Err() == nil {
				said[row.id()] = err.Error() // once, not on each try
				s.deps.Log.Error("an experiment can't go on yet", "experiment", row.id(), "error", err)
			}
		}
		next := restPace
		if len(active) > 0 {
			next = pace
		} else {
			clear(said)
			if err := s.forget(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-time.After(next):
		}
	}
}

// active lists the experiments that are not over, or whose log was not delivered.
func (s *Service) active() (active []*experimentRow, err error) {
	return active, s.store.View(func(tx *cloud.Tx) error {
		all, err := experiments.ListAll(tx)
		for _, row := range all {
			if !row.over() || row.Recorded < len(row.Records) {
				active = append(active, row)
			}
		}
		return err
	})
}

// forget removes experiments of long ago.
func (s *Service) forget() error {
	var old []*experimentRow
	err := s.store.View(func(tx *cloud.Tx) error {
		all, err := experiments.ListAll(tx)
		for _, row := range all {
			if row.over() && row.Experiment.CreationTime.Before(s.now().Add(-keptFor)) {
				old = append(old, row)
			}
		}
		return err
	})
	if err != nil || len(old) == 0 {
		return err
	}
	return s.store.Update(func(tx *cloud.Tx) error {
		for _, row := range old {
			if err := experiments.Delete(tx, row.Region, row.id()); err != nil {
				return err
			}
		}
		return nil
	})
}

// step takes an experiment as far as it goes now. An error leaves it where it is, to be tried again.
func (s *Service) step(ctx context.Context, region, id string) error {
	x := &executor{service: s, region: region, id: id}
	if err := x.load(); err != nil {
		return err
	}
	var err error
	switch x.row.Experiment.State.Status {
	case types.ExperimentStatusPending, types.ExperimentStatusInitiating:
		err = x.begin(ctx)
	case types.ExperimentStatusRunning:
		err = x.advance(ctx)
	case types.ExperimentStatusStopping:
		err = x.unwind(ctx)
	}
	return errors.Join(err, x.deliver(ctx))
}

// executor is one experiment while a step is made.
type executor struct {
	service    *Service
	region, id string
	row        *experimentRow // as last read or written
	who        cloud.Principal
}

func (x *executor) load() error {
	return x.service.store.View(func(tx *cloud.Tx) error {
		row, err := findExperiment(tx, x.region, &x.id)
		x.row = row
		return err
	})
}

// change changes the experiment, unless it was halted since it was read: then the step ends, and the next one sees it.
func (x *executor) change(apply func(tx *cloud.Tx, row *experimentRow)) error {
	return x.service.store.Update(func(tx *cloud.Tx) error {
		row, err := findExperiment(tx, x.region, &x.id)
		if err != nil {
			return err
		}
		if (row.Ending == nil) != (x.row.Ending == nil) {
			x.row = row
			return errHalted
		}
		apply(tx, row)
		x.row = row
		return experiments.Put(tx, x.region, x.id, row)
	})
}

// note writes down what an action is about to change. An experiment that is being halted must not lose it either.
func (x *executor) note(name string, apply func(*run)) error {
	return x.service.store.Update(func(tx *cloud.Tx) error {
		row, err := findExperiment(tx, x.region, &x.id)
		if err != nil {
			return err
		}
		apply(row.Runs[name])
		x.row.Runs = row.Runs
		return experiments.Put(tx, x.region, x.id, row)
	})
}

var errHalted = errors.New("it was halted meanwhile")

// halt has an experiment put back what it changed and then end so.
func (s *Service) halt(tx *cloud.Tx, row *experimentRow, how ending) {
	if row.Ending != nil || row.over() {
		return
	}
	row.Ending = &how
	row.Experiment.State = &types.ExperimentState{Status: types.ExperimentStatusStopping, Reason: aws.String(how.Reason), Error: how.Error}
	s.tellLater(tx, row, "is being stopped: "+how.Reason, timeline.Info)
}

func (s *Service) tellLater(tx *cloud.Tx, row *experimentRow, text string, severity timeline.Severity) {
	event := timeline.Event{Region: row.Region, Source: "fis", Subject: row.id(), Text: text, Severity: severity}
	tx.AfterCommit(func() { s.deps.Tell(event) })
}

// inCall is the context for calls that the experiment makes as its role.
func (x *executor) inCall(ctx context.Context) context.Context {
	return cloud.WithCall(ctx, &cloud.Call{ID: cloud.NewUUID(), Service: "fis", Region: x.region, Principal: x.who, UserAgent: servicePrincipal, SourceIP: servicePrincipal, Secure: true})
}
