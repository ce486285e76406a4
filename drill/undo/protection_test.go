package undo_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"haven/drill/scenario"
	"haven/drill/target"
	"haven/drill/undo"
	"haven/infra/outputs"
)

// Only what the drill itself has protected is opened again: what the stack declares stays, and so does another stack's.
func TestBorrowedProtectionIsGivenBack(t *testing.T) {
	for name, test := range map[string]struct {
		target   string
		declared bool
		calls    int
	}{
		"borrowed": {"arn:b", false, 1}, "declared": {"arn:b", true, 0}, "of a stack that has gone": {"arn:old", false, 0},
	} {
		calls := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			calls++
			require.Contains(t, string(body), "Action=ModifyLoadBalancerAttributes")
			require.Contains(t, string(body), "Attributes.member.1.Value=false")
			_, _ = io.WriteString(w, "<ModifyLoadBalancerAttributesResponse><ModifyLoadBalancerAttributesResult/></ModifyLoadBalancerAttributesResponse>")
		}))
		t.Cleanup(server.Close)
		e := &target.Environment{
			Outputs: outputs.Outputs{LoadBalancer: outputs.LoadBalancer{ARN: "arn:b", DeletionProtection: test.declared}},
			Config:  aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")},
		}
		f, err := undo.Open(filepath.Join(t.TempDir(), "left.json"))
		require.NoError(t, err)
		require.NoError(t, f.Remember("p", scenario.Undoing{Kind: scenario.UndoProtection, Target: test.target}))
		require.NoError(t, undo.All(t.Context(), e, f, nil), name)
		require.Equal(t, test.calls, calls, name)
		require.Empty(t, f.Left(), name)
	}
}
