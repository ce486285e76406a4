package guest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// ExecRequest asks for a command to be run in the instance.
type ExecRequest struct {
	Args  []string
	Stdin []byte
}

// ExecResult is how it went. Outputs are cut after a megabyte.
type ExecResult struct {
	Stdout, Stderr []byte
	Exit           int
	Error          string // it was not started
}

// Frame is one line of the answer to a command such as systemctl.
type Frame struct {
	Out  string `json:"out,omitempty"`
	Err  string `json:"err,omitempty"`
	Exit *int   `json:"exit,omitempty"`
}

type commandRequest struct {
	Name string
	Args []string
}

// handler serves the lab (exec) and the commands inside the instance (command).
func (m *machine) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /exec", func(w http.ResponseWriter, r *http.Request) {
		var in ExecRequest
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in.Args) == 0 {
			http.Error(w, "the request is no ExecRequest", http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(m.exec(r.Context(), in))
	})
	mux.HandleFunc("POST /health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /script", func(w http.ResponseWriter, r *http.Request) {
		var in Script
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, "the request is no Script", http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(m.runScript(r.Context(), in))
	})
	mux.HandleFunc("POST /command", func(w http.ResponseWriter, r *http.Request) {
		var in commandRequest
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, "the request is no command", http.StatusBadRequest)
			return
		}
		out := json.NewEncoder(w)
		send := func(f Frame) {
			if out.Encode(f) == nil {
				_ = http.NewResponseController(w).Flush()
			}
		}
		exit := m.command(r.Context(), in, func(text string) { send(Frame{Out: text}) }, func(text string) { send(Frame{Err: text}) })
		send(Frame{Exit: &exit})
	})
	return mux
}

func (m *machine) exec(ctx context.Context, in ExecRequest) ExecResult {
	path := in.Args[0]
	if !bytes.ContainsRune([]byte(path), '/') {
		found, err := find(path)
		if err != nil {
			return ExecResult{Exit: 127, Error: err.Error()}
		}
		path = found
	}
	var pipes [3][2]*os.File
	for i := range pipes {
		r, w, err := os.Pipe()
		if err != nil {
			return ExecResult{Exit: -1, Error: err.Error()}
		}
		defer r.Close()
		defer w.Close()
		pipes[i] = [2]*os.File{r, w}
	}
	cmd := &exec.Cmd{Path: path, Args: in.Args, Dir: "/", Env: []string{"PATH=" + searchPath, "HOME=/root", "LANG=C.UTF-8", "USER=root"},
		Stdin: pipes[0][0], Stdout: pipes[1][1], Stderr: pipes[2][1]}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pid, ended, err := m.reaper.start(cmd)
	if err != nil {
		return ExecResult{Exit: 126, Error: err.Error()}
	}
	pipes[0][0].Close()
	pipes[1][1].Close()
	pipes[2][1].Close()
	go func() {
		_, _ = pipes[0][1].Write(in.Stdin) // a command need not read
		pipes[0][1].Close()
	}()
	var result ExecResult
	var readers sync.WaitGroup
	readers.Go(func() { result.Stdout = readSome(pipes[1][0]) })
	readers.Go(func() { result.Stderr = readSome(pipes[2][0]) })
	stop := context.AfterFunc(ctx, func() { _ = unix.Kill(-pid, unix.SIGKILL) })
	defer stop()
	result.Exit = exitCode(<-ended)
	_ = unix.Kill(-pid, unix.SIGKILL) // else what it left in the background keeps the pipes open
	readers.Wait()
	return result
}

func readSome(r io.Reader) []byte {
	text, _ := io.ReadAll(io.LimitReader(r, 1<<20))
	_, _ = io.Copy(io.Discard, r)
	return text
}
