package guest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

// journal keeps the last lines of what units and the init said, and puts each on the console.
type journal struct {
	mu      sync.Mutex
	lines   []line
	size    int           // bytes of text in lines
	changed chan struct{} // closed and replaced at each line
	console io.Writer
}

type line struct {
	at     time.Time
	source string // who said it
	unit   string // whom it is about
	text   string
}

func (l line) String() string {
	return fmt.Sprintf("%s %s: %s", l.at.UTC().Format("Jan 02 15:04:05.000"), l.source, l.text)
}

const (
	journalSize = 4 << 20 // bytes
	lineLength  = 8 << 10
)

func newJournal(console io.Writer) *journal {
	return &journal{changed: make(chan struct{}), console: console}
}

// say adds a line of a source about itself.
func (j *journal) say(source, format string, args ...any) { j.note(source, source, format, args...) }

// note adds a line of a source about a unit.
func (j *journal) note(source, unit, format string, args ...any) {
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	l := line{at: time.Now(), source: source, unit: unit, text: text}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.keep(l)
	close(j.changed)
	j.changed = make(chan struct{})
	fmt.Fprintln(j.console, l) // a console that nobody reads is no reason to stop
}

// keep adds a line and, when there are too many, forgets the oldest eighth.
func (j *journal) keep(l line) {
	j.lines = append(j.lines, l)
	j.size += len(l.text) + lineOverhead
	if j.size < journalSize {
		return
	}
	old := 0
	for ; j.size > journalSize/8*7; old++ {
		j.size -= len(j.lines[old].text) + lineOverhead
	}
	j.lines = slices.Clone(j.lines[old:])
}

// lineOverhead is about what a line takes beside its text.
const lineOverhead = 100

// writer returns a file for a process's outputs; each line becomes the unit's. The caller closes it once the process has it.
func (j *journal) writer(unit string) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go func() {
		defer r.Close()
		in := bufio.NewReaderSize(r, lineLength)
		for {
			text, err := in.ReadSlice('\n')
			if len(text) > 0 {
				j.say(unit, "%s", trimNewline(text))
			}
			if err != nil && err != bufio.ErrBufferFull {
				return
			}
		}
	}()
	return w, nil
}

func trimNewline(text []byte) []byte {
	for len(text) > 0 && (text[len(text)-1] == '\n' || text[len(text)-1] == '\r') {
		text = text[:len(text)-1]
	}
	return text
}

// tail returns the last lines of a unit (or of all, when it is empty); n below zero is all of them.
func (j *journal) tail(unit string, n int) []line {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []line
	for i := len(j.lines) - 1; i >= 0 && (n < 0 || len(found) < n); i-- {
		if unit == "" || j.lines[i].unit == unit {
			found = append(found, j.lines[i])
		}
	}
	for i, k := 0, len(found)-1; i < k; i, k = i+1, k-1 {
		found[i], found[k] = found[k], found[i]
	}
	return found
}

// follow calls f for each new line until ctx ends.
func (j *journal) follow(ctx context.Context, unit string, f func(line)) {
	last := time.Now()
	for {
		j.mu.Lock()
		changed := j.changed
		var fresh []line
		for i := len(j.lines) - 1; i >= 0 && j.lines[i].at.After(last); i-- {
			fresh = append(fresh, j.lines[i])
		}
		j.mu.Unlock()
		for i := len(fresh) - 1; i >= 0; i-- {
			last = fresh[i].at
			if unit == "" || fresh[i].unit == unit {
				f(fresh[i])
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
