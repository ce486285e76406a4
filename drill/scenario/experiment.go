package scenario

import (
	"context"

	"haven/drill/fault"
)

// Experiments is the kind of undoing that stops all experiments of the template Target.
const Experiments = "experiments"

// experiment is a fault of AWS's Fault Injection Service, by a template that the stack declares. It ends by itself, too: after
// the template's time, and when its stop condition's alarm is raised.
type experiment struct {
	stage  Stage
	choose func(ctx context.Context) (victim, template string, err error)
	// before is called between the choice and the start; nil: nothing.
	before func(ctx context.Context) error
	active func(ctx context.Context, victim string) error

	victim, template string
	started          bool
}

var _ fault.Fault = (*experiment)(nil)

func (x *experiment) Setup(ctx context.Context) (string, error) {
	victim, name, err := x.choose(ctx)
	if err != nil {
		return "", err
	}
	x.victim = victim
	x.template, err = x.stage.ExperimentTemplate(name)
	return victim + " (" + name + ")", err
}

func (x *experiment) Inject(ctx context.Context) error {
	if err := x.stage.Undo.Remember(x.key(), Undoing{Kind: Experiments, Target: x.template}); err != nil {
		return err
	}
	x.started = true
	if x.before != nil {
		if err := x.before(ctx); err != nil {
			return err
		}
	}
	return x.stage.StartExperiment(ctx, x.template)
}

func (x *experiment) key() string { return Experiments + " " + x.template }

func (x *experiment) WaitActive(ctx context.Context) error { return x.active(ctx, x.victim) }

func (x *experiment) Recover(ctx context.Context) error { return x.stop(ctx) }

func (x *experiment) WaitRecovered(ctx context.Context) error {
	return x.stage.AwaitExperimentsEnd(ctx, x.template)
}

func (x *experiment) Cleanup(ctx context.Context) error { return x.stop(ctx) }

func (x *experiment) stop(ctx context.Context) error {
	if !x.started {
		return nil
	}
	if err := x.stage.StopExperiments(ctx, x.template); err != nil {
		return err
	}
	x.started = false
	return x.stage.Undo.Done(x.key())
}
