package sabotage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"haven/drill/check"
	"haven/drill/history"
	"haven/drill/run"
	"haven/drill/scenario"
	"haven/drill/target"
	"haven/drill/workload"
)

// Variant is one way to build the environment wrong.
type Variant struct {
	Name     string
	Does     string
	Scenario string // the drill that catches it
	Control  string // the id of the control that it breaks
	// Promises are what the drill may say is broken: at least one of them.
	Promises []error

	change func(*target.Environment) change
	alter  func(*target.Environment, *scenario.Scenario) // the drill, so that it hits what was changed; nil: as it is
}

// unwell are variants that no drill even begins with: the environment shows at once that it is not what it promises.
var unwell = []error{check.ErrUnwell}

// All returns every variant.
func All() []Variant {
	return []Variant{
		{
			Name: "single-zone-group", Does: "all web servers are in one zone", Scenario: "failover/zone/power", Control: "HA-03",
			Promises: []error{check.ErrGap, check.ErrErrorShare}, change: serversInOneZone, alter: losesFirstZone,
		},
		{
			Name: "health-check-on-the-wrong-path", Does: "the balancer asks servers whether they live, not whether they are ready", Scenario: "failover/storage/mount-target-lost", Control: "HA-03",
			Promises: []error{check.ErrNotEjected}, change: healthPath(alive),
		},
		{
			Name: "security-group-without-the-health-port", Does: "the servers' security group does not let the balancer in", Scenario: "failover/web/terminate", Control: "HA-04",
			Promises: unwell, change: closedHealthPort,
		},
		{
			Name: "asynchronous-commit", Does: "the database acknowledges what it has not written yet", Scenario: "failover/database/writer-killed", Control: "HA-06",
			Promises: []error{check.ErrLostAppend}, change: asynchronousCommit, alter: manyAppends,
		},
		{
			Name: "route-through-another-zones-firewall", Does: "a zone's way out leads through another zone's firewall", Scenario: "failover/firewall/endpoint-lost", Control: "HA-01",
			Promises: unwell, change: otherFirewall,
		},
		{
			Name: "no-deletion-protection", Does: "the balancer, the database cluster and the firewall can be deleted", Scenario: "failover/protection/deletion-refused", Control: "HA-02",
			Promises: []error{check.ErrUnprotected}, change: noDeletionProtection,
		},
		{
			Name: "fencing-off", Does: "a writer that is lost but not dead writes on beside the one that takes its place", Scenario: "failover/database/writer-hangs", Control: "HA-06",
			Promises: []error{check.ErrTwoWriters, check.ErrLostAppend}, change: fencingOff, alter: notWell,
		},
		{
			Name: "alarms-that-tell-nobody", Does: "alarms are raised, and nobody is told", Scenario: "failover/monitoring/errors-told", Control: "OPS-04",
			Promises: []error{check.ErrAlarm}, change: tellingNobody,
		},
		{
			Name: "health-check-without-grace", Does: "the balancer asks servers whether everything answers this very second", Scenario: "failover/storage/slow", Control: "HA-04",
			Promises: []error{check.ErrReplaced}, change: healthPath(strict),
		},
	}
}

// notWell bounds the wait for what will not be well while the sabotage holds.
func notWell(_ *target.Environment, s *scenario.Scenario) { s.Whole = 30 * time.Second }

// losesFirstZone has the drill hit the zone that all servers are in.
func losesFirstZone(e *target.Environment, s *scenario.Scenario) {
	s.Fault = scenario.PowerLoss(firstZone(e).Name, s.Hold)
}

// manyAppends has a write under way at any moment.
func manyAppends(_ *target.Environment, s *scenario.Scenario) {
	s.Rates = workload.Rates{history.Look: 5, history.Append: 60, history.Put: 1, history.Get: 1, history.List: 0.05}
}

// settles is how long a change has to show its effect: health checks that begin to fail take out a server in less.
const settles = 25 * time.Second

// wellWithin is how long a drill waits for full strength: what was sabotaged will not get well.
const wellWithin = 45 * time.Second

// Run sabotages the environment, drills it, and puts everything back. The error says that the sabotage was not caught, or
// that it could not be done; the result is the drill's.
func Run(ctx context.Context, d run.Drill, v Variant, seed uint64) (result run.Result, err error) {
	if !d.Environment.Lab() {
		return result, errors.New("sabotaging an environment: it has to be a lab's")
	}
	chosen, err := scenario.Select(v.Scenario)
	if err != nil {
		return result, err
	}
	s := chosen[0]
	if v.alter != nil {
		v.alter(d.Environment, &s)
	}
	if err := d.Environment.AwaitWhole(ctx, wholeLimit); err != nil {
		return result, err
	}
	made := v.change(d.Environment)
	defer func() { err = errors.Join(err, restore(ctx, d.Environment, made)) }()
	if err := made.make(ctx); err != nil {
		return result, fmt.Errorf("sabotaging (%s): %w", v.Does, err)
	}
	select { // what was changed has to have its effect before anybody looks whether all is well
	case <-ctx.Done():
		return result, ctx.Err()
	case <-time.After(settles):
	}
	d.WellWithin = wellWithin
	result, _ = d.Run(ctx, s, seed)
	return result, v.caught(result)
}

// wholeLimit bounds the wait for full strength before and after.
const wholeLimit = 8 * time.Minute

// restore puts a change back and waits until the environment is whole.
func restore(ctx context.Context, e *target.Environment, c change) error {
	fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), wholeLimit+time.Minute)
	defer cancel()
	if err := c.restore(fresh); err != nil {
		return fmt.Errorf("putting a sabotage back: %w", err)
	}
	return e.AwaitWhole(fresh, wholeLimit)
}

// caught says why a result does not show that the sabotage was caught.
func (v Variant) caught(r run.Result) error {
	if r.Verdict == run.Passed || r.Verdict == run.Skipped {
		return fmt.Errorf("%s was not caught: %s %s", v.Name, r.Scenario, r.Verdict)
	}
	for _, found := range r.Findings {
		named := slices.ContainsFunc(v.Promises, func(promise error) bool { return promise.Error() == found.Promise })
		if named && slices.Contains(found.Controls, v.Control) {
			return nil
		}
	}
	return fmt.Errorf("%s was caught for another reason than %v of %s: %s %s", v.Name, v.Promises, v.Control, r.Reason, told(r.Findings))
}

func told(all []run.Finding) (texts []string) {
	for _, f := range all {
		texts = append(texts, fmt.Sprintf("%s %v: %s", f.Promise, f.Controls, f.Text))
	}
	return texts
}
