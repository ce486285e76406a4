package scenario

import (
	"context"
	"errors"
	"time"

	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/target"
)

// plan is the last of a whole run: each drill looks whether the plan is empty, which costs a few seconds; reading all resources anew
// before that costs several times as much, and once is enough to find what any of them has left different.
func plan() []Scenario {
	return []Scenario{{
		Name: "failover/plan/refresh", Does: "after all other drills the stack's state is refreshed and the plan is looked at: nothing is other than declared, and nobody notices",
		Promises: []string{"HA-12"}, Errors: 0, Whole: time.Minute, Fault: refreshed, Judge: looksUndisturbed,
	}}
}

func refreshed(s Stage) fault.Fault {
	return &call{
		choose: func(context.Context) (string, error) { return "the stack's state", nil },
		inject: func(ctx context.Context, _ string) error {
			err := s.Program.ExpectNoChanges(ctx, true)
			if errors.Is(err, target.ErrChanges) {
				return check.Finding{Promise: check.ErrDrift, Text: err.Error()}
			}
			return err
		},
		active: func(context.Context, string) error { return nil },
	}
}
