package timeline

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	mostHeld = 2000    // events in memory
	mostFile = 2 << 20 // bytes; a full file is kept once beside the new one
)

// Recorder keeps events.
type Recorder struct {
	path string
	log  *slog.Logger

	mu       sync.Mutex
	held     []Event // the newest, in the order of their ids
	last     int64
	file     *os.File
	size     int64
	broken   bool // it was said that the file cannot be written
	watchers map[chan struct{}]struct{}
}

// Open goes on with the timeline in a file, or begins one. What a kill cut short there is left out.
func Open(path string, log *slog.Logger) (*Recorder, error) {
	r := &Recorder{path: path, log: log, watchers: map[chan struct{}]struct{}{}}
	for _, name := range []string{r.former(), path} {
		if err := r.read(name); err != nil {
			return nil, fmt.Errorf("reading the timeline %s: %w", name, err)
		}
	}
	return r, r.open()
}

func (r *Recorder) former() string { return r.path + ".1" }

func (r *Recorder) read(name string) error {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(io.LimitReader(file, 2*mostFile))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event Event
		if json.Unmarshal(lines.Bytes(), &event) == nil && event.ID > r.last {
			r.hold(event)
		}
	}
	return lines.Err()
}

// open opens the file so that a line which was cut short ends there.
func (r *Recorder) open() error {
	file, err := os.OpenFile(r.path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("opening the timeline: %w", err)
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	end := []byte{'\n'}
	if size > 0 {
		if _, err := file.ReadAt(end, size-1); err != nil {
			return errors.Join(fmt.Errorf("reading the end of the timeline: %w", err), file.Close())
		}
	}
	r.file, r.size = file, size
	if !bytes.Equal(end, []byte{'\n'}) {
		r.write([]byte{'\n'})
	}
	return nil
}

// Add keeps an event. A Recorder that is nil forgets it: what runs without one needs no other Hook.
func (r *Recorder) Add(event Event) {
	if r == nil {
		return
	}
	event = event.tidy()
	r.mu.Lock()
	defer r.mu.Unlock()
	if event.Time.IsZero() {
		event.Time = time.Now()
	}
	event.Time = event.Time.UTC()
	event.ID = max(r.last+1, time.Now().UnixMicro())
	r.hold(event)
	if line, err := json.Marshal(event); err == nil {
		r.keep(append(line, '\n'))
	}
	for wake := range r.watchers {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

func (r *Recorder) hold(event Event) {
	r.last = event.ID
	r.held = append(r.held, event)
	if len(r.held) > mostHeld+mostHeld/4 { // not each time: moving all of them costs
		r.held = slices.Clone(r.held[len(r.held)-mostHeld:])
	}
}

// keep appends a line to the file; a full one makes way first.
func (r *Recorder) keep(line []byte) {
	if r.file == nil {
		return
	}
	if r.size+int64(len(line)) > mostFile {
		if err := r.turn(); err != nil {
			r.complain(err)
			return
		}
	}
	r.write(line)
}

func (r *Recorder) turn() error {
	err := errors.Join(r.file.Close(), os.Rename(r.path, r.former()))
	r.file = nil
	return errors.Join(err, r.open())
}

func (r *Recorder) write(line []byte) {
	n, err := r.file.Write(line)
	r.size += int64(n)
	if err != nil {
		r.complain(err)
		return
	}
	r.broken = false
}

// complain says once that the file fails: a full disk must neither stop the lab nor fill its log.
func (r *Recorder) complain(err error) {
	if !r.broken {
		r.log.Error("the timeline goes on in memory only", "error", err)
	}
	r.broken = true
}

// Close closes the file; events that are added later are only held.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}
