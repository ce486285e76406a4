package target_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"haven/drill/target"
	"haven/infra/outputs"
)

// cloudWith answers as AWS does for one balancer: whether it is protected, and with what it refuses its deletion ("": it does not).
func cloudWith(t *testing.T, protected bool, code string) (e *target.Environment, deletions *int) {
	deletions = new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked, _ := url.ParseQuery(string(body))
		answer := func(action, result string) {
			fmt.Fprintf(w, "<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", action, result)
		}
		switch action := asked.Get("Action"); action {
		case "DescribeLoadBalancerAttributes":
			answer(action, fmt.Sprintf("<Attributes><member><Key>deletion_protection.enabled</Key><Value>%t</Value></member></Attributes>", protected))
		case "DescribeLoadBalancers":
			answer(action, "<LoadBalancers><member><State><Code>active</Code></State></member></LoadBalancers>")
		case "DeleteLoadBalancer":
			*deletions++
			if code != "" {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code><Message>no</Message></Error></ErrorResponse>", code)
				return
			}
			answer(action, "")
		}
	}))
	t.Cleanup(server.Close)
	return &target.Environment{
		Outputs: outputs.Outputs{LoadBalancer: outputs.LoadBalancer{ARN: "arn:b"}},
		Config:  aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")},
	}, deletions
}

func TestADeletionIsTriedOnlyUnderProtection(t *testing.T) {
	e, deletions := cloudWith(t, false, "")
	require.ErrorIs(t, e.Protectables()[0].RefusesDeletion(context.Background()), target.ErrUnprotected)
	require.Zero(t, *deletions, "what is open is never deleted")

	e, deletions = cloudWith(t, true, "OperationNotPermitted")
	require.NoError(t, e.Protectables()[0].RefusesDeletion(context.Background()))
	require.Equal(t, 1, *deletions)

	e, _ = cloudWith(t, true, "")
	require.ErrorIs(t, e.Protectables()[0].RefusesDeletion(context.Background()), target.ErrAccepted)

	e, _ = cloudWith(t, true, "AccessDenied")
	err := e.Protectables()[0].RefusesDeletion(context.Background())
	require.ErrorContains(t, err, "AccessDenied")
	require.ErrorContains(t, err, "load balancer arn:b")
	require.False(t, errors.Is(err, target.ErrAccepted) || errors.Is(err, target.ErrUnprotected), "rights that are missing prove nothing")
}

func TestProtectablesNameControlAndSetting(t *testing.T) {
	for _, p := range (&target.Environment{}).Protectables() {
		require.Regexp(t, `^HA-\d\d$`, p.Control)
		require.True(t, strings.HasSuffix(p.Setting, "DeletionProtection"), p.Setting)
	}
}
