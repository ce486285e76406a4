package report

import (
	"haven/drill/history"
	"haven/drill/run"
	"haven/drill/scenario"
)

// Rechecked is a saved drill, judged again.
type Rechecked struct {
	Was, Now run.Result
	// Why says why it could not be judged again; empty: it was.
	Why string
}

// Same tells whether the verdict is what it was.
func (r Rechecked) Same() bool { return r.Why == "" && r.Was.Verdict == r.Now.Verdict }

// Recheck judges all drills of a run again with today's checkers (see run.Rejudge), by their saved histories and the scenarios
// that have their names today. What can't be judged again is invalid: it proves nothing now.
func Recheck(r Run, today []scenario.Scenario) (all []Rechecked) {
	byName := map[string]scenario.Scenario{}
	for _, s := range today {
		byName[s.Name] = s
	}
	for _, was := range r.Results {
		all = append(all, recheck(was, byName, r.History))
	}
	return all
}

func recheck(was run.Result, byName map[string]scenario.Scenario, read func(run.Result) (history.History, error)) Rechecked {
	one := Rechecked{Was: was, Now: was}
	if was.Verdict == run.Skipped {
		return one
	}
	s, known := byName[was.Scenario]
	h, err := read(was)
	switch {
	case !known:
		one.Why = "no scenario has this name today"
	case err != nil:
		one.Why = err.Error()
	default:
		one.Now = run.Rejudge(was, h, s)
		return one
	}
	one.Now.Verdict, one.Now.Reason, one.Now.Findings = run.Invalid, one.Why, nil
	return one
}
