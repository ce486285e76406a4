package rights_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/drill/rights"
	"haven/drill/scenario"
	"haven/infra/outputs"
)

const committed = "../../docs/drills-policy.json"

var update = flag.Bool("update", false, "write docs/drills-policy.json from the scenarios")

// TestTheCommittedPolicyIsWhatTheScenariosNeed fails when a scenario needs an action that the policy does not have, or has one that none needs.
func TestTheCommittedPolicyIsWhatTheScenariosNeed(t *testing.T) {
	document, err := rights.Policy(rights.Needed(scenario.Everything()), nil)
	require.NoError(t, err)
	var want bytes.Buffer
	require.NoError(t, rights.Write(&want, document))
	if *update {
		require.NoError(t, os.WriteFile(committed, want.Bytes(), 0o644))
	}
	got, err := os.ReadFile(committed)
	require.NoError(t, err)
	require.Equal(t, want.String(), string(got), "docs/drills-policy.json is out of date; type: go test ./drill/rights -update")
}

func TestPolicyIsNarrow(t *testing.T) {
	o := outputs.Outputs{Region: "eu-west-1", LogGroups: map[string]string{"firewallAlert": "/haven/staging/firewall/alert"}}
	o.Database.ClusterARN = "arn:aws:rds:eu-west-1:123456789012:cluster:x"
	document, err := rights.Policy([]string{"rds:FailoverDBCluster", "ec2:TerminateInstances", "ec2:DescribeSubnets", "rds:DescribeDBClusters"}, &o)
	require.NoError(t, err)
	require.Len(t, document.Statement, 3)
	servers, databases := document.Statement[1], document.Statement[2]
	require.Equal(t, []string{"arn:aws:ec2:eu-west-1:123456789012:instance/*"}, servers.Resource)
	require.Equal(t, map[string]map[string]string{"StringEquals": {"aws:ResourceTag/Stack": "staging"}}, servers.Condition, "no other stack's servers")
	require.Equal(t, []string{"rds:DescribeDBClusters", "rds:FailoverDBCluster"}, databases.Action, "sorted, together where they are about the same")
	require.Equal(t, []string{o.Database.ClusterARN}, databases.Resource)
	_, err = rights.Policy([]string{"fis:StartExperiment"}, &o)
	require.ErrorContains(t, err, "the stack has no Template")
}

func TestNothingIsAllowedByMistake(t *testing.T) {
	_, err := rights.Policy([]string{"iam:CreateUser", "ec2:DescribeSubnets"}, nil)
	require.ErrorContains(t, err, "iam:CreateUser")
	document, err := rights.Policy(rights.Needed(scenario.Everything()), nil)
	require.NoError(t, err)
	sids := map[string]bool{}
	for _, s := range document.Statement {
		require.False(t, sids[s.Sid], "%s twice", s.Sid)
		sids[s.Sid] = true
		require.Regexp(t, "^[A-Za-z0-9]+$", s.Sid)
		for _, action := range s.Action {
			require.NotContains(t, action, "*")
			_, verb, _ := strings.Cut(action, ":")
			looks := slices.ContainsFunc([]string{"Describe", "Get", "List"}, func(prefix string) bool { return strings.HasPrefix(verb, prefix) })
			require.True(t, looks || !slices.Contains(s.Resource, "*"), "%s changes something, on everything", action)
		}
	}
}

func TestNeeded(t *testing.T) {
	all := rights.Needed([]scenario.Scenario{{Needs: []string{"z:Z", "a:A"}}, {LabOnly: "no call", Needs: []string{"l:L"}}})
	require.True(t, slices.IsSorted(all))
	require.Subset(t, all, append(rights.Always(), "a:A", "z:Z"))
	require.NotContains(t, all, "l:L")
}

func TestWriteIsJSON(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, rights.Write(&out, rights.Document{Version: "2012-10-17", Statement: []rights.Statement{{Sid: "A", Effect: "Allow", Action: []string{"a:A"}, Resource: []string{"${A}"}}}}))
	var back rights.Document
	require.NoError(t, json.Unmarshal(out.Bytes(), &back))
	require.Equal(t, "${A}", back.Statement[0].Resource[0])
}
