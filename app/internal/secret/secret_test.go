package secret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAKeeperFetchesOnceUntilRefused(t *testing.T) {
	fetches := 0
	k := NewKeeper(func(context.Context) (string, error) {
		fetches++
		return fmt.Sprintf(`{"username":"app","password":"p%d"}`, fetches), nil
	})
	k.pause = 0
	for range 3 {
		c, err := k.Credentials(t.Context())
		require.NoError(t, err)
		require.Equal(t, "p1", c.Password)
	}
	k.Refused()
	c, err := k.Credentials(t.Context())
	require.NoError(t, err)
	require.Equal(t, "p2", c.Password)
}

func TestARefusalIsNoFloodOfFetches(t *testing.T) {
	fetches := 0
	k := NewKeeper(func(context.Context) (string, error) { fetches++; return `{"username":"a","password":"b"}`, nil })
	k.pause = time.Hour
	for range 10 {
		_, err := k.Credentials(t.Context())
		require.NoError(t, err)
		k.Refused()
	}
	require.Equal(t, 1, fetches)
}

func TestAFailedFetchIsTriedAgain(t *testing.T) {
	answers := []error{errors.New("away"), nil}
	k := NewKeeper(func(context.Context) (string, error) {
		err := answers[0]
		answers = answers[1:]
		return `{"username":"a","password":"b"}`, err
	})
	_, err := k.Credentials(t.Context())
	require.ErrorContains(t, err, "away")
	require.ErrorContains(t, k.Problem(), "away")
	_, err = k.Credentials(t.Context())
	require.NoError(t, err)
	require.NoError(t, k.Problem())
}

func TestBadSecretsAreRefusedWithoutQuotingThem(t *testing.T) {
	for _, text := range []string{`hunter2`, `{"username":"hunter2"}`, `{"password":"hunter2"}`, `["hunter2"]`} {
		_, err := parse(text)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
	}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", Credentials{"a", "hunter2"}, Credentials{"a", "hunter2"}, Credentials{"a", "hunter2"}), "hunter2")
}

func TestAFileIsReadAgainAfterARefusal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"username":"a","password":"one"}`), 0o600))
	k := NewKeeper(File(path))
	k.pause = 0
	c, err := k.Credentials(t.Context())
	require.NoError(t, err)
	require.Equal(t, "one", c.Password)
	require.NoError(t, os.WriteFile(path, []byte(`{"username":"a","password":"two"}`), 0o600))
	k.Refused()
	c, err = k.Credentials(t.Context())
	require.NoError(t, err)
	require.Equal(t, "two", c.Password)
}

func TestTheManagerAsksForTheSecretByItsARN(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ SecretId string }
		require.NoError(t, json.NewDecoder(r.Body).Decode(&in))
		require.Equal(t, "secretsmanager.GetSecretValue", r.Header.Get("X-Amz-Target"))
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if in.SecretId != "arn:known" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"ResourceNotFoundException","message":"no"}`)
			return
		}
		fmt.Fprint(w, `{"SecretString":"{\"username\":\"app\",\"password\":\"x\"}"}`)
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	c, err := NewKeeper(Manager("us-east-1", "arn:known")).Credentials(t.Context())
	require.NoError(t, err)
	require.Equal(t, Credentials{"app", "x"}, c)
	_, err = NewKeeper(Manager("us-east-1", "arn:other")).Credentials(t.Context())
	require.ErrorContains(t, err, "ResourceNotFoundException")
}
