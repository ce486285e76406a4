package adopt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
)

const example = `{"version":3,"deployment":{"resources":[
 {"urn":"urn:p","type":"pulumi:providers:aws","id":"p","inputs":{"region":"us-east-1"}},
 {"urn":"urn:old","type":"t:old","id":"old-1","inputs":{}}],
 "pending_operations":[
 {"type":"creating","resource":{"urn":"urn:subnet","custom":true,"type":"t:subnet",
  "inputs":{"__defaults":["name"],"name":"n-1","size":12345678901,"on":true,"tags":{"__defaults":[],"Name":"a"}}}},
 {"type":"creating","resource":{"urn":"urn:unknown","type":"t:unknown","inputs":{}}},
 {"type":"creating","resource":{"urn":"urn:missing","type":"t:missing","inputs":{}}},
 {"type":"creating","resource":{"urn":"urn:old","type":"t:subnet","inputs":{}}},
 {"type":"updating","resource":{"urn":"urn:old","type":"t:old","inputs":{}}}]}}`

func parsed(t *testing.T) *Export {
	t.Helper()
	e, err := Parse([]byte(example))
	require.NoError(t, err)
	return e
}

func answers(err error) map[string]finder {
	return map[string]finder{
		"t:subnet":  func(_ context.Context, q question) (string, error) { return "subnet-" + q.in.Name(), nil },
		"t:missing": func(context.Context, question) (string, error) { return "x", err },
	}
}

func TestOnlyPendingCreatesAreAskedFor(t *testing.T) {
	e := parsed(t)
	all := e.Creates()
	require.Len(t, all, 4)
	require.Equal(t, "a", all[0].Inputs.Name())
	require.Equal(t, "12345678901", all[0].Inputs.Text("size"))
	require.Equal(t, "true", all[0].Inputs.Text("on"))
	require.Equal(t, "us-east-1", e.Region())
	require.True(t, e.Interrupted())
}

func TestAStateWithoutPendingOperationsWasNotInterrupted(t *testing.T) {
	e, err := Parse([]byte(`{"version":3,"deployment":{"resources":[]}}`))
	require.NoError(t, err)
	require.False(t, e.Interrupted())
}

func TestWhatIsThereIsFoundAndTheRestIsNamed(t *testing.T) {
	var said bytes.Buffer
	found, err := find(t.Context(), aws.Config{}, parsed(t), answers(&smithy.GenericAPIError{Code: "InvalidThing.NotFound"}), &said)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"urn:subnet": "subnet-a", "urn:old": "subnet-"}, found)
	require.Contains(t, said.String(), "forgets urn:unknown: there is no way to look up a t:unknown")
	require.Contains(t, said.String(), "urn:missing was not created")
}

func TestWhatIsReplacedIsNotTakenForWhatReplacesIt(t *testing.T) {
	var said bytes.Buffer
	old := func(context.Context, question) (string, error) { return "old-1", nil }
	found, err := find(t.Context(), aws.Config{}, parsed(t), map[string]finder{"t:subnet": old}, &said)
	require.NoError(t, err)
	require.Empty(t, found)
	require.Contains(t, said.String(), "urn:old was not created")
}

func TestAFailureIsNotTakenForAbsence(t *testing.T) {
	_, err := find(t.Context(), aws.Config{}, parsed(t), answers(errors.New("refused")), &bytes.Buffer{})
	require.ErrorContains(t, err, "looking up urn:missing: refused")
}

func TestOnlyWhatWasFoundIsWaitedFor(t *testing.T) {
	var waited []string
	wait := func(err error) map[string]settler {
		one := func(_ context.Context, _ aws.Config, id string) error { waited = append(waited, id); return err }
		return map[string]settler{"t:subnet": one, "t:missing": one}
	}
	found := map[string]string{"urn:subnet": "subnet-a"}
	var said bytes.Buffer
	require.NoError(t, settle(t.Context(), aws.Config{}, parsed(t), found, wait(nil), &said))
	require.Equal(t, []string{"subnet-a"}, waited)
	require.Equal(t, "adopt: waits until urn:subnet is ready\n", said.String())
	require.ErrorContains(t, settle(t.Context(), aws.Config{}, parsed(t), found, wait(errors.New("it failed")), &said), "urn:subnet (subnet-a) is ready: it failed")
}

