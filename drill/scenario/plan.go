package scenario

import (
	"context"
	"errors"
	"slices"
	"time"

	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/target"
)

// PlanAtEnd returns what is to be run with the look at the plan as its last, once.
func PlanAtEnd(chosen []Scenario) []Scenario { return append(WithoutPlan(chosen), plan()...) }

// WithoutPlan returns what is to be run without the look at the plan.
func WithoutPlan(chosen []Scenario) []Scenario {
	name := plan()[0].Name
	return slices.DeleteFunc(slices.Clone(chosen), func(s Scenario) bool { return s.Name == name })
}

// plan is the last of a run. A plan alone compares the program with Pulumi's state and would find nothing that a drill left different:
// all resources are read anew before it, which takes most of a minute, and once is enough to find what any drill has left.
func plan() []Scenario {
	return []Scenario{{
		Name: "failover/plan/refresh", Does: "after all other drills the stack's state is refreshed and the plan is looked at: nothing is other than declared, and nobody notices",
		Promises: []string{"HA-12"}, Errors: 0, Whole: time.Minute, Fault: refreshed, Judge: looksUndisturbed,
	}}
}

func refreshed(s Stage) fault.Fault {
	return &call{
		choose: func(context.Context) (string, error) { return "the stack's state", nil },
		inject: func(ctx context.Context, _ string) error { return s.asDeclared(ctx) },
		active: func(context.Context, string) error { return nil },
	}
}

// asDeclared refreshes the stack's state and looks at the plan. That it is not empty breaks a promise.
func (s Stage) asDeclared(ctx context.Context) error {
	err := s.Program.ExpectNoChanges(ctx, true)
	if errors.Is(err, target.ErrChanges) {
		return check.Finding{Promise: check.ErrDrift, Text: err.Error()}
	}
	return err
}
