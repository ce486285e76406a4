package scenario

import (
	"context"
	"errors"
	"strings"

	"haven/drill/fault"
)

// together are faults that go through their steps together, the first one first.
type together []fault.Fault

func (t together) Setup(ctx context.Context) (string, error) {
	var victims []string
	for _, one := range t {
		victim, err := one.Setup(ctx)
		if err != nil {
			return "", err
		}
		victims = append(victims, victim)
	}
	return strings.Join(victims, " and "), nil
}

func (t together) Inject(ctx context.Context) error { return t.each(ctx, fault.Fault.Inject) }

func (t together) WaitActive(ctx context.Context) error { return t.each(ctx, fault.Fault.WaitActive) }

func (t together) Recover(ctx context.Context) error { return t.each(ctx, fault.Fault.Recover) }

func (t together) WaitRecovered(ctx context.Context) error {
	return t.each(ctx, fault.Fault.WaitRecovered)
}

// each stops at the first error: the cleanup is for what was begun.
func (t together) each(ctx context.Context, step func(fault.Fault, context.Context) error) error {
	for _, one := range t {
		if err := step(one, ctx); err != nil {
			return err
		}
	}
	return nil
}

// Cleanup tries all, even when one fails.
func (t together) Cleanup(ctx context.Context) error {
	var errs []error
	for _, one := range t {
		errs = append(errs, one.Cleanup(ctx))
	}
	return errors.Join(errs...)
}
