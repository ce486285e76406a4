// Package control is the lab's own door, beside AWS's API: a Unix socket in the lab's folder that tells what runs,
// runs commands on instances as a console would, and ends the lab.
package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"haven/lab/cloud"
	"haven/lab/overview"
	"haven/lab/timeline"
)

// SocketFile is the socket's name below the lab's folder.
const SocketFile = "control.sock"

// Status is what the lab tells of itself.
type Status struct {
	PID        int           `json:"pid"`
	Endpoint   string        `json:"endpoint"`
	Page       string        `json:"page"` // the live page's address
	Started    time.Time     `json:"started"`
	Regions    []string      `json:"regions"`
	Realm      string        `json:"realm"` // "running", or why nothing can run here
	Resources  []cloud.Count `json:"resources"`
	Nodes      []Node        `json:"nodes"`
	Namespaces int           `json:"namespaces"`
	Copies     []Copy        `json:"copies"` // of file systems, one a zone
}

// Copy is a zone's copy of a file system, which AWS shows nobody.
type Copy struct {
	FileSystem string `json:"fileSystem"`
	Zone       string `json:"zone"`
	State      string `json:"state"` // "healthy", "lost" or "healing"
}

// Node is a balancer's node in one zone, as the host reaches it.
type Node struct {
	Balancer string `json:"balancer"`
	Zone     string `json:"zone"`
	Public   string `json:"public"`  // the node's address in the lab's internet
	Address  string `json:"address"` // the loopback address that leads there
	Ports    []int  `json:"ports"`
	State    string `json:"state"`
}

// Sight is a region as the live page shows it, and the newest events, oldest first.
type Sight struct {
	Picture overview.Picture `json:"picture"`
	Events  []timeline.Event `json:"events"`
}

// ExecRequest asks to run a command on an instance, as root, with the given standard input.
type ExecRequest struct {
	Instance string   `json:"instance"`
	Command  []string `json:"command"`
	Stdin    []byte   `json:"stdin,omitempty"`
}

// ExecResult is how the command ended.
type ExecResult struct {
	Stdout []byte `json:"stdout"`
	Stderr []byte `json:"stderr"`
	Exit   int    `json:"exit"`
}

// Lab is what the door opens to.
type Lab interface {
	Status(ctx context.Context) (Status, error)
	Exec(ctx context.Context, request ExecRequest) (ExecResult, error)
	// Sight tells how a region is and what happened there last.
	Sight(ctx context.Context, region string) (Sight, error)
	// Stop begins an orderly end; it returns at once.
	Stop()
	Breaker
}

// Listen opens the lab's socket. It takes over what a killed lab left behind; the caller holds the store's lock, so
// no other lab can be alive here.
func Listen(dir string) (net.Listener, error) {
	path := filepath.Join(dir, SocketFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("taking over the control socket: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("opening the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// Handler serves the lab's door.
func Handler(lab Lab) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		status, err := lab.Status(r.Context())
		reply(w, status, err)
	})
	mux.HandleFunc("POST /exec", func(w http.ResponseWriter, r *http.Request) {
		var request ExecRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		result, err := lab.Exec(r.Context(), request)
		reply(w, result, err)
	})
	mux.HandleFunc("GET /sight", func(w http.ResponseWriter, r *http.Request) {
		sight, err := lab.Sight(r.Context(), r.URL.Query().Get("region"))
		reply(w, sight, err)
	})
	serveFaults(mux, lab)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // go tool pprof, through curl --unix-socket
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, r *http.Request) {
		reply(w, struct{}{}, nil)
		_ = http.NewResponseController(w).Flush() // before the door closes; a client that has gone does not mind
		lab.Stop()
	})
	return mux
}

func reply(w http.ResponseWriter, body any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the client has gone if this fails
}

// maxRefusal bounds how much of a refusal is read: it may list all that there is.
const maxRefusal = 64 << 10

// ErrNotRunning says that no lab answers at the socket.
var ErrNotRunning = errors.New("the lab is not running; type: haven lab start")

// Client talks to a lab through the socket in its folder.
type Client struct{ http *http.Client }

// NewClient returns a client of the lab in the folder.
func NewClient(dir string) *Client {
	path := filepath.Join(dir, SocketFile)
	return &Client{http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
		DisableKeepAlives: true,
	}}}
}

// Status asks the lab what runs. Without a lab the error is ErrNotRunning.
func (c *Client) Status(ctx context.Context) (status Status, err error) {
	return status, c.call(ctx, http.MethodGet, "/status", nil, &status)
}

// Sight asks how a region is and what happened there last.
func (c *Client) Sight(ctx context.Context, region string) (sight Sight, err error) {
	return sight, c.call(ctx, http.MethodGet, "/sight?region="+url.QueryEscape(region), nil, &sight)
}

// Exec runs a command on an instance.
func (c *Client) Exec(ctx context.Context, request ExecRequest) (result ExecResult, err error) {
	return result, c.call(ctx, http.MethodPost, "/exec", request, &result)
}

// Stop asks the lab to end.
func (c *Client) Stop(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/stop", struct{}{}, &struct{}{})
}

func (c *Client) call(ctx context.Context, method, path string, body, into any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://lab"+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return ErrNotRunning
	}
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) {
		return fmt.Errorf("the lab ended before it answered: %w", ErrNotRunning)
	}
	if err != nil {
		return fmt.Errorf("asking the lab: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusUnprocessableEntity {
		why, _ := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
		return RefusedError{string(bytes.TrimSpace(why))}
	}
	if response.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
		return fmt.Errorf("asking the lab: %s", bytes.TrimSpace(why))
	}
	return json.NewDecoder(response.Body).Decode(into)
}
