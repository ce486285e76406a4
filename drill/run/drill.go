package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/history"
	"haven/drill/scenario"
	"haven/drill/target"
	"haven/drill/undo"
	"haven/drill/workload"
)

// The course of a drill.
const (
	steadyFor    = 5 * time.Second // load before the first fault
	wellWithin   = 4 * time.Minute
	jitter       = 3 * time.Second // the most that an injection is put off, to hit any moment of a check's interval
	afterwards   = 3 * time.Second // load after the last full strength: the last write has to succeed
	stepLimit    = 8 * time.Minute // of one step of a fault: scaling out takes three minutes of load, one until it is measured, and a boot
	cleanupLimit = 3 * time.Minute
	readBack     = 2 * time.Minute
	planLimit    = 5 * time.Minute
)

// reliability is what each drill's load has to be for it to prove anything.
var reliability = check.Reliability{MinimumRate: 8, SteadyFor: steadyFor, SteadyFailure: 0}

// Drill runs scenarios in one environment, one after the other.
type Drill struct {
	Environment *target.Environment
	Leftovers   *undo.File
	Say         func(format string, args ...any) // what is happening now; nil: nobody listens
	Plan        bool                             // refresh and look whether the plan is empty after each drill
	WellWithin  time.Duration                    // how long to wait for full strength before a drill; 0: four minutes
}

// course is one drill under way.
type course struct {
	*Drill
	scenario scenario.Scenario
	recorder *history.Recorder
	random   *rand.Rand
	victims  []string
	whole    []time.Duration
}

// Run carries one scenario out and judges it. The history is complete even when the verdict is that nothing was proved. Everything
// is put back before it returns, also when the context ends.
func (d *Drill) Run(ctx context.Context, s scenario.Scenario, seed uint64) (Result, history.History) {
	begun, seed := time.Now(), cmp.Or(s.Seed, seed)
	c := &course{Drill: d, scenario: s, recorder: history.NewRecorder(), random: rand.New(rand.NewPCG(seed, hash(s.Name)))}
	result := Result{Scenario: s.Name, Does: s.Does, Promises: s.Promises, Errors: s.Errors, Seed: seed, Begun: begun}
	if s.LabOnly != "" && !d.Environment.Lab() {
		result.Verdict, result.Reason = Skipped, s.LabOnly
		return result, history.History{}
	}
	limit, err := budgetOf(s, d.Environment.Declared)
	result.Budget = limit
	if err == nil {
		err = c.carryOut(ctx, seed)
	}
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("it was interrupted: %w", err)
	}
	h := c.recorder.History()
	result.Victims = c.victims
	result.Measured = measure(h, s.Kinds, c.whole)
	if err == nil {
		err = c.judge(ctx, h, &result)
	}
	if err != nil {
		// What was not carried out to its end proves nothing, unless it ended because a promise was broken.
		var broken check.Finding
		switch found := errors.As(err, &broken); {
		case errors.Is(err, check.ErrUnwell): // nothing was drilled
			result.add(byEnvironment, broken)
		case found && !errors.Is(broken, check.ErrUnreliable):
			result.add(byEnvironment, broken)
			result.add(byHistory, Judge(h, s, limit)...) // what else is broken is told with it
		default:
			result.Verdict, result.Reason = Invalid, err.Error()
		}
	}
	result.Took = time.Since(begun)
	return result, h
}

func hash(text string) uint64 {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(text))
	return sum.Sum64()
}

func (d *Drill) say(format string, args ...any) {
	if d.Say != nil {
		d.Say(format, args...)
	}
}

func (c *course) stage() scenario.Stage {
	return scenario.Stage{Environment: c.Environment, Random: c.random, Mark: c.recorder.Mark, Seen: c.recorder.History, Load: c.load, Undo: c.Leftovers}
}

// load begins more load, of a tenant of its own.
func (c *course) load(ctx context.Context, rates workload.Rates) (stop func(), err error) {
	more, err := workload.Start(context.WithoutCancel(ctx), c.Environment.Site(fmt.Sprintf("drill-more-%d", time.Now().Unix())), rates, c.random.Uint64(), c.recorder)
	if err != nil {
		return nil, err
	}
	return sync.OnceFunc(more.End), nil
}

