package run

import (
	"fmt"
	"maps"
	"slices"

	"haven/drill/check"
	"haven/drill/rights"
	"haven/drill/scenario"
)

// calledBy returns the IAM actions that were called between two counts, sorted.
func calledBy(before, after map[string]int) (actions []string) {
	for _, action := range slices.Sorted(maps.Keys(after)) {
		if after[action] > before[action] {
			actions = append(actions, action)
		}
	}
	return actions
}

// unlisted finds the actions that a drill called and that its scenario does not say it needs: on AWS a user who has the rights that
// are written from those would be refused them.
func unlisted(actions []string, s scenario.Scenario) (found []check.Finding) {
	allowed := slices.Concat(s.Needs, rights.Always())
	for _, action := range actions {
		if !slices.Contains(allowed, action) {
			found = append(found, check.Finding{Promise: check.ErrUnlisted, Text: fmt.Sprintf("%s called %s, which its Needs do not have", s.Name, action)})
		}
	}
	return found
}

// account adds what a drill called without saying so to its result: it fails the drill, as a broken promise does. A history does not show it.
func account(result *Result, found []check.Finding) {
	if len(found) > 0 {
		result.add(byEnvironment, found...)
	}
}

// counted returns how often each action was called until now; nothing where nobody counts.
func (s *Suite) counted() map[string]int {
	if s.Journal == nil {
		return nil
	}
	return s.Journal.Counts()
}
