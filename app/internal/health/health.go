// Package health judges whether this server should get traffic. Checks run when asked for, at most about once a second
// however many balancers ask, each with a timeout.
//
// A check may have a grace time: when it had passed before and has failed for less than that, the server is ready but
// degraded. The database's members and the shared files have one, because a failover of the database, or slow storage, is every server's
// problem at once: taking them all out, or replacing them, would turn seconds without writes into minutes without anything.
package health

import (
	"context"
	"sync"
	"time"
)

// Check is one thing that readiness depends on.
type Check struct {
	Name  string
	Grace time.Duration
	Run   func(context.Context) error
	// Answered tells when the check last passed, even when nobody waited for it any more; nil: it can't. What passes late is slow: its
	// grace begins anew each time.
	Answered func() time.Time
}

// Result is a check's verdict.
type Result struct {
	Name  string `json:"name"`
	State string `json:"state"` // "ok", "degraded" or "failed"
	// Error is why, and Since from when on.
	Error  string     `json:"error,omitempty"`
	Since  *time.Time `json:"since,omitempty"`
	Millis int64      `json:"milliseconds"`

	begun time.Time
}

// Report is the verdict on the whole server.
type Report struct {
	Ready    bool     `json:"ready"`
	Degraded bool     `json:"degraded"`
	Draining bool     `json:"draining"`
	Checks   []Result `json:"checks"`
}

const (
	freshFor = time.Second
	timeout  = 2 * time.Second // below the balancer's own of 3 s, so that it gets an answer with the reason
)

// Judge runs checks and remembers their verdicts for a second. It is safe for concurrent use.
type Judge struct {
	checks []Check

	mu       sync.Mutex // held while the checks run: who asks meanwhile waits for the same verdict
	judged   time.Time
	last     Report
	failing  map[string]time.Time
	passed   map[string]bool
	draining bool
	flag     sync.RWMutex
}

// NewJudge returns a judge over checks.
func NewJudge(checks ...Check) *Judge {
	return &Judge{checks: checks, failing: map[string]time.Time{}, passed: map[string]bool{}}
}

// Drain makes every report from now on say that the server is not ready.
func (j *Judge) Drain() {
	j.flag.Lock()
	defer j.flag.Unlock()
	j.draining = true
}

// Draining tells whether Drain was called.
func (j *Judge) Draining() bool {
	j.flag.RLock()
	defer j.flag.RUnlock()
	return j.draining
}

// Report returns the verdict, at most a second old. The caller's context does not end the checks: others wait for them.
func (j *Judge) Report() Report {
	if j.Draining() { // no checks: their answer would not matter
		return Report{Draining: true, Checks: []Result{}}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if time.Since(j.judged) < freshFor {
		return j.last
	}
	results := make([]Result, len(j.checks))
	var group sync.WaitGroup
	for i, check := range j.checks {
		group.Go(func() { results[i] = run(check) })
	}
	group.Wait()
	j.last, j.judged = j.verdict(results), time.Now()
	return j.last
}

func run(check Check) Result {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	begun := time.Now()
	err := check.Run(ctx)
	result := Result{Name: check.Name, State: "ok", Millis: time.Since(begun).Milliseconds(), begun: begun}
	if err != nil {
		result.State, result.Error = "failed", err.Error()
	}
	return result
}

func (j *Judge) verdict(results []Result) Report {
	report := Report{Ready: true, Checks: results}
	for i := range results {
		r := &results[i]
		if r.Error == "" {
			delete(j.failing, r.Name)
			j.passed[r.Name] = true
			continue
		}
		since, ok := j.failing[r.Name]
		if !ok {
			since = r.begun // not its end: a check that hangs has failed all the while
			j.failing[r.Name] = since
		}
		if answered := j.checks[i].Answered; answered != nil {
			if last := answered(); last.After(since) {
				since = last
				j.failing[r.Name], j.passed[r.Name] = last, true
			}
		}
		r.Since = &since
		report.Degraded = true
		if j.passed[r.Name] && time.Since(since) < j.checks[i].Grace {
			r.State = "degraded"
		} else {
			report.Ready = false
		}
	}
	return report
}
