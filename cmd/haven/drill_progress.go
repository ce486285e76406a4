package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"haven/drill/run"
	"haven/drill/scenario"
)

// plainWidth is that of a terminal which does not tell its own.
const plainWidth = 80

// progress tells what happens now: on a terminal in one line that is drawn again and again, elsewhere in a line for each thing.
type progress struct {
	w     io.Writer
	width func() int // of the terminal in columns; nil: it is none
	now   func() time.Time
	total int

	mu     sync.Mutex
	begun  time.Time
	number int
	name   string
	text   string
	stop   chan struct{}
	all    sync.WaitGroup
}

// newProgress begins to tell about a number of drills. Close ends it.
func newProgress(w io.Writer, total int) *progress {
	p := &progress{w: w, now: time.Now, begun: time.Now(), total: total, stop: make(chan struct{})}
	if !isTerminal(w) {
		return p
	}
	file := w.(*os.File)
	p.width = func() int { return terminalWidth(file) }
	p.all.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-tick.C:
				p.mu.Lock()
				p.draw()
				p.mu.Unlock()
			}
		}
	})
	return p
}

func terminalWidth(file *os.File) int {
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return plainWidth
	}
	return int(size.Col)
}

// begins says which drill is begun.
func (p *progress) begins(number int, s scenario.Scenario) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number, p.name, p.text = number, s.Name, "begins"
	p.draw()
}

// say tells what is happening now.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = fmt.Sprintf(format, args...)
	p.draw()
}

// ended prints a result, which stays, to another writer, and names the run's folder where it is worth a look.
func (p *progress) ended(to io.Writer, r run.Result, folder string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	printResult(to, r, folder)
}

// close leaves no status line behind.
func (p *progress) close() {
	close(p.stop)
	p.all.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
}

func (p *progress) erase() {
	if p.width != nil {
		fmt.Fprint(p.w, "\r"+eraseLine)
	}
}

func (p *progress) draw() {
	elapsed := p.now().Sub(p.begun).Round(time.Second)
	if p.width == nil {
		where := ""
		if p.name != "" {
			where = fmt.Sprintf("%d/%d %s: ", p.number, p.total, p.name)
		}
		fmt.Fprintf(p.w, "%6s  %s%s\n", elapsed, where, p.text)
		return
	}
	line := fmt.Sprintf("%s  %d/%d  %s  %s", elapsed, p.number, p.total, p.name, strings.Join(strings.Fields(p.text), " "))
	if runes, most := []rune(line), p.width()-1; len(runes) > most {
		line = string(runes[:max(0, most-1)]) + "…"
	}
	fmt.Fprint(p.w, "\r"+eraseLine+line)
}
