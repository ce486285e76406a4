// Package history is what a drill's client saw, operation by operation, on one clock: its own.
//
// Times are durations since the client began, measured on its monotonic clock; no other machine's clock is ever mixed
// in. An operation ends ok, failed or unknown: a write that timed out may have happened, a read that did is just failed.
package history

import (
	"slices"
	"time"
)

// Kind is what a client did.
type Kind string

// The kinds of operations.
const (
	Look   Kind = "look"   // GET /whoami: any server's answer
	Append Kind = "append" // an entry for the ledger
	List   Kind = "list"   // the ledger, read consistently
	Put    Kind = "put"    // a file
	Get    Kind = "get"    // a file back
)

// Writes tells whether operations of the kind change something.
func (k Kind) Writes() bool { return k == Append || k == Put }

// Outcome is how an operation ended.
type Outcome string

// The outcomes.
const (
	OK      Outcome = "ok"
	Failed  Outcome = "failed"  // it did not happen
	Unknown Outcome = "unknown" // a write that may have happened
)

// Operation is one request of the client.
type Operation struct {
	Client  int           `json:"client"` // requests of one client never overlap
	Kind    Kind          `json:"kind"`
	Node    string        `json:"node,omitempty"` // zone of the balancer node that it went through
	Start   time.Duration `json:"start"`
	End     time.Duration `json:"end"`
	Outcome Outcome       `json:"outcome"`
	Status  int           `json:"status,omitempty"` // of HTTP; 0 without an answer
	Server  string        `json:"server,omitempty"` // the instance that answered
	Zone    string        `json:"zone,omitempty"`   // and its zone
	Error   string        `json:"error,omitempty"`

	Key      string  `json:"key,omitempty"`      // an append's idempotency key, or a file's name
	Digest   string  `json:"digest,omitempty"`   // a file's SHA-256, written or read
	Sequence int64   `json:"sequence,omitempty"` // the number that an append was given
	Entries  []Entry `json:"entries,omitempty"`  // what a list showed
}

// Entry is one entry of the ledger.
type Entry struct {
	Sequence int64  `json:"sequence"`
	Key      string `json:"key"`
}

// Mark is something that happened beside the client's requests, on the client's clock.
type Mark struct {
	At   time.Duration `json:"at"`
	Name string        `json:"name"` // one of the Mark constants, or anything that a reader wants to see
	Text string        `json:"text,omitempty"`
}

// Marks of a drill's course.
const (
	Injecting = "injecting" // from here on the fault may have its effect
	Active    = "active"    // its effect was observed
	Healing   = "healing"   // it is being undone
	Recovered = "recovered" // everything is at full strength again
)

// History is a whole run, its operations in the order of their ends.
type History struct {
	Begun      time.Time   `json:"begun"` // wall clock, for readers only
	Operations []Operation `json:"-"`     // a line each in the file, see Write
	Marks      []Mark      `json:"marks"`
}

// At returns when something was first marked.
func (h History) At(name string) (time.Duration, bool) {
	for _, mark := range h.Marks {
		if mark.Name == name {
			return mark.At, true
		}
	}
	return 0, false
}

// Of returns the operations of the kinds, all without any.
func (h History) Of(kinds ...Kind) (found []Operation) {
	for _, o := range h.Operations {
		if len(kinds) == 0 || slices.Contains(kinds, o.Kind) {
			found = append(found, o)
		}
	}
	return found
}

// Between returns the operations that began in [from, to).
func Between(operations []Operation, from, to time.Duration) (found []Operation) {
	for _, o := range operations {
		if o.Start >= from && o.Start < to {
			found = append(found, o)
		}
	}
	return found
}
