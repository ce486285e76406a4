package history

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Recorder collects what many goroutines do, on one clock. Nothing in it judges.
type Recorder struct {
	begun time.Time // carries the monotonic clock

	mu         sync.Mutex
	operations []Operation
	marks      []Mark
}

// NewRecorder starts the clock.
func NewRecorder() *Recorder { return &Recorder{begun: time.Now()} }

// Now is the time since the clock was started.
func (r *Recorder) Now() time.Duration { return time.Since(r.begun) }

// Add keeps an operation.
func (r *Recorder) Add(o Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.operations = append(r.operations, o)
}

// Mark notes that something happened just now.
func (r *Recorder) Mark(name, text string) {
	at := r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.marks = append(r.marks, Mark{at, name, text})
}

// History returns a copy of what was collected so far.
func (r *Recorder) History() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := History{Begun: r.begun, Operations: slices.Clone(r.operations), Marks: slices.Clone(r.marks)}
	slices.SortStableFunc(h.Operations, func(a, b Operation) int { return cmp.Compare(a.End, b.End) })
	return h
}

// Recent counts the outcomes of the operations that ended in the last while.
func (r *Recorder) Recent(while time.Duration) (ok, bad int) {
	since := r.Now() - while
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.operations) - 1; i >= 0 && r.operations[i].End >= since; i-- {
		if r.operations[i].Outcome == OK {
			ok++
		} else {
			bad++
		}
	}
	return ok, bad
}
