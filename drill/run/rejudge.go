package run

import (
	"haven/drill/check"
	"haven/drill/history"
	"haven/drill/scenario"
)

// pure are the promises that Judge can decide by a history alone.
var pure = []error{check.ErrLostAppend, check.ErrLostFile, check.ErrTwoWriters, check.ErrPhantom, check.ErrNotLinear, check.ErrGap, check.ErrErrorShare, check.ErrUnreliable}

// Rejudge judges a saved drill again by today's checkers and scenarios. What can only be seen in the environment (full strength,
// alarms, the plan, leftovers, and what a scenario's own judgement looked at) is taken over as it was found, and what was never
// carried out to its end proves as little as before.
func Rejudge(old Result, h history.History, s scenario.Scenario) Result {
	again := old
	again.Findings, again.Reason = nil, ""
	taken := notPure(old.Findings)
	found, unreliable := Judge(h, s, old.Budget)
	settle(&again, found, unreliable, s)
	again.Findings = append(again.Findings, taken...)
	switch {
	case len(found)+len(taken) > 0:
		again.Verdict = Failed
	case old.Verdict == Invalid && len(old.Findings) == 0:
		again.Verdict, again.Reason = Invalid, old.Reason
	}
	return again
}

func notPure(findings []Finding) (taken []Finding) {
	for _, f := range findings {
		if !isPure(f.Promise) {
			taken = append(taken, f)
		}
	}
	return taken
}

func isPure(promise string) bool {
	for _, one := range pure {
		if one.Error() == promise {
			return true
		}
	}
	return false
}
