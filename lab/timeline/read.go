package timeline

import (
	"slices"
	"sort"
	"time"
)

// After returns the events after the one with the id, oldest first, at most so many of the newest. Missed tells that
// some in between are held no more.
func (r *Recorder) After(id int64, most int) (events []Event, missed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := sort.Search(len(r.held), func(i int) bool { return r.held[i].ID > id })
	missed = first == 0 && id != 0 && len(r.held) > 0 && r.held[0].ID != id
	if len(r.held)-first > most {
		first, missed = len(r.held)-most, true
	}
	return slices.Clone(r.held[first:]), missed
}

// Newest returns the newest events, oldest first.
func (r *Recorder) Newest(most int) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.held[max(0, len(r.held)-most):])
}

// Mentions tells whether something about the subject was added since then.
func (r *Recorder) Mentions(subject string, since time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	from := since.UnixMicro()
	for i := len(r.held) - 1; i >= 0 && r.held[i].ID >= from; i-- {
		if r.held[i].Subject == subject {
			return true
		}
	}
	return false
}

// Watch returns a channel that gets a token when events were added; tokens coalesce. Call stop when done.
func (r *Recorder) Watch() (wake <-chan struct{}, stop func()) {
	channel := make(chan struct{}, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watchers[channel] = struct{}{}
	return channel, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watchers, channel)
	}
}
