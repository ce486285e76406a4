package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// heartbeat is how often a long step says that it is alive.
const heartbeat = 15 * time.Second

// progress tells a person what setup is doing and how long each step has taken.
type progress struct {
	out     io.Writer
	started time.Time
	mu      sync.Mutex
}

func newProgress(out io.Writer) *progress { return &progress{out: out, started: time.Now()} }

func (p *progress) line(format string, arguments ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, "setup %7s  %s\n", elapsed(p.started), fmt.Sprintf(format, arguments...))
}

// step runs work and reports its start, its end, and every now and then what status says of it.
func (p *progress) step(title string, status func() string, work func() error) error {
	p.line("%s …", title)
	begun := time.Now()
	done := make(chan struct{})
	var beats sync.WaitGroup
	beats.Go(func() {
		ticker := time.NewTicker(heartbeat)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				p.line("%s … %s%s", title, elapsed(begun), status())
			}
		}
	})
	err := work()
	close(done)
	beats.Wait()
	if err != nil {
		p.line("%s: failed after %s", title, elapsed(begun))
		return err
	}
	p.line("%s: %s%s", title, elapsed(begun), status())
	return nil
}

func (p *progress) total(h home) {
	p.line("ready in %s; to use the tools by hand:  . %s", elapsed(p.started), h.environment())
}

// elapsed is the time since then, as a person reads it.
func elapsed(since time.Time) string {
	d := time.Since(since)
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}

// silent is the status of a step that has nothing more to say.
func silent() string { return "" }
