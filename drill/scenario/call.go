package scenario

import (
	"context"

	"haven/drill/fault"
)

// call is a fault of one call to AWS's API, which the environment heals by itself.
type call struct {
	choose func(ctx context.Context) (victim string, err error)
	inject func(ctx context.Context, victim string) error
	active func(ctx context.Context, victim string) error
	// recovered looks whether the environment has healed it; nil: full strength says all.
	recovered func(ctx context.Context, victim string) error

	victim string
}

var _ fault.Fault = (*call)(nil)

func (c *call) Setup(ctx context.Context) (string, error) {
	var err error
	c.victim, err = c.choose(ctx)
	return c.victim, err
}

func (c *call) Inject(ctx context.Context) error     { return c.inject(ctx, c.victim) }
func (c *call) WaitActive(ctx context.Context) error { return c.active(ctx, c.victim) }
func (c *call) Recover(context.Context) error        { return nil }

func (c *call) WaitRecovered(ctx context.Context) error {
	if c.recovered == nil {
		return nil
	}
	return c.recovered(ctx, c.victim)
}

func (c *call) Cleanup(context.Context) error { return nil }
