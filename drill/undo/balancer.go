package undo

import (
	"context"

	"haven/drill/scenario"
	"haven/drill/target"
)

// cancelShift leads traffic back to where a drill has led it away from.
func cancelShift(ctx context.Context, e *target.Environment, u scenario.Undoing) error {
	if err := e.CancelShift(ctx, u.Target); err != nil || u.Parameters[scenario.Unmanaged] == "" {
		return err
	}
	return e.TakeShifts(ctx, u.Target, false)
}

// rightHealthCheck gives a target group its health check again, and its servers a group that looks after them.
func rightHealthCheck(ctx context.Context, e *target.Environment, u scenario.Undoing) error {
	return e.RightHealthCheck(ctx, u.Target, u.Parameters[scenario.HealthPath])
}
