package undo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"haven/drill/scenario"
	"haven/drill/target"
	"haven/drill/undo"
)

// breaker forgets breakages; those in fails it can't heal.
type breaker struct {
	healed []string
	fails  string
}

func (b *breaker) Break(context.Context, target.Breakage) (string, error) { return "", nil }
func (b *breaker) InForce(context.Context) ([]string, error)              { return nil, nil }
func (b *breaker) Heal(_ context.Context, id string) error {
	if id == b.fails {
		return errors.New("stuck")
	}
	b.healed = append(b.healed, id)
	return nil
}

func TestEverythingIsPutBackLastChangeFirstAndFailuresAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "left.json")
	f, err := undo.Open(path)
	require.NoError(t, err)
	for _, id := range []string{"1", "2", "3"} {
		require.NoError(t, f.Remember("b"+id, scenario.Undoing{Kind: undo.Breakage, Target: id}))
	}
	killed, err := undo.Open(path) // as a drill finds it after another was killed
	require.NoError(t, err)
	b := &breaker{fails: "2"}
	require.ErrorContains(t, undo.All(t.Context(), &target.Environment{Breaker: b}, killed, nil), "breakage of 2: stuck")
	require.Equal(t, []string{"3", "1"}, b.healed)
	require.Len(t, killed.Left(), 1)
	b.fails = ""
	require.NoError(t, undo.All(t.Context(), &target.Environment{Breaker: b}, killed, nil))
	require.NoFileExists(t, path)
}

func TestAnUnknownUndoingIsNoSuccess(t *testing.T) {
	f, err := undo.Open(filepath.Join(t.TempDir(), "left.json"))
	require.NoError(t, err)
	require.NoError(t, f.Remember("x", scenario.Undoing{Kind: "of the future", Target: "y"}))
	require.ErrorContains(t, undo.All(t.Context(), &target.Environment{}, f, nil), "of the future")
	require.Len(t, f.Left(), 1)
}

func TestAnAccessListEntryIsDeletedOnceAndMayBeGone(t *testing.T) {
	for answer, fails := range map[string]bool{"": false, "InvalidNetworkAclEntry.NotFound": false, "InvalidNetworkAclID.NotFound": false, "UnauthorizedOperation": true} {
		var asked url.Values
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			asked, _ = url.ParseQuery(string(body))
			if answer != "" {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprintf(w, "<Response><Errors><Error><Code>%s</Code><Message>no</Message></Error></Errors></Response>", answer)
				return
			}
			fmt.Fprint(w, "<DeleteNetworkAclEntryResponse><return>true</return></DeleteNetworkAclEntryResponse>")
		}))
		t.Cleanup(server.Close)
		e := &target.Environment{Config: aws.Config{
			Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		}}
		f, err := undo.Open(filepath.Join(t.TempDir(), "left.json"))
		require.NoError(t, err)
		require.NoError(t, f.Remember("acl", scenario.Undoing{
			Kind: scenario.NetworkACLEntry, Target: "acl-1", Parameters: map[string]string{scenario.EntryNumber: "1", scenario.EntryEgress: "true"},
		}))
		err = undo.All(t.Context(), e, f, nil)
		require.Equal(t, fails, err != nil, "%s: %v", answer, err)
		require.Equal(t, fails, len(f.Left()) == 1, "what could not be put back is kept")
		require.Equal(t, []string{"DeleteNetworkAclEntry", "acl-1", "1", "true"}, []string{asked.Get("Action"), asked.Get("NetworkAclId"), asked.Get("RuleNumber"), asked.Get("Egress")})
	}
}
