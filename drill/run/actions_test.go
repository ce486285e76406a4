package run

import (
	"testing"

	"github.com/stretchr/testify/require"

	"haven/drill/check"
	"haven/drill/scenario"
	"haven/drill/target"
)

func TestWhatADrillCallsHasToBeListed(t *testing.T) {
	s := scenario.Scenario{Name: "failover/x/y", Needs: []string{"ec2:TerminateInstances"}}
	before := map[string]int{"rds:FailoverDBCluster": 2, target.StrengthNeeds[0]: 1}
	after := map[string]int{"rds:FailoverDBCluster": 2, "ec2:TerminateInstances": 1, target.StrengthNeeds[0]: 9}
	require.Equal(t, []string{target.StrengthNeeds[0], "ec2:TerminateInstances"}, calledBy(before, after), "an earlier drill's calls are not this one's")
	require.Empty(t, unlisted(calledBy(before, after), s))

	after["rds:FailoverDBCluster"]++
	found := unlisted(calledBy(before, after), s)
	require.Len(t, found, 1)
	require.ErrorIs(t, found[0], check.ErrUnlisted)
	require.ErrorContains(t, found[0], "rds:FailoverDBCluster")

	result := Result{Verdict: Passed}
	account(&result, found)
	require.Equal(t, Failed, result.Verdict)
	require.Len(t, result.Findings, 1)
	skipped := Result{Verdict: Skipped}
	account(&skipped, nil)
	require.Equal(t, Skipped, skipped.Verdict, "nothing unlisted changes nothing")
}
