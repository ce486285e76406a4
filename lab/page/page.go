package page

import (
	"context"
	"crypto/rand"
	"embed"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"haven/lab/observer"
	"haven/lab/timeline"
)

// Root is the path of the page.
const Root = "/_haven/"

// Options are what a Page needs.
type Options struct {
	Observer *observer.Observer
	Timeline *timeline.Recorder
	Faults   Faults    // nil: none can be injected here
	Started  time.Time // when the lab was
	Command  string    // how the lab's own command is called, for what to type next
	Log      *slog.Logger

	Heartbeat time.Duration // of an idle stream; 0: 10 s
	Patience  time.Duration // with a reader that does not read; 0: 15 s
	Readers   int           // most streams at a time; 0: 64
}

// Faults is what the page injects faults by.
type Faults interface {
	// Choices returns what can be injected in a region now.
	Choices(ctx context.Context, region string) ([]Choice, error)
	// Inject injects one of the choices and returns the fault's id.
	Inject(ctx context.Context, region string, choice Choice) (id string, err error)
	// Heal removes a fault, or all of a region for the empty id.
	Heal(ctx context.Context, region, id string) error
}

// Choice is a fault that can be injected.
type Choice struct {
	Kind       string            `json:"kind"`
	Zone       string            `json:"zone"`
	Target     string            `json:"target"` // empty: the zone as a whole
	Parameters map[string]string `json:"parameters,omitempty"`
	On         string            `json:"on"`    // the id of the thing in the picture at which it is offered; empty: the zone
	Label      string            `json:"label"` // what the button says
	About      string            `json:"about"` // what will happen
	Big        bool              `json:"big"`   // ask first
}

//go:embed assets
var embedded embed.FS

// Page serves the page.
type Page struct {
	options Options
	token   string // proves that a request comes from the page itself
	index   *template.Template
	assets  http.Handler
	readers chan struct{}
	mux     *http.ServeMux
}

// New returns the page.
func New(options Options) (*Page, error) {
	if options.Heartbeat == 0 {
		options.Heartbeat = 10 * time.Second
	}
	if options.Patience == 0 {
		options.Patience = 15 * time.Second
	}
	if options.Readers == 0 {
		options.Readers = 64
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	files, err := fs.Sub(embedded, "assets")
	if err != nil {
		return nil, err
	}
	index, err := template.ParseFS(files, "index.html")
	if err != nil {
		return nil, err
	}
	p := &Page{
		options: options, token: rand.Text(), index: index, readers: make(chan struct{}, options.Readers), mux: http.NewServeMux(),
		assets: http.StripPrefix(Root, http.FileServerFS(files)),
	}
	p.mux.HandleFunc("GET "+Root+"{$}", p.serveIndex)
	p.mux.Handle("GET "+Root+"page.css", p.assets)
	p.mux.Handle("GET "+Root+"js/", p.assets)
	p.mux.Handle("GET "+Root+"icon.svg", p.assets)
	p.mux.HandleFunc("GET "+Root+"stream", p.serveStream)
	p.mux.HandleFunc("GET "+Root+"picture", p.servePicture)
	p.mux.HandleFunc("GET "+Root+"faults", p.serveChoices)
	p.mux.HandleFunc("POST "+Root+"faults", p.own(p.serveInject))
	p.mux.HandleFunc("POST "+Root+"heal", p.own(p.serveHeal))
	return p, nil
}

// Before serves the page on its path and leaves everything else to the next handler.
func (p *Page) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !p.mine(r):
			next.ServeHTTP(w, r)
		case !loopbackName(r.Host):
			http.Error(w, "This page answers to the names of its own machine only, such as 127.0.0.1 and localhost.", http.StatusForbidden)
		case r.URL.Path+"/" == Root:
			http.Redirect(w, r, Root, http.StatusPermanentRedirect)
		default:
			guardHeaders(w.Header())
			p.mux.ServeHTTP(w, r)
		}
	})
}

// mine tells whether a request is for the page. A signed one is for the API: it may be for an object whose bucket is in
// the host's name.
func (p *Page) mine(r *http.Request) bool {
	if r.URL.Path+"/" != Root && !strings.HasPrefix(r.URL.Path, Root) {
		return false
	}
	return r.Header.Get("Authorization") == "" && !r.URL.Query().Has("X-Amz-Algorithm")
}

func (p *Page) serveIndex(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	err := p.index.Execute(w, map[string]any{"Token": p.token, "Command": p.options.Command})
	if err != nil {
		p.options.Log.Debug("writing the page", "error", err) // the client has gone
	}
}
