package check

import (
	"math"
	"slices"
	"time"

	"haven/drill/history"
)

// Gap is a time without a success, at the client's own clock.
type Gap struct {
	From, To time.Duration
	Failures int // operations that ended badly in it
}

// Length is how long the gap was.
func (g Gap) Length() time.Duration { return g.To - g.From }

// LongestGap finds the longest time in which somebody asked and nobody was served, among operations of the kinds that began in
// [from, to). Where operations ended badly it reaches from the last success before to the first one after; without an end it lasts
// until the last operation. Where they were just slow it begins when the first of them did. Pauses in which nobody asked are no gap.
func LongestGap(h history.History, from, to time.Duration, kinds ...history.Kind) (longest Gap) {
	operations := history.Between(h.Of(kinds...), from, to)
	waiting := waitingSince(operations)
	var open Gap
	last := from
	for i, o := range operations {
		switch {
		case open.Failures > 0 || o.Outcome != history.OK: // a gap goes on or begins
			open.From, open.To = last, o.End
		default:
			open.From, open.To = max(last, waiting[i]), o.End
		}
		if o.Outcome != history.OK {
			open.Failures++
		}
		if open.Length() > longest.Length() {
			longest = open
		}
		if o.Outcome == history.OK {
			open, last = Gap{}, o.End
		}
	}
	return longest
}

// waitingSince tells, for each operation, when the first of those began that had not ended before it.
func waitingSince(operations []history.Operation) []time.Duration {
	since := make([]time.Duration, len(operations))
	earliest := time.Duration(math.MaxInt64)
	for i := len(operations) - 1; i >= 0; i-- {
		earliest = min(earliest, operations[i].Start)
		since[i] = earliest
	}
	return since
}

// WithinBudget says that no gap of the kinds is longer than the budget.
func WithinBudget(h history.History, budget time.Duration, kinds ...history.Kind) []Finding {
	gap := LongestGap(h, 0, 1<<62, kinds...)
	if gap.Length() <= budget {
		return nil
	}
	return []Finding{finding(ErrGap, gap.From, "%v did not succeed for %.2f s (%d failures), the budget is %.2f s", kinds, gap.Length().Seconds(), gap.Failures, budget.Seconds())}
}

// ErrorShare says that the share of operations that did not end ok is at most the budget (0 to 1).
func ErrorShare(h history.History, from, to time.Duration, budget float64, kinds ...history.Kind) []Finding {
	bad, all := Failures(h, from, to, kinds...)
	return share(from, bad, all, budget)
}

// Asked says that somebody asked for one of the kinds in [from, to): what nobody asked for was neither served nor away.
func Asked(h history.History, from, to time.Duration, kinds ...history.Kind) []Finding {
	if _, all := Failures(h, from, to, kinds...); all > 0 {
		return nil
	}
	return []Finding{finding(ErrUnreliable, from, "nobody asked for any of %v in the time that is judged", kinds)}
}

func share(from time.Duration, bad, all int, budget float64) []Finding {
	if all == 0 || float64(bad) <= budget*float64(all) {
		return nil
	}
	return []Finding{finding(ErrErrorShare, from, "%d of %d requests (%.2f %%), the budget is %.2f %%", bad, all, 100*float64(bad)/float64(all), 100*budget)}
}

// Failures counts the operations of the kinds that began in [from, to), and those of them that did not end ok.
func Failures(h history.History, from, to time.Duration, kinds ...history.Kind) (bad, all int) {
	return failures(history.Between(h.Of(kinds...), from, to))
}

func failures(operations []history.Operation) (bad, all int) {
	for _, o := range operations {
		if o.Outcome != history.OK {
			bad++
		}
	}
	return bad, len(operations)
}

// UnderWay tells when the first of the operations began that were under way at a time; that time itself without any. What is under way
// when a fault comes is the fault's to answer for.
func UnderWay(h history.History, at time.Duration) time.Duration {
	since := at
	for _, o := range h.Operations {
		if o.Start < at && o.End > at {
			since = min(since, o.Start)
		}
	}
	return since
}

// Ejected says that a server answered nothing that was asked in [from, to): it was out of service.
func Ejected(h history.History, server string, from, to time.Duration) []Finding {
	return silent(h, server, from, to, func(o history.Operation) bool { return o.Server == server })
}

// EjectedZone says that no server of a zone answered anything that was asked in [from, to).
func EjectedZone(h history.History, zone string, from, to time.Duration) []Finding {
	return silent(h, zone, from, to, func(o history.Operation) bool { return o.Zone == zone })
}

