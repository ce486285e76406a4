package run

import (
	"slices"

	"haven/drill/history"
	"haven/drill/scenario"
)

// Rejudge judges a saved drill again by today's checkers and scenarios. What was seen in the environment (full strength, alarms, the
// plan, leftovers, and what a scenario's own judgement looked at) is taken over as it was found, and what was never carried out to
// its end proves as little as before.
func Rejudge(old Result, h history.History, s scenario.Scenario) Result {
	again := old
	again.Promises = s.Promises
	again.Findings = slices.DeleteFunc(slices.Clone(old.Findings), func(f Finding) bool { return !f.Environment })
	again.add(byHistory, Judge(h, s, old.Budget)...)
	return again
}