func TestTheStateGetsWhatWasFoundAndKeepsOtherOperations(t *testing.T) {
	e := parsed(t)
	e.Complete(map[string]string{"urn:subnet": "subnet-a"})
	raw, err := e.Encode()
	require.NoError(t, err)
	require.JSONEq(t, `{"version":3,"deployment":{"resources":[
	 {"urn":"urn:p","type":"pulumi:providers:aws","id":"p","inputs":{"region":"us-east-1"}},
	 {"urn":"urn:old","type":"t:old","id":"old-1","inputs":{}},
	 {"urn":"urn:subnet","custom":true,"type":"t:subnet","id":"subnet-a","initErrors":["`+unread+`"],
	  "inputs":{"__defaults":["name"],"name":"n-1","size":12345678901,"on":true,"tags":{"__defaults":[],"Name":"a"}},
	  "outputs":{"id":"subnet-a","name":"n-1","size":12345678901,"on":true,"tags":{"Name":"a"}}}],
	 "pending_operations":[{"type":"updating","resource":{"urn":"urn:old","type":"t:old","inputs":{}}}]}}`, string(raw))
	require.Contains(t, string(raw), "12345678901")
}

// A refresh that is killed leaves what it would have read as it was, and an import leaves no operation pending: the next one has to know.
func TestWhatWasAdoptedIsSeenUntilItIsRead(t *testing.T) {
	e := parsed(t)
	e.Complete(map[string]string{"urn:subnet": "subnet-a"})
	e.deployment["pending_operations"] = nil
	raw, err := e.Encode()
	require.NoError(t, err)
	again, err := Parse(raw)
	require.NoError(t, err)
	require.Empty(t, again.Creates())
	require.True(t, again.Interrupted())
	for _, resource := range objects(again.deployment["resources"]) {
		delete(resource, "initErrors")
	}
	require.False(t, again.Interrupted())
}

func TestWhatReplacesTakesThePlaceOfWhatItReplaces(t *testing.T) {
	for name, want := range map[string]string{
		`{"urn":"urn:a","id":"a-1"}`:                           `[{"urn":"urn:a","id":"a-2","outputs":{"id":"a-2"},"initErrors":["` + unread + `"]},{"urn":"urn:b","id":"b"},{"urn":"urn:a","id":"a-1","delete":true}]`,
		`{"urn":"urn:a","id":"a-1","pendingReplacement":true}`: `[{"urn":"urn:a","id":"a-2","outputs":{"id":"a-2"},"initErrors":["` + unread + `"]},{"urn":"urn:b","id":"b"}]`,
		`{"urn":"urn:a","id":"a-1","delete":true}`:             `[{"urn":"urn:a","id":"a-1","delete":true},{"urn":"urn:b","id":"b"},{"urn":"urn:a","id":"a-2","outputs":{"id":"a-2"},"initErrors":["` + unread + `"]}]`,
	} {
		e, err := Parse([]byte(`{"deployment":{"resources":[` + name + `,{"urn":"urn:b","id":"b"}],"pending_operations":[{"type":"creating","resource":{"urn":"urn:a"}}]}}`))
		require.NoError(t, err)
		e.Complete(map[string]string{"urn:a": "a-2"})
		got, err := json.Marshal(e.deployment["resources"])
		require.NoError(t, err)
		require.JSONEq(t, want, string(got))
	}
}

func TestWhatWasDeletedToBeReplacedIsNotThereAnyMore(t *testing.T) {
	e, err := Parse([]byte(`{"deployment":{"resources":[{"urn":"urn:a","id":"a","pendingReplacement":true},{"urn":"urn:b","id":"b"}]}}`))
	require.NoError(t, err)
	require.Equal(t, map[string]bool{"b": true}, e.IDs())
}

func TestAnExportWithoutDeploymentIsRefused(t *testing.T) {
	for _, raw := range []string{``, `{}`, `[]`} {
		_, err := Parse([]byte(raw))
		require.Error(t, err, raw)
	}
}