// carryOut does all but the judgement. Its error wraps a check.Finding when a promise was broken on the way.
func (c *course) carryOut(ctx context.Context, seed uint64) (err error) {
	c.say("waiting for full strength")
	err = c.Environment.AwaitWhole(ctx, cmp.Or(c.WellWithin, wellWithin))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return check.Finding{Promise: check.ErrUnwell, Text: err.Error()}
	}
	rates := c.scenario.Rates
	if c.scenario.RatesFor != nil {
		rates = c.scenario.RatesFor(c.Environment)
	}
	if rates == nil {
		rates = scenario.StandardRates
	}
	// A tenant of its own: the ledger of another drill proves nothing here.
	tenant := fmt.Sprintf("drill-%x-%d", hash(c.scenario.Name)&0xffffff, time.Now().Unix())
	load, err := workload.Start(context.WithoutCancel(ctx), c.Environment.Site(tenant), rates, seed, c.recorder)
	if err != nil {
		return err
	}
	defer func() {
		c.say("reading everything back")
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), readBack)
		defer cancel()
		load.Stop(fresh)
	}()
	if err := pause(ctx, steadyFor); err != nil {
		return err
	}
	for number := range max(c.scenario.Times, 1) {
		if err := c.inject(ctx, number+1); err != nil {
			return err
		}
	}
	return pause(ctx, afterwards)
}

// inject takes one fault through its steps and waits for full strength.
func (c *course) inject(ctx context.Context, number int) (err error) {
	if err := pause(ctx, time.Duration(c.random.Int64N(int64(jitter)))); err != nil {
		return err
	}
	steps := fault.Begin(c.scenario.Fault(c.stage()))
	defer func() {
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
		defer cancel()
		err = errors.Join(err, steps.Cleanup(fresh), undo.All(fresh, c.Environment, c.Leftovers, nil))
	}()
	victim, err := c.prepare(ctx, steps)
	if err != nil {
		return err
	}
	c.victims = append(c.victims, victim)
	c.say("%d of %d: breaking %s", number, max(c.scenario.Times, 1), victim)
	c.recorder.Mark(history.Injecting, victim)
	if err := bounded(ctx, stepLimit, steps.Inject); err != nil {
		return err
	}
	if err := bounded(ctx, stepLimit, steps.WaitActive); err != nil {
		return err
	}
	c.recorder.Mark(history.Active, victim)
	c.say("%d of %d: %s is broken", number, max(c.scenario.Times, 1), victim)
	if err := pause(ctx, c.scenario.Hold); err != nil {
		return err
	}
	c.recorder.Mark(history.Healing, victim)
	if err := bounded(ctx, stepLimit, steps.Recover); err != nil {
		return err
	}
	if err := bounded(ctx, stepLimit, steps.WaitRecovered); err != nil {
		return err
	}
	return c.awaitWhole(ctx, victim)
}

func (c *course) prepare(ctx context.Context, steps *fault.Course) (victim string, err error) {
	err = bounded(ctx, stepLimit, func(ctx context.Context) error {
		victim, err = steps.Setup(ctx)
		return err
	})
	return victim, err
}

// awaitWhole waits for full strength. What is not back in the scenario's time has broken a promise.
func (c *course) awaitWhole(ctx context.Context, victim string) error {
	c.say("%s is healed; waiting for full strength", victim)
	healing := c.recorder.Now()
	err := c.Environment.AwaitWhole(ctx, c.scenario.Whole)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return check.Finding{Promise: check.ErrNotRecovered, At: healing, Text: err.Error()}
	}
	c.recorder.Mark(history.Recovered, victim)
	c.whole = append(c.whole, c.recorder.Now()-healing)
	return nil
}

// bounded calls a step with a bound on its time.
func bounded(ctx context.Context, limit time.Duration, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return step(ctx)
}

func pause(ctx context.Context, lasts time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(lasts):
		return nil
	}
}

// budgetOf is the scenario's budget from what the stack declares; nil when it has none.
func budgetOf(s scenario.Scenario, d budget.Declared) (*budget.Budget, error) {
	if s.Budget == "" {
		return nil, nil
	}
	b, err := budget.For(s.Budget, d)
	if err != nil {
		return nil, err
	}
	return &b, nil
}
