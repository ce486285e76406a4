package undo

import (
	"context"

	"haven/drill/scenario"
	"haven/drill/target"
)

// unprotect switches off the deletion protection that a drill has lent a resource. One of a stack that is there no more needs nothing.
func unprotect(ctx context.Context, e *target.Environment, u scenario.Undoing) error {
	for _, p := range e.Protectables() {
		if p.ID == u.Target && !p.Declared {
			return p.Set(ctx, false)
		}
	}
	return nil
}
