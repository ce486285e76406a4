package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"haven/drill/fault"
	"haven/drill/target"
)

// onlyLab is why AWS can't do a drill of a breakage.
const onlyLab = "AWS has no call that does this"

// breakageMargin is how much longer than a drill needs it a breakage would last by itself.
const breakageMargin = 2 * time.Minute

// Breakages is the kind of undoing that heals the Breaker's breakage Target.
const Breakages = "breakage"

// breakage is a fault of the environment's Breaker.
type breakage struct {
	stage      Stage
	kind       string
	parameters map[string]string
	hold       time.Duration
	choose     func(ctx context.Context) (victim string, err error)

	victim, id string
}

// breaks returns how to make a breakage whose victim is chosen anew for each injection.
func breaks(kind string, parameters map[string]string, hold time.Duration, choose func(context.Context, Stage) (string, error)) func(Stage) fault.Fault {
	return func(s Stage) fault.Fault {
		return &breakage{stage: s, kind: kind, parameters: parameters, hold: hold, choose: func(ctx context.Context) (string, error) { return choose(ctx, s) }}
	}
}

func (b *breakage) Setup(ctx context.Context) (string, error) {
	if b.stage.Breaker == nil {
		return "", fmt.Errorf("%s can only be broken in a lab", b.kind)
	}
	var err error
	b.victim, err = b.choose(ctx)
	return fmt.Sprintf("%s (%s)", b.victim, b.kind), err
}

func (b *breakage) Inject(ctx context.Context) (err error) {
	// What it is called is known only afterwards: a drill that is killed before leaves it to end by itself.
	b.id, err = b.stage.Breaker.Break(ctx, target.Breakage{Kind: b.kind, Target: b.victim, Parameters: b.parameters, For: b.hold + breakageMargin})
	if b.id != "" {
		b.stage.Mark("breakage", b.id)
		err = errors.Join(err, b.stage.Undo.Remember(b.key(), Undoing{Kind: Breakages, Target: b.id}))
	}
	return err
}

// WaitActive has nothing to wait for: the Breaker returns when it has seen the effect.
func (b *breakage) WaitActive(context.Context) error { return nil }

func (b *breakage) Recover(ctx context.Context) error { return b.stage.Breaker.Heal(ctx, b.id) }

func (b *breakage) WaitRecovered(ctx context.Context) error {
	return target.Await(ctx, "the breakage to end", time.Minute, func(ctx context.Context) error {
		left, err := b.stage.Breaker.InForce(ctx)
		if err != nil {
			return err
		}
		for _, id := range left {
			if id == b.id {
				return fmt.Errorf("%s holds still", id)
			}
		}
		return nil
	})
}

func (b *breakage) Cleanup(ctx context.Context) error {
	if b.id == "" {
		return nil
	}
	if err := b.stage.Breaker.Heal(ctx, b.id); err != nil {
		return err
	}
	return b.stage.Undo.Done(b.key())
}

func (b *breakage) key() string { return Breakages + " " + b.id }
