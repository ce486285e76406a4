// Package journal keeps log events: a file for each stream, a JSON object a line, so that they can be read with plain
// tools too. What Append returned without an error for is on the disk. A line that a crash cut off is not an event.
package journal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Event is one line of a log.
type Event struct {
	Timestamp int64  `json:"t"` // milliseconds since 1970, as its writer says
	Ingested  int64  `json:"i"` // the same, when it came
	Message   string `json:"m"`
	// Offset is where the event is in its stream's file: of two events at one time the first has the smaller.
	Offset int64 `json:"-"`
}

// Stats are what is known of a stream.
type Stats struct {
	First, Last  int64 // timestamps
	LastIngested int64
	Bytes        int64
	Events       int
}

// Journal keeps streams under a folder.
type Journal struct {
	dir string

	mu    sync.Mutex
	stats map[string]*Stats // by path; of streams that were looked at
}

// New returns the journal in a folder, which need not exist.
func New(dir string) *Journal { return &Journal{dir: dir, stats: map[string]*Stats{}} }

// Stream names a stream.
type Stream struct{ Region, Group, Name string }

// path returns the file of a stream. Names of groups and streams may hold what file names may not.
func (j *Journal) path(s Stream) string {
	return filepath.Join(j.group(s.Region, s.Group), short(s.Name)+".jsonl")
}

func (j *Journal) group(region, group string) string {
	return filepath.Join(j.dir, region, short(group))
}

func short(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:12])
}

// Append adds events; with sync they are on the disk when it returns.
func (j *Journal) Append(s Stream, events []Event, sync bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	path := j.path(s)
	stats, err := j.load(path)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			file, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		}
	}
	if err != nil {
		return fmt.Errorf("opening log stream %s: %w", s.Name, err)
	}
	defer file.Close()
	raw, err := encode(events)
	if err != nil {
		return err
	}
	if err := file.Truncate(stats.Bytes); err != nil { // what a crash cut off
		return fmt.Errorf("writing log stream %s: %w", s.Name, err)
	}
	if _, err := file.WriteAt(raw, stats.Bytes); err != nil {
		return fmt.Errorf("writing log stream %s: %w", s.Name, err)
	}
	if sync {
		if err := file.Sync(); err != nil {
			return fmt.Errorf("writing log stream %s: %w", s.Name, err)
		}
	}
	stats.Bytes += int64(len(raw))
	for _, event := range events {
		stats.count(event)
	}
	return nil
}

func encode(events []Event) ([]byte, error) {
	var out bytes.Buffer
	for _, event := range events {
		raw, err := json.Marshal(event)
		if err != nil {
			return nil, fmt.Errorf("encoding a log event: %w", err)
		}
		out.Write(raw)
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

func (s *Stats) count(event Event) {
	if s.Events == 0 || event.Timestamp < s.First {
		s.First = event.Timestamp
	}
	s.Last = max(s.Last, event.Timestamp)
	s.LastIngested = max(s.LastIngested, event.Ingested)
	s.Events++
}

// load returns what is known of a file, reading it when it is first asked for.
func (j *Journal) load(path string) (*Stats, error) {
	if known := j.stats[path]; known != nil {
		return known, nil
	}
	stats := &Stats{}
	size, err := scan(path, func(event Event) { stats.count(event) })
	if err != nil {
		return nil, err
	}
	stats.Bytes = size
	j.stats[path] = stats
	return stats, nil
}

// scan reads a file's events in the order that they came in, and returns the length of what is whole.
func scan(path string, each func(Event)) (size int64, err error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading a log stream: %w", err)
	}
	defer file.Close()
	reader := bufio.NewReaderSize(file, 64<<10)
	for {
		line, err := reader.ReadBytes('\n')
		if err == io.EOF {
			return size, nil
		}
		if err != nil {
			return size, fmt.Errorf("reading a log stream: %w", err)
		}
		event := Event{Offset: size}
		if err := json.Unmarshal(line, &event); err != nil {
			return size, fmt.Errorf("reading a log stream: %w", err)
		}
		size += int64(len(line))
		each(event)
	}
}

// Read returns a stream's events with timestamps in [from, to), in the order of their times.
func (j *Journal) Read(s Stream, from, to int64) ([]Event, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var events []Event
	_, err := scan(j.path(s), func(event Event) {
		if event.Timestamp >= from && event.Timestamp < to {
			events = append(events, event)
		}
	})
	slices.SortStableFunc(events, func(a, b Event) int { return int(min(max(a.Timestamp-b.Timestamp, -1), 1)) })
	return events, err
}

// Stats returns what is known of a stream.
func (j *Journal) Stats(s Stream) (Stats, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	stats, err := j.load(j.path(s))
	if err != nil {
		return Stats{}, err
	}
	return *stats, nil
}

// Delete removes a stream.
func (j *Journal) Delete(s Stream) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.stats, j.path(s))
	if err := os.Remove(j.path(s)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing log stream %s: %w", s.Name, err)
	}
	return nil
}

// DeleteGroup removes all streams of a group.
func (j *Journal) DeleteGroup(region, group string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	clear(j.stats) // they are read again
	if err := os.RemoveAll(j.group(region, group)); err != nil {
		return fmt.Errorf("removing log group %s: %w", group, err)
	}
	return nil
}

// Millis returns a time as events have it.
func Millis(t time.Time) int64 { return t.UnixMilli() }
