// Package server is the application's HTTP face: liveness and readiness, the ledger, the files, who-am-I and metrics.
package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"haven/app/internal/database"
	"haven/app/internal/files"
	"haven/app/internal/health"
	"haven/app/limits"
)

// Ledger is what the server needs of the database.
type Ledger interface {
	Append(ctx context.Context, a database.Append) (entry database.Entry, repeated bool, err error)
	List(ctx context.Context, tenant string, after int64, limit int, consistent bool) (database.Page, error)
}

// Identity is what /whoami tells.
type Identity struct {
	Instance string    `json:"instance"`
	Zone     string    `json:"zone"`
	Region   string    `json:"region"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
}

// Options are the server's parts.
type Options struct {
	Identity   Identity
	Ledger     Ledger
	Files      *files.Store
	Judge      *health.Judge
	Collectors []prometheus.Collector
	Log        *slog.Logger
}

// requestTimeout bounds what a request for the ledger may take, retries over a failover included.
const requestTimeout = limits.Request

type server struct {
	Options
	metrics *metrics
}

// New returns the handler of all routes.
func New(o Options) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(o.Collectors...)
	s := &server{Options: o, metrics: newMetrics(registry, o)}
	mux := http.NewServeMux()
	s.handle(mux, "GET /live", s.live)
	s.handle(mux, "GET /ready", s.ready)
	s.handle(mux, "GET /whoami", s.whoami)
	s.handle(mux, "POST /tenants/{tenant}/ledger", s.append)
	s.handle(mux, "GET /tenants/{tenant}/ledger", s.list)
	s.handle(mux, "PUT /tenants/{tenant}/files/{name}", s.put)
	s.handle(mux, "GET /tenants/{tenant}/files/{name}", s.get)
	s.handle(mux, "GET /{$}", s.page)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return http.NewCrossOriginProtection().Handler(s.identify(mux))
}

// handle adds a route whose requests are measured, and whose panics are answered and logged.
func (s *server) handle(mux *http.ServeMux, pattern string, handler http.HandlerFunc) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		recorder := &recorder{ResponseWriter: w, status: http.StatusOK}
		s.metrics.busy.Inc()
		defer func() {
			s.metrics.busy.Dec()
			if cause := recover(); cause != nil {
				s.Log.ErrorContext(r.Context(), "a handler panicked", "route", pattern, "cause", cause)
				refuse(recorder, http.StatusInternalServerError, "this is a bug of the server; its log has the details")
			}
			s.metrics.observe(pattern, recorder.status, time.Since(begun))
			s.log(r, pattern, recorder.status, time.Since(begun))
		}()
		handler(recorder, r)
	})
}

// log keeps what went wrong or slow; health checks are no news.
func (s *server) log(r *http.Request, route string, status int, took time.Duration) {
	if status < http.StatusInternalServerError && took < time.Second || route == "GET /ready" {
		return
	}
	s.Log.WarnContext(r.Context(), "request", "route", route, "path", r.URL.Path, "status", status,
		"milliseconds", took.Milliseconds(), "trace", r.Header.Get("X-Amzn-Trace-Id"))
}

// identify tells every client which server answered.
func (s *server) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Haven-Instance", s.Identity.Instance)
		w.Header().Set("X-Haven-Zone", s.Identity.Zone)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (r *recorder) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone when this fails
}

// refusal is the body of every error. Outcome is set for writes: "not-written" may be sent again as it is, "unknown" only
// with an idempotency key.
type refusal struct {
	Error   string `json:"error"`
	Outcome string `json:"outcome,omitempty"`
}

func refuse(w http.ResponseWriter, status int, message string) {
	reply(w, status, refusal{Error: message})
}
