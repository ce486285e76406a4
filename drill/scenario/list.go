package scenario

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// All returns every scenario, in the order in which a run does them: alarms first, while none is raised by another
// drill, then the fast ones of each tier first.
func All() []Scenario {
	return slices.Concat(monitoring(), web(), balancer(), database(), storage(), firewall(), zone(), double(), protection(), capacity(), plan())
}

// Everything returns every scenario that there is: those of a whole run, and the regressions.
func Everything() []Scenario { return slices.Concat(All(), Regressions()) }

// Select returns the scenarios whose names match one of the patterns, in the order of All: a whole name, a tier
// (failover/web, regression) or a pattern of path.Match (failover/*/kill). No pattern selects All, without
// the regressions; one that selects none is an error.
func Select(patterns ...string) ([]Scenario, error) {
	if len(patterns) == 0 {
		return All(), nil
	}
	all := Everything()
	chosen := map[string]bool{}
	var unknown []string
	for _, pattern := range patterns {
		found := false
		for _, s := range all {
			if matches(pattern, s.Name) {
				chosen[s.Name], found = true, true
			}
		}
		if !found {
			unknown = append(unknown, fmt.Sprintf("%q", pattern))
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("no scenario is called %s; type: haven drill list", strings.Join(unknown, ", "))
	}
	return slices.DeleteFunc(all, func(s Scenario) bool { return !chosen[s.Name] }), nil
}

func matches(pattern, name string) bool {
	pattern = strings.TrimSuffix(pattern, "/")
	ok, err := path.Match(pattern, name)
	return err == nil && ok || strings.HasPrefix(name, pattern+"/")
}
