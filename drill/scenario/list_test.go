package scenario_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/drill/budget"
	"haven/drill/scenario"
)

var (
	name    = regexp.MustCompile(`^(failover|regression)/[a-z]+/[a-z0-9-]+$`)
	control = regexp.MustCompile(`^(HA|DR|SEC|OPS)-\d\d$`)
	action  = regexp.MustCompile(`^[a-z0-9-]+:[A-Za-z0-9]+$`)
)

func TestScenariosAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range scenario.Everything() {
		t.Run(s.Name, func(t *testing.T) {
			require.Regexp(t, name, s.Name)
			require.False(t, seen[s.Name], "two have this name")
			seen[s.Name] = true
			require.NotEmpty(t, s.Does)
			require.NotEmpty(t, s.Promises)
			for _, id := range s.Promises {
				require.Regexp(t, control, id)
			}
			for _, one := range s.Needs {
				require.Regexp(t, action, one)
			}
			require.True(t, len(s.Needs) > 0 || s.LabOnly != "" || s.Name == "failover/plan/refresh", "on AWS it has to call something, unless Pulumi does")
			require.Equal(t, strings.HasPrefix(s.Name, "regression/"), s.Seed != 0, "a regression, and nothing else, has a seed of its own")
			require.NotNil(t, s.Fault)
			require.Positive(t, s.Whole)
			require.True(t, s.Errors >= 0 && s.Errors < 1)
			require.True(t, s.Budget == "" && s.Judge != nil || contains(budget.Faults(), s.Budget), "it has a budget, or judges by itself")
		})
	}
}

func contains(all []budget.Fault, one budget.Fault) bool {
	for _, f := range all {
		if f == one {
			return true
		}
	}
	return false
}

func TestSelect(t *testing.T) {
	all, err := scenario.Select()
	require.NoError(t, err)
	require.Len(t, all, len(scenario.All()))
	found, err := scenario.Select("regression")
	require.NoError(t, err)
	require.Len(t, found, len(scenario.Regressions()))
	some, err := scenario.Select("failover/*/terminate", "failover/database")
	require.NoError(t, err)
	require.NotEmpty(t, some)
	require.Less(t, len(some), len(all))
	_, err = scenario.Select("failover/web", "failover/wbe", "x")
	require.ErrorContains(t, err, `"failover/wbe", "x"`)
	require.ErrorContains(t, err, "haven drill list")
}
