// Package check judges histories. Every checker is a pure function of what was recorded, and has a history in its tests
// on which it must fail.
package check

import (
	"errors"
	"fmt"
	"time"

	"haven/drill/history"
)

// The promises, as errors: what a violation breaks. A violation wraps one of them.
var (
	ErrLostAppend     = errors.New("an acknowledged ledger entry was lost")
	ErrLostFile       = errors.New("an acknowledged file was lost or torn")
	ErrTwoWriters     = errors.New("two database servers accepted writes at once")
	ErrPhantom        = errors.New("the ledger holds an entry that nobody wrote")
	ErrEjectedTraffic = errors.New("a server that was out of service still got traffic")
	ErrNotServing     = errors.New("a server that was in service answered nothing")
	ErrOverload       = errors.New("the servers that were left did not carry the load that the stack states")
	ErrReplaced       = errors.New("a server was replaced, or added, for what replacing does not heal")
	ErrNotEjected     = errors.New("a server that can't serve was not taken out of service")
	ErrGap            = errors.New("the service was away for longer than its budget")
	ErrErrorShare     = errors.New("more requests failed than the budget allows")
	ErrNotLinear      = errors.New("the ledger's answers contradict each other")
	ErrNotRecovered   = errors.New("the environment was not back at full strength in its time")
	ErrEjected        = errors.New("a server that could serve was taken out of service")
	ErrStays          = errors.New("a server stayed in a zone that its group no longer uses")
	ErrAlarm          = errors.New("a declared alarm was not raised or not delivered in its time")
	ErrForbidden      = errors.New("forbidden traffic got through")
	ErrNotLogged      = errors.New("dropped traffic was not logged in its time")
	ErrUnprotected    = errors.New("what must not be deleted by mistake could be")
	ErrDrift          = errors.New("the fault changed the plan: the preview is not empty")
	ErrUnlisted       = errors.New("the drill called an action that it does not list among its needs")
	ErrLeftover       = errors.New("the drill left something behind")
)

// ErrUnwell says that a drill could not begin: something that is promised was broken already.
var ErrUnwell = errors.New("the environment was not at full strength to begin with")

// ErrUnreliable says that a run proves nothing, either way.
var ErrUnreliable = errors.New("the run is not reliable, so it proves nothing")

// Finding is a broken promise, where and when.
type Finding struct {
	Promise error
	At      time.Duration // on the client's clock; 0 when no one moment is meant
	Text    string
}

// Error tells the promise and what broke it.
func (f Finding) Error() string { return fmt.Sprintf("%v: %s", f.Promise, f.Text) }

// Unwrap returns the promise.
func (f Finding) Unwrap() error { return f.Promise }

func finding(promise error, at time.Duration, format string, args ...any) Finding {
	return Finding{promise, at, fmt.Sprintf(format, args...)}
}

// mostNamed bounds how many findings of one kind are told one by one.
const mostNamed = 5

// few keeps the first findings and counts the rest.
func few(found []Finding) []Finding {
	if len(found) <= mostNamed {
		return found
	}
	last := found[mostNamed-1]
	last.Text = fmt.Sprintf("%s (and %d more)", last.Text, len(found)-mostNamed)
	return append(found[:mostNamed-1:mostNamed-1], last)
}

// succeeded returns the operations of a kind that ended ok.
func succeeded(h history.History, kind history.Kind) (found []history.Operation) {
	for _, o := range h.Of(kind) {
		if o.Outcome == history.OK {
			found = append(found, o)
		}
	}
	return found
}