func silent(h history.History, who string, from, to time.Duration, by func(history.Operation) bool) []Finding {
	var found []Finding
	for _, o := range history.Between(h.Operations, from, to) {
		if by(o) {
			found = append(found, finding(ErrEjectedTraffic, o.Start, "%s answered a %s through zone %s %.2f s after it was out of service", who, o.Kind, o.Node, (o.Start-from).Seconds()))
		}
	}
	return few(found)
}

// Serving says that a server answered something that was asked in [from, to): it was in service.
func Serving(h history.History, server string, from, to time.Duration) []Finding {
	for _, o := range history.Between(h.Operations, from, to) {
		if o.Server == server && o.Outcome == history.OK {
			return nil
		}
	}
	return []Finding{finding(ErrNotServing, from, "%s answered nothing for %.1f s", server, (to - from).Seconds())}
}

// Carried says that what was asked in [from, to) came at no less than nine tenths of a rate (requests a second), was all answered, and
// nineteen of twenty within a time.
func Carried(h history.History, from, to time.Duration, rate float64, within time.Duration, kinds ...history.Kind) (found []Finding) {
	asked := h
	asked.Operations = history.Between(h.Of(kinds...), from, to)
	lasted := (to - from).Seconds()
	if count := float64(len(asked.Operations)); lasted <= 0 || count < 0.9*rate*lasted || count == 0 {
		found = append(found, finding(ErrUnreliable, from, "%.0f requests in %.1f s are less than the %.1f a second that were to be carried", count, lasted, rate))
	}
	for _, f := range ErrorShare(asked, from, to, 0) {
		found = append(found, finding(ErrOverload, f.At, "%s", f.Text))
	}
	if took := Percentile(asked, 95); took > within {
		found = append(found, finding(ErrOverload, from, "one answer in twenty took longer than %.2f s, %.2f s are allowed", took.Seconds(), within.Seconds()))
	}
	return found
}

// Reliability is what a run needs to prove anything.
type Reliability struct {
	MinimumRate   float64       // operations a second before the fault, of all kinds
	SteadyFor     time.Duration // how long before the fault there has to be load
	SteadyFailure float64       // the most that may fail before the fault, as a share (0 to 1)
}

// Reliable tells what keeps a run from proving anything: too little load, trouble before the fault, writes that still
// failed at the end, or an effect of the fault that nobody saw.
func Reliable(h history.History, r Reliability) (problems []Finding) {
	injecting, ok := h.At(history.Injecting)
	if !ok {
		return []Finding{finding(ErrUnreliable, 0, "no fault was injected")}
	}
	if _, ok := h.At(history.Active); !ok {
		problems = append(problems, finding(ErrUnreliable, injecting, "the fault's effect was never observed"))
	}
	if injecting < r.SteadyFor {
		problems = append(problems, finding(ErrUnreliable, injecting, "there was load for %.1f s before the fault, at least %.1f s are needed", injecting.Seconds(), r.SteadyFor.Seconds()))
	}
	steady := history.Between(h.Operations, max(0, injecting-r.SteadyFor), injecting)
	if rate := float64(len(steady)) / max(r.SteadyFor.Seconds(), 1e-9); rate < r.MinimumRate {
		problems = append(problems, finding(ErrUnreliable, injecting, "%.1f requests a second before the fault, at least %.1f are needed", rate, r.MinimumRate))
	}
	bad, all := failures(slices.DeleteFunc(steady, func(o history.Operation) bool { return o.End > injecting }))
	for _, f := range share(max(0, injecting-r.SteadyFor), bad, all, r.SteadyFailure) {
		problems = append(problems, finding(ErrUnreliable, f.At, "before the fault, %s", f.Text))
	}
	return append(problems, lastWrites(h)...)
}

// lastWrites says that the last write of each kind succeeded.
func lastWrites(h history.History) (problems []Finding) {
	for _, kind := range []history.Kind{history.Append, history.Put} {
		operations := h.Of(kind)
		if i := len(operations) - 1; i >= 0 && operations[i].Outcome != history.OK {
			problems = append(problems, finding(ErrUnreliable, operations[i].End, "the last %s ended %s: %s", kind, operations[i].Outcome, operations[i].Error))
		}
	}
	return problems
}

// Percentile returns a percentile (0 to 100) of how long the successful operations of the kinds took; 0 without any.
func Percentile(h history.History, percent float64, kinds ...history.Kind) time.Duration {
	var took []time.Duration
	for _, o := range h.Of(kinds...) {
		if o.Outcome == history.OK {
			took = append(took, o.End-o.Start)
		}
	}
	return Rank(took, percent)
}

// Rank returns a percentile (0 to 100) of some durations, which it sorts; 0 without any.
func Rank(took []time.Duration, percent float64) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[min(len(took)-1, int(percent/100*float64(len(took))))]
}
