package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/history"
	"haven/drill/scenario"
	"haven/drill/target"
)

// judge fills in the verdict. An error says that the judge could not look, and that nothing is known to be broken.
func (c *course) judge(ctx context.Context, h history.History, result *Result) error {
	c.say("judging")
	found, unreliable := Judge(h, c.scenario, result.Budget)
	var failed error
	if c.scenario.Judge != nil {
		more, err := c.scenario.Judge(ctx, c.stage(), h)
		if err != nil {
			failed = fmt.Errorf("looking for what else was promised: %w", err)
		}
		found = append(found, more...)
	}
	left, err := c.leftovers(ctx)
	found, failed = append(found, left...), errors.Join(failed, err)
	settle(result, found, unreliable, c.scenario)
	if failed != nil && result.Verdict == Failed {
		result.Reason = failed.Error() // what was found counts
		return nil
	}
	return failed
}

// settle turns what was found into a verdict. A broken promise counts also in a run that is otherwise not reliable, but one
// that is not reliable never passes.
func settle(result *Result, found, unreliable []check.Finding, s scenario.Scenario) {
	broken := 0
	for _, f := range append(found, unreliable...) {
		result.Findings = append(result.Findings, describe(f, s))
		if !errors.Is(f, check.ErrUnreliable) {
			broken++
		}
	}
	result.Verdict = verdict(broken, len(result.Findings)-broken)
}

func verdict(broken, unreliable int) Verdict {
	switch {
	case broken > 0:
		return Failed
	case unreliable > 0:
		return Invalid
	}
	return Passed
}

func describe(f check.Finding, s scenario.Scenario) Finding {
	return Finding{Promise: f.Promise.Error(), Controls: s.Promises, Text: f.Text, At: f.At}
}

// Judge holds a history to what every scenario is held to. It is pure: a saved history is judged again by it. What keeps one checker
// from deciding makes the run unreliable, and does not keep the others from finding what is broken.
func Judge(h history.History, s scenario.Scenario, limit *budget.Budget) (found, unreliable []check.Finding) {
	for _, judge := range []func(history.History) ([]check.Finding, error){check.Ledger, check.Linear, check.Files} {
		more, err := judge(h)
		found = append(found, more...)
		if err != nil {
			unreliable = append(unreliable, asFinding(err))
		}
	}
	if limit != nil {
		found = append(found, check.WithinBudget(h, limit.Total(), s.Kinds...)...)
	}
	if injecting, ok := h.At(history.Injecting); ok {
		found = append(found, check.ErrorShare(h, injecting, last(h, history.Recovered), s.Errors, s.Kinds...)...)
	}
	return found, append(unreliable, check.Reliable(h, reliability)...)
}

// asFinding is a checker's error, which is a finding that nothing is proved.
func asFinding(err error) check.Finding {
	var f check.Finding
	if errors.As(err, &f) {
		return f
	}
	return check.Finding{Promise: check.ErrUnreliable, Text: err.Error()}
}

// last is when something was marked for the last time, or the end of time when it never was.
func last(h history.History, name string) time.Duration {
	at := time.Duration(1 << 62)
	for _, mark := range h.Marks {
		if mark.Name == name {
			at = mark.At
		}
	}
	return at
}

// leftovers looks for what the drill has left behind: breakages in force and a plan that is not empty.
func (c *course) leftovers(ctx context.Context) (found []check.Finding, err error) {
	if c.Environment.Breaker != nil {
		left, err := c.Environment.Breaker.InForce(ctx)
		if err != nil {
			return nil, err
		}
		if len(left) > 0 {
			found = append(found, check.Finding{Promise: check.ErrLeftover, Text: fmt.Sprintf("breakages in force still: %v", left)})
		}
	}
	for _, item := range c.Leftovers.Left() {
		found = append(found, check.Finding{Promise: check.ErrLeftover, Text: fmt.Sprintf("%s of %s was not put back", item.Kind, item.Target)})
	}
	if !c.Plan {
		return found, nil
	}
	c.say("looking at the plan")
	err = bounded(ctx, planLimit, func(ctx context.Context) error { return c.Environment.Program.ExpectNoChanges(ctx, false) })
	if errors.Is(err, target.ErrChanges) {
		return append(found, check.Finding{Promise: check.ErrDrift, Text: err.Error()}), nil
	}
	return found, err
}

func measure(h history.History, kinds []history.Kind, whole []time.Duration) Measured {
	m := Measured{
		Gap: check.LongestGap(h, 0, 1<<62, kinds...).Length(), Gaps: gaps(h, kinds), Operations: len(h.Operations), Whole: whole,
		Median: check.Percentile(h, 50, history.Look), Percentile: check.Percentile(h, 99, history.Look),
	}
	for _, o := range h.Operations {
		switch {
		case o.Outcome != history.OK:
			m.Failures++
		case o.Kind.Writes():
			m.Acknowledge++
		}
	}
	if injecting, ok := h.At(history.Injecting); ok {
		if bad, all := check.Failures(h, injecting, last(h, history.Recovered), kinds...); all > 0 {
			m.ErrorShare = float64(bad) / float64(all)
		}
	}
	return m
}

// gaps are the longest gaps of the injections, one by one.
func gaps(h history.History, kinds []history.Kind) (all []time.Duration) {
	var begins []time.Duration
	for _, mark := range h.Marks {
		if mark.Name == history.Injecting {
			begins = append(begins, mark.At)
		}
	}
	for i, from := range begins {
		to := time.Duration(1 << 62)
		if i+1 < len(begins) {
			to = begins[i+1]
		}
		all = append(all, check.LongestGap(h, from, to, kinds...).Length())
	}
	return all
}
