package workload_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/check"
	"haven/drill/history"
	"haven/drill/workload"
)

// site is the application in memory, with what can go wrong.
type site struct {
	mu      sync.Mutex
	entries []map[string]any
	files   map[string]string

	forget bool // acknowledge entries and drop every tenth
	fail   func(r *http.Request) int
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("X-Haven-Instance", "i-1")
	if s.fail != nil {
		if status := s.fail(r); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/ledger"):
		s.ledger(w, r)
	case strings.Contains(r.URL.Path, "/files/") && r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		s.files[r.URL.Path] = string(body)
		w.WriteHeader(http.StatusCreated)
	case strings.Contains(r.URL.Path, "/files/"):
		if _, there := s.files[r.URL.Path]; !there {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, s.files[r.URL.Path])
	}
}

func (s *site) ledger(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body)
		entry := map[string]any{"sequence": len(s.entries) + 1, "body": json.RawMessage(body)}
		s.entries = append(s.entries, entry)
		if s.forget && len(s.entries)%10 == 0 {
			s.entries[len(s.entries)-1] = map[string]any{"sequence": len(s.entries), "body": json.RawMessage(`{"key":"another"}`)}
		}
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(entry)
		return
	}
	after, _ := strconv.Atoi(r.URL.Query().Get("after"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	page := s.entries[after:min(len(s.entries), after+limit)]
	_ = json.NewEncoder(w).Encode(map[string]any{"entries": page, "next": after + len(page)})
}

func run(t *testing.T, s *site) history.History {
	t.Helper()
	s.files = map[string]string{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	recorder := history.NewRecorder()
	w, err := workload.Start(t.Context(), workload.Site{URL: server.URL, Nodes: []workload.Node{{Zone: "a"}, {Zone: "b"}}, Tenant: "test", Timeout: 2 * time.Second},
		workload.Rates{history.Look: 50, history.Append: 100, history.List: 5, history.Put: 50, history.Get: 50}, 7, recorder)
	require.NoError(t, err)
	time.Sleep(700 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	w.Stop(ctx)
	return recorder.History()
}

func TestAGoodSiteKeepsItsPromises(t *testing.T) {
	h := run(t, &site{})
	for _, kind := range []history.Kind{history.Look, history.Append, history.List, history.Put, history.Get} {
		require.NotEmpty(t, h.Of(kind), kind)
	}
	for _, o := range h.Operations {
		require.Equal(t, history.OK, o.Outcome, o)
	}
	found, err := check.Ledger(h)
	require.NoError(t, err)
	require.Empty(t, found)
	found, err = check.Files(h)
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestASiteThatForgetsIsCaught(t *testing.T) {
	found, err := check.Ledger(run(t, &site{forget: true}))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	require.ErrorIs(t, found[0], check.ErrLostAppend)
}

func TestATornFileIsCaught(t *testing.T) {
	s := &site{}
	s.fail = func(r *http.Request) int {
		for name, content := range s.files {
			if r.Method == http.MethodGet && len(content) > 100 {
				s.files[name] = content[:100]
			}
		}
		return 0
	}
	found, err := check.Files(run(t, s))
	require.NoError(t, err)
	require.ErrorIs(t, found[0], check.ErrLostFile)
}

func TestWhatBecameOfAWriteIsToldHonestly(t *testing.T) {
	for status, outcome := range map[int]history.Outcome{500: history.Unknown, 504: history.Unknown, 400: history.Failed} {
		h := run(t, &site{fail: func(r *http.Request) int {
			if r.Method == http.MethodPost {
				return status
			}
			return 0
		}})
		for _, o := range h.Of(history.Append) {
			require.Equal(t, outcome, o.Outcome, status)
		}
	}
	recorder := history.NewRecorder()
	w, err := workload.Start(t.Context(), workload.Site{URL: "http://127.0.0.1:1", Nodes: []workload.Node{{}}, Tenant: "test", Timeout: time.Second}, workload.Rates{history.Append: 50}, 7, recorder)
	require.NoError(t, err)
	time.Sleep(200 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	w.Stop(ctx)
	for _, o := range recorder.History().Of(history.Append) {
		require.Equal(t, history.Failed, o.Outcome, "nobody was there: %s", o.Error)
	}
}

func TestASiteIsCheckedFirst(t *testing.T) {
	_, err := workload.Start(t.Context(), workload.Site{URL: "www"}, nil, 0, history.NewRecorder())
	for _, problem := range []string{"URL", "node", "tenant", "timeout"} {
		require.ErrorContains(t, err, problem)
	}
}
