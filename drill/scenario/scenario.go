package scenario

import (
	"context"
	"math/rand/v2"
	"time"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/history"
	"haven/drill/target"
	"haven/drill/workload"
)

// Scenario is one drill.
type Scenario struct {
	Name     string
	Does     string   // what happens, in one line
	Promises []string // ids of the controls that it proves, such as HA-04
	LabOnly  string   // why it can't be done on AWS; empty: it runs there, too

	// Seed chooses victims and moments; 0: the run's does. A regression keeps the one that shows it.
	Seed uint64
	// Times is how often the fault is injected in one run, 1 when it is 0. Each injection begins at a random moment.
	Times int
	// Hold is how long the fault holds once its effect was seen.
	Hold time.Duration
	// Budget names the budget of the longest gap; empty: the scenario's own judgement says what counts.
	Budget budget.Fault
	// Kinds are the operations that the budget and the error share are about; none: all.
	Kinds []history.Kind
	// Errors is the share (0 to 1) of those operations that may fail from the injection until full strength.
	Errors float64
	// Whole bounds the time from the healing to full strength.
	Whole time.Duration
	// Rates are the load; nil: StandardRates.
	Rates workload.Rates
	// RatesFor computes the load from what the stack declares; nil: Rates.
	RatesFor func(*target.Environment) workload.Rates
	// Needs are the IAM actions that the fault and the judgement call, such as ec2:TerminateInstances.
	Needs []string

	// Fault makes what is broken, anew for each injection.
	Fault func(Stage) fault.Fault
	// Judge looks for what is broken beyond that which every scenario is held to; nil: nothing more. It runs after the
	// environment is back at full strength. An error says that it could not look.
	Judge func(ctx context.Context, s Stage, h history.History) ([]check.Finding, error)
}

// Stage is what a fault and a judgement have to work with.
type Stage struct {
	*target.Environment
	Random *rand.Rand
	// Mark notes something on the client's clock, such as that a server was seen out of service.
	Mark func(name, text string)
	// Seen is the load as it was recorded until now: its copy, for faults that depend on what clients see.
	Seen func() history.History
	// Load begins more load, recorded with the rest, until stop is called.
	Load func(ctx context.Context, rates workload.Rates) (stop func(), err error)
	// Undo remembers how to put back what the fault changes, before it changes it: a drill that is killed leaves it for the
	// next one. Done forgets it.
	Undo Leftovers
}

// Leftovers is the memory of what has to be put back.
type Leftovers interface {
	// Remember keeps an undoing under a key, durably, before it returns.
	Remember(key string, u Undoing) error
	// Done forgets it, once it was put back.
	Done(key string) error
}

// Undoing is one thing to put back. Package undo carries it out.
type Undoing struct {
	Kind       string            `json:"kind"` // one of package undo's
	Target     string            `json:"target"`
	Parameters map[string]string `json:"parameters,omitempty"`
}

// StandardRates are a load that two cores carry beside the whole environment.
var StandardRates = workload.Rates{history.Look: 10, history.Append: 5, history.Put: 1, history.Get: 2, history.List: 0.05}
