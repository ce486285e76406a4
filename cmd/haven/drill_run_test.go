package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"haven/drill/scenario"
)

func TestThePlanIsLookedAtWhenTheOptionSays(t *testing.T) {
	const kill, refresh = "failover/web/kill", "failover/plan/refresh"
	for _, c := range []struct {
		options drillOptions
		want    []string
	}{
		{drillOptions{plan: planAtEnd, only: []string{kill}, times: 2}, []string{kill, refresh}},
		{drillOptions{plan: planAtEnd, only: []string{refresh, kill}}, []string{kill, refresh}},
		{drillOptions{plan: planNever, only: []string{kill}}, []string{kill}},
		{drillOptions{plan: planAfterEach, only: []string{refresh}}, []string{refresh}},
	} {
		chosen, err := c.options.drills()
		require.NoError(t, err)
		var names []string
		for _, s := range chosen {
			names = append(names, s.Name)
			if s.Name == refresh {
				require.LessOrEqual(t, s.Times, 1, "once, however often faults are injected")
			}
		}
		require.Equal(t, c.want, names)
	}
	whole, err := drillOptions{plan: planNever}.drills()
	require.NoError(t, err)
	require.Len(t, whole, len(scenario.All())-1)
}

func TestWrongOptionsOfARunAreToldAllAtOnce(t *testing.T) {
	_, err := drillOptions{only: []string{"failover/nothing"}, times: -1, plan: "perhaps"}.drills()
	require.ErrorContains(t, err, "failover/nothing")
	require.ErrorContains(t, err, "--times is -1")
	require.ErrorContains(t, err, `--plan is "perhaps"`)
}
