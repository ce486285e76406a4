package server

import (
	_ "embed"
	"html/template"
	"net/http"

	"haven/app/internal/health"
)

// live says that the process can answer, and nothing else: a restart would not heal what it depends on.
func (s *server) live(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]string{"status": "live"})
}

// ready is 200 when the server should get traffic, 503 when not. With ?strict=true it is 503 for a degraded one too.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	report := s.Judge.Report()
	status := http.StatusOK
	if !report.Ready || (report.Degraded && r.URL.Query().Get("strict") == "true") {
		status = http.StatusServiceUnavailable
	}
	reply(w, status, report)
}

func (s *server) whoami(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.Identity) }

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

func (s *server) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	err := page.Execute(w, struct {
		Identity Identity
		Report   health.Report
	}{s.Identity, s.Judge.Report()})
	if err != nil {
		s.Log.Warn("the page was not sent", "error", err)
	}
}
