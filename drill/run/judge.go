package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	result.add(byHistory, Judge(h, c.scenario, result.Budget)...)
	var failed error
	if c.scenario.Judge != nil {
		more, err := c.scenario.Judge(ctx, c.stage(), h)
		if err != nil {
			failed = fmt.Errorf("looking for what else was promised: %w", err)
		}
		result.add(byEnvironment, more...)
	}
	left, err := c.leftovers(ctx)
	result.add(byEnvironment, left...)
	if failed = errors.Join(failed, err); failed != nil && result.Verdict == Failed {
		result.Reason = failed.Error() // what was found counts
		return nil
	}
	return failed
}

// Who found something.
const (
	byHistory     = false
	byEnvironment = true
)

// add notes findings and turns all there are into the verdict. A broken promise counts also in a run that is otherwise not reliable, but
// one that is not reliable never passes.
func (r *Result) add(environment bool, found ...check.Finding) {
	for _, f := range found {
		r.Findings = append(r.Findings, Finding{Promise: f.Promise.Error(), Controls: r.Promises, Text: f.Text, At: f.At, Environment: environment})
	}
	r.conclude()
}

func (r *Result) conclude() {
	if r.Verdict = Passed; r.Reason != "" {
		r.Verdict = Invalid // it did not come to its end
	}
	for _, f := range r.Findings {
		if f.Promise != check.ErrUnreliable.Error() && f.Promise != check.ErrUnwell.Error() {
			r.Verdict = Failed
			return
		}
		r.Verdict = Invalid
	}
}

// Judge holds a history to what every scenario is held to. It is pure: a saved history is judged again by it. What keeps one checker
// from deciding makes the run unreliable, and does not keep the others from finding what is broken.
func Judge(h history.History, s scenario.Scenario, limit *budget.Budget) (found []check.Finding) {
	var unreliable []check.Finding // told last
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
		from := check.UnderWay(h, injecting)
		found = append(found, check.ErrorShare(h, from, last(h, history.Recovered), s.Errors, s.Kinds...)...)
		unreliable = append(unreliable, check.Asked(h, from, 1<<62, s.Kinds...)...)
	}
	return slices.Concat(found, unreliable, check.Reliable(h, reliability))
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
	err = bounded(ctx, planLimit, func(ctx context.Context) error { return c.Environment.Program.ExpectNoChanges(ctx, true) })
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
		if bad, all := check.Failures(h, check.UnderWay(h, injecting), last(h, history.Recovered), kinds...); all > 0 {
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
