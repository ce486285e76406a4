package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/app/internal/database"
	"haven/app/internal/files"
	"haven/app/internal/health"
	"haven/app/internal/server"
)

type fakeLedger struct {
	appended []database.Append
	err      error
	panic    bool
}

func (f *fakeLedger) Append(_ context.Context, a database.Append) (database.Entry, bool, error) {
	if f.panic {
		panic("boom")
	}
	f.appended = append(f.appended, a)
	return database.Entry{Sequence: 7, ID: "id"}, false, f.err
}

func (f *fakeLedger) List(_ context.Context, _ string, after int64, limit int, consistent bool) (database.Page, error) {
	role := "reader"
	if consistent {
		role = "writer"
	}
	return database.Page{Role: role, Entries: []database.Entry{{Sequence: after + int64(limit), Body: json.RawMessage(`1`)}}}, f.err
}

func start(t *testing.T) (*fakeLedger, *health.Judge, http.Handler) {
	t.Helper()
	store, err := files.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	ledger, judge := &fakeLedger{}, health.NewJudge(health.Check{Name: "x", Run: func(context.Context) error { return nil }})
	return ledger, judge, server.New(server.Options{
		Identity: server.Identity{Instance: "i-1", Zone: "us-east-1a", Version: "v1"},
		Ledger:   ledger, Files: store, Judge: judge, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

func ask(h http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestBadInputIsTheClientsError(t *testing.T) {
	ledger, _, h := start(t)
	for _, c := range []struct {
		method, target, body string
		header               []string
		status               int
	}{
		{"POST", "/tenants/ACME/ledger", `1`, nil, 400},
		{"POST", "/tenants/acme/ledger", `{`, nil, 400},
		{"POST", "/tenants/acme/ledger", ``, nil, 400},
		{"POST", "/tenants/acme/ledger", `1 2`, nil, 400},
		{"POST", "/tenants/acme/ledger", "\"\xff\"", nil, 400},
		{"POST", "/tenants/acme/ledger", `"` + strings.Repeat("x", 64<<10) + `"`, nil, 413},
		{"POST", "/tenants/acme/ledger", `1`, []string{"Idempotency-Key", "a b"}, 400},
		{"POST", "/tenants/acme/ledger", `1`, []string{"Idempotency-Key", "-x"}, 400},
		{"POST", "/tenants/acme/ledger", `1`, []string{"Idempotency-Key", strings.Repeat("x", 129)}, 400},
		{"GET", "/tenants/acme/ledger?after=x", "", nil, 400},
		{"GET", "/tenants/acme/ledger?after=-1", "", nil, 400},
		{"GET", "/tenants/acme/ledger?limit=0", "", nil, 400},
		{"GET", "/tenants/acme/ledger?limit=1001", "", nil, 400},
		{"GET", "/tenants/acme/ledger?consistent=yes", "", nil, 400},
		{"GET", "/tenants/a%2Fb/ledger", "", nil, 400},
		{"PUT", "/tenants/acme/files/..%2F..%2Fetc", "x", nil, 400},
		{"GET", "/tenants/acme/files/.hidden", "", nil, 400},
		{"GET", "/tenants/acme/files/missing", "", nil, 404},
		{"PUT", "/tenants/acme/files/f", "x", []string{"X-Haven-Sha256", "00"}, 400},
		{"DELETE", "/tenants/acme/ledger", "", nil, 405},
		{"GET", "/nothing", "", nil, 404},
		{"POST", "/tenants/acme/ledger", "1", []string{"Sec-Fetch-Site", "cross-site"}, 403},
	} {
		w := ask(h, c.method, c.target, c.body, c.header...)
		require.Equal(t, c.status, w.Code, "%s %s %.30q: %s", c.method, c.target, c.body, w.Body)
	}
	require.Empty(t, ledger.appended)
}

func TestAppendTellsTheOutcome(t *testing.T) {
	ledger, _, h := start(t)
	w := ask(h, "POST", "/tenants/acme/ledger", `{"a":1}`, "Idempotency-Key", "k1")
	require.Equal(t, 201, w.Code)
	require.JSONEq(t, `{"sequence":7,"id":"id","writtenAt":"0001-01-01T00:00:00Z"}`, w.Body.String())
	require.Equal(t, "k1", ledger.appended[0].Key)
	ask(h, "POST", "/tenants/acme/ledger", `{"a":1}`)
	ask(h, "POST", "/tenants/acme/ledger", `{"a":1}`)
	require.NotEqual(t, ledger.appended[1].Key, ledger.appended[2].Key)

	for _, c := range []struct {
		err     error
		status  int
		outcome string
	}{
		{database.ErrKeyReused, 422, "not-written"},
		{errors.Join(database.ErrUnknown, errors.New("password=secret")), 503, "unknown"},
		{errors.New("password=secret"), 503, "not-written"},
	} {
		ledger.err = c.err
		w := ask(h, "POST", "/tenants/acme/ledger", `1`)
		require.Equal(t, c.status, w.Code)
		require.Contains(t, w.Body.String(), `"outcome":"`+c.outcome+`"`)
		require.NotContains(t, w.Body.String(), "secret")
	}
}

func TestListTellsWhoAnswered(t *testing.T) {
	_, _, h := start(t)
	w := ask(h, "GET", "/tenants/acme/ledger?after=5&limit=10", "")
	require.Equal(t, 200, w.Code)
	require.Equal(t, "reader", w.Header().Get("X-Haven-Database-Role"))
	require.Contains(t, w.Body.String(), `"next":15`)
	w = ask(h, "GET", "/tenants/acme/ledger?consistent=true", "")
	require.Equal(t, "writer", w.Header().Get("X-Haven-Database-Role"))
}

func TestFilesOverHTTP(t *testing.T) {
	_, _, h := start(t)
	w := ask(h, "PUT", "/tenants/acme/files/a.txt", "hello")
	require.Equal(t, 201, w.Code, w.Body)
	digest := w.Header().Get("X-Haven-Sha256")
	w = ask(h, "GET", "/tenants/acme/files/a.txt", "")
	require.Equal(t, "hello", w.Body.String())
	require.Equal(t, digest, w.Header().Get("X-Haven-Sha256"))
	require.Equal(t, 304, ask(h, "GET", "/tenants/acme/files/a.txt", "", "If-None-Match", `"`+digest+`"`).Code)
	require.Equal(t, "ell", ask(h, "GET", "/tenants/acme/files/a.txt", "", "Range", "bytes=1-3").Body.String())
}

func TestSmallRoutes(t *testing.T) {
	_, judge, h := start(t)
	w := ask(h, "GET", "/whoami", "")
	require.Contains(t, w.Body.String(), `"instance":"i-1"`)
	require.Equal(t, "us-east-1a", w.Header().Get("X-Haven-Zone"))
	require.Contains(t, ask(h, "GET", "/", "").Body.String(), "us-east-1a")
	require.Equal(t, 200, ask(h, "GET", "/ready", "").Code)
	require.Contains(t, ask(h, "GET", "/metrics", "").Body.String(), `haven_requests_total{code="200",route="GET /ready"} 1`)
	judge.Drain()
	require.Equal(t, 503, ask(h, "GET", "/ready", "").Code)
	require.Equal(t, 200, ask(h, "GET", "/live", "").Code)
	require.Contains(t, ask(h, "GET", "/metrics", "").Body.String(), "haven_draining 1")
}

func TestAPanicIsOneRequestsError(t *testing.T) {
	ledger, _, h := start(t)
	ledger.panic = true
	require.Equal(t, 500, ask(h, "POST", "/tenants/acme/ledger", `1`).Code)
	ledger.panic = false
	require.Equal(t, 201, ask(h, "POST", "/tenants/acme/ledger", `1`).Code)
}
