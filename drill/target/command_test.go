package target_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"haven/drill/target"
	"haven/infra/outputs"
)

// account is an AWS account with one Auto Scaling group and a Systems Manager whose answers are given, in their order, by operation; the
// last one is repeated.
type account struct {
	answers map[string][]string
	group   string // the state of i-1 in the group; empty: it is not in it
	asked   []string
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !ok {
		members := ""
		if a.group != "" {
			members = fmt.Sprintf("<member><InstanceId>i-1</InstanceId><LifecycleState>%s</LifecycleState></member>", a.group)
		}
		fmt.Fprintf(w, "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member><Instances>%s</Instances></member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>", members)
		return
	}
	a.asked = append(a.asked, operation)
	answer := a.answers[operation][0]
	if len(a.answers[operation]) > 1 {
		a.answers[operation] = a.answers[operation][1:]
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if strings.Contains(answer, "__type") {
		w.WriteHeader(http.StatusBadRequest)
	}
	fmt.Fprint(w, answer)
}

func environment(t *testing.T, a *account) *target.Environment {
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	return &target.Environment{
		Outputs: outputs.Outputs{Web: outputs.Web{GroupName: "web"}},
		Config:  aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")},
	}
}

const (
	sent       = `{"Command":{"CommandId":"c-1"}}`
	notManaged = `{"__type":"InvalidInstanceId","message":"Instances [[i-1]] not in a valid state"}`
	notYet     = `{"__type":"InvocationDoesNotExist"}`
	running    = `{"Status":"InProgress"}`
	succeeded  = `{"Status":"Success","StandardOutputContent":"42\n"}`
	failed     = `{"Status":"Failed","ResponseCode":3,"StandardErrorContent":"no such process\n"}`
)

func TestACommandWaitsForTheServerAndForTheScript(t *testing.T) {
	a := &account{answers: map[string][]string{"SendCommand": {notManaged, sent}, "GetCommandInvocation": {notYet, running, succeeded}}}
	said, err := environment(t, a).Command(context.Background(), "i-1", "pgrep it")
	require.NoError(t, err)
	require.Equal(t, "42", said)
	require.Equal(t, []string{"SendCommand", "SendCommand", "GetCommandInvocation", "GetCommandInvocation", "GetCommandInvocation"}, a.asked)
}

func TestAScriptThatFailsIsAnErrorThatTellsWhy(t *testing.T) {
	a := &account{answers: map[string][]string{"SendCommand": {sent}, "GetCommandInvocation": {failed}}, group: "InService"}
	_, err := environment(t, a).Command(context.Background(), "i-1", "pgrep it")
	require.ErrorIs(t, err, target.ErrCommand)
	require.ErrorContains(t, err, "i-1 (Failed, exit code 3): no such process")
	require.ErrorIs(t, environment(t, a).CommandUnlessGone(context.Background(), "i-1", "pgrep it"), target.ErrCommand)
}

func TestAServerThatIsGoneNeedsNothingPutRight(t *testing.T) {
	for _, state := range []string{"", "Terminating", "Terminating:Wait", "Terminated"} {
		a := &account{group: state}
		require.NoError(t, environment(t, a).CommandUnlessGone(context.Background(), "i-1", "rm it"), state)
		require.Empty(t, a.asked, state)
	}
}
