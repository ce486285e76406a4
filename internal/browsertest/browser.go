// Package browsertest drives a headless Chromium over the DevTools protocol, by the pipe that it offers for that: no
// port is opened, and nothing but the browser itself is needed.
package browsertest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// programs are the names that Chromium is installed under.
var programs = []string{"chromium", "chromium-browser", "google-chrome"}

// Program returns the browser's path, or skips the test and says what to install.
func Program(t testing.TB) string {
	t.Helper()
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("SKIPPED: there is no Chromium here, so nobody looked at the page; type: apt-get install chromium")
	return ""
}

// Browser is a running Chromium.
type Browser struct {
	to   *os.File
	next int64

	mu      sync.Mutex
	waiting map[int64]chan reply
	tabs    map[string]*Tab // by session
	ended   error
}

type reply struct {
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// flags keep the browser to the page: it neither looks for updates nor for anything else.
func flags(profile string) []string {
	return []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions", "--disable-dev-shm-usage",
		"--disable-features=Translate,OptimizationHints,MediaRouter", "--no-proxy-server", "--remote-debugging-pipe", "--user-data-dir=" + profile,
		"about:blank",
	}
}

// Start runs a browser until the test ends, and leaves nothing of it behind.
func Start(t testing.TB) *Browser {
	t.Helper()
	program := Program(t)
	profile, err := os.MkdirTemp("", "haven-browser-")
	if err != nil {
		t.Fatal(err)
	}
	childReads, to, err1 := os.Pipe()
	from, childWrites, err2 := os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, flags(profile)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+profile)    // it is killed, and leaves its own there
	cmd.ExtraFiles = []*os.File{childReads, childWrites} // the descriptors 3 and 4
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	said, err := os.Create(filepath.Join(profile, "said.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = said, said
	b := &Browser{to: to, waiting: map[int64]chan reply{}, tabs: map[string]*Tab{}}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", program, err)
	}
	childReads.Close()
	childWrites.Close()
	var reader sync.WaitGroup
	reader.Go(func() { b.read(from) })
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its own process group: everything that it started
		_ = cmd.Wait()
		to.Close()
		from.Close()
		reader.Wait()
		said.Close()
		_ = os.RemoveAll(profile)
	})
	return b
}

func (b *Browser) read(from *os.File) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 64<<20)
	lines.Split(func(data []byte, _ bool) (int, []byte, error) {
		for i, c := range data {
			if c == 0 {
				return i + 1, data[:i], nil
			}
		}
		return 0, nil, nil
	})
	for lines.Scan() {
		var message struct {
			ID      int64           `json:"id"`
			Session string          `json:"sessionId"`
			Method  string          `json:"method"`
			Params  json.RawMessage `json:"params"`
			reply
		}
		if json.Unmarshal(lines.Bytes(), &message) != nil {
			continue
		}
		b.mu.Lock()
		if answer := b.waiting[message.ID]; message.ID != 0 && answer != nil {
			delete(b.waiting, message.ID)
			answer <- message.reply
		} else if tab := b.tabs[message.Session]; tab != nil {
			tab.hear(message.Method, message.Params)
		}
		b.mu.Unlock()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = errors.New("the browser has ended")
	for id, answer := range b.waiting {
		delete(b.waiting, id)
		close(answer)
	}
}

// call sends a command and decodes its result.
func (b *Browser) call(ctx context.Context, session, method string, params, result any) error {
	answer := make(chan reply, 1)
	b.mu.Lock()
	if b.ended != nil {
		b.mu.Unlock()
		return b.ended
	}
	b.next++
	id := b.next
	b.waiting[id] = answer
	command := map[string]any{"id": id, "method": method, "params": params}
	if session != "" {
		command["sessionId"] = session
	}
	raw, err := json.Marshal(command)
	if err == nil {
		_, err = b.to.Write(append(raw, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return fmt.Errorf("sending %s to the browser: %w", method, err)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("waiting for the browser's answer to %s: %w", method, ctx.Err())
	case got, ok := <-answer:
		switch {
		case !ok:
			return errors.New("the browser has ended")
		case got.Error != nil:
			return fmt.Errorf("the browser refuses %s: %s", method, got.Error.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(got.Result, result)
	}
}

// limit bounds each command.
const limit = 90 * time.Second
