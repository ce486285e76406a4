package fault

import (
	"context"
	"errors"
	"fmt"
)

// Fault is something that is broken on purpose, once. Steps are called in the order of the interface, each at most once;
// Cleanup is called last, whatever happened before, and any number of times.
type Fault interface {
	// Setup chooses what is broken and prepares it; clients notice nothing. Text tells what was chosen.
	Setup(ctx context.Context) (text string, err error)
	// Inject breaks it.
	Inject(ctx context.Context) error
	// WaitActive looks until the effect is there.
	WaitActive(ctx context.Context) error
	// Recover undoes it, with nothing else than what Inject used. A fault that the environment heals by itself does nothing here.
	Recover(ctx context.Context) error
	// WaitRecovered looks until the effect has gone.
	WaitRecovered(ctx context.Context) error
	// Cleanup puts back whatever is not as it was before Setup. It must do so after a step that failed half-way, too.
	Cleanup(ctx context.Context) error
}

// State is how far a fault has come.
type State string

// The states, in their order. A fault that failed goes on from Broken to CleanedUp.
const (
	New       State = "new"
	Ready     State = "ready"
	Injected  State = "injected"
	Active    State = "active"
	Undone    State = "undone"
	Recovered State = "recovered"
	Broken    State = "broken"
	CleanedUp State = "cleaned up"
)

// ErrOrder says that a step was called out of order. The fault is as it was before.
var ErrOrder = errors.New("a fault's step was called out of order")

// Course takes one fault through its steps. It is not for concurrent use.
type Course struct {
	fault Fault
	state State
}

// Begin returns the course of a fault that nothing was done to.
func Begin(f Fault) *Course { return &Course{f, New} }

// State tells how far the fault has come.
func (c *Course) State() State { return c.state }

// Setup prepares the fault and tells what it will break.
func (c *Course) Setup(ctx context.Context) (text string, err error) {
	err = c.step("setting it up", New, Ready, func() error {
		text, err = c.fault.Setup(ctx)
		return err
	})
	return text, err
}

// Inject breaks what Setup chose.
func (c *Course) Inject(ctx context.Context) error {
	return c.step("injecting it", Ready, Injected, func() error { return c.fault.Inject(ctx) })
}

// WaitActive waits for the fault's effect.
func (c *Course) WaitActive(ctx context.Context) error {
	return c.step("waiting for its effect", Injected, Active, func() error { return c.fault.WaitActive(ctx) })
}

// Recover undoes the fault.
func (c *Course) Recover(ctx context.Context) error {
	return c.step("undoing it", Active, Undone, func() error { return c.fault.Recover(ctx) })
}

// WaitRecovered waits until the fault's effect has gone.
func (c *Course) WaitRecovered(ctx context.Context) error {
	return c.step("waiting until its effect has gone", Undone, Recovered, func() error { return c.fault.WaitRecovered(ctx) })
}

// Cleanup puts back what is left. Give it a context of its own: the drill's may be over. After an error it may be tried
// again.
func (c *Course) Cleanup(ctx context.Context) error {
	if c.state == New {
		c.state = CleanedUp // nothing was touched
	}
	if c.state == CleanedUp {
		return nil
	}
	if err := c.fault.Cleanup(ctx); err != nil {
		c.state = Broken
		return fmt.Errorf("cleaning up after a fault: %w", err)
	}
	c.state = CleanedUp
	return nil
}

func (c *Course) step(what string, from, to State, do func() error) error {
	if c.state != from {
		return fmt.Errorf("%w: %s needs the state %q, it is %q", ErrOrder, what, from, c.state)
	}
	if err := do(); err != nil {
		c.state = Broken
		return fmt.Errorf("%s: %w", what, err)
	}
	c.state = to
	return nil
}
