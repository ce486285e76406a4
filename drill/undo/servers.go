package undo

import (
	"context"
	"fmt"
	"strconv"

	"haven/drill/scenario"
	"haven/drill/target"
)

// runScript puts a server right, unless it has been replaced.
func runScript(ctx context.Context, e *target.Environment, u scenario.Undoing) error {
	return e.CommandUnlessGone(ctx, u.Target, u.Parameters[scenario.Script])
}

// endRelease ends a drill's release and deletes it.
func endRelease(ctx context.Context, e *target.Environment, u scenario.Undoing) error {
	return e.EndRelease(ctx, u.Target)
}

// setCapacity has a group be as large as before.
func setCapacity(ctx context.Context, e *target.Environment, u scenario.Undoing) error {
	desired, err := strconv.ParseInt(u.Parameters[scenario.Desired], 10, 32)
	if err != nil {
		return fmt.Errorf("the capacity to put back is %q: %w", u.Parameters[scenario.Desired], err)
	}
	return e.SetCapacity(ctx, u.Target, int32(desired))
}

// giveZones gives a group its zones again.
func giveZones(ctx context.Context, e *target.Environment, u scenario.Undoing) error {
	return e.SetSubnets(ctx, u.Target, u.Parameters[scenario.Subnets])
}
