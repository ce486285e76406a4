package run

import (
	"time"

	"haven/drill/budget"
)

// Verdict is how a drill ended.
type Verdict string

// The verdicts.
const (
	Passed  Verdict = "passed"
	Failed  Verdict = "failed"  // a promise was broken
	Invalid Verdict = "invalid" // it proves nothing, either way
	Skipped Verdict = "skipped" // it can't be done in this environment
)

// Finding is a broken promise, or a reason for which a run proves nothing.
type Finding struct {
	Promise  string        `json:"promise"`            // what a violation breaks, in words
	Controls []string      `json:"controls,omitempty"` // ids of the controls that promise it
	Text     string        `json:"text"`
	At       time.Duration `json:"at,omitempty"` // on the client's clock
	// Environment says that it was seen in the environment (full strength, logs, alarms, the plan): a history does not show it again.
	Environment bool `json:"environment,omitempty"`
}

// Measured are the figures of one drill.
type Measured struct {
	Gap         time.Duration   `json:"gap"`            // the longest of all injections
	Gaps        []time.Duration `json:"gaps,omitempty"` // of each injection
	Operations  int             `json:"operations"`
	Failures    int             `json:"failures"`    // operations that did not end ok
	ErrorShare  float64         `json:"errorShare"`  // of what is judged, from the first fault until full strength, 0 to 1
	Whole       []time.Duration `json:"whole"`       // from each healing to full strength
	Median      time.Duration   `json:"median"`      // of looks
	Percentile  time.Duration   `json:"percentile"`  // the 99th, of looks
	Acknowledge int             `json:"acknowledge"` // writes that were acknowledged, all of them read back
}

// Result is one drill, judged.
type Result struct {
	Scenario string         `json:"scenario"`
	Does     string         `json:"does"`
	Promises []string       `json:"promises"` // ids of controls
	Seed     uint64         `json:"seed"`
	Begun    time.Time      `json:"begun"`
	Took     time.Duration  `json:"took"`
	Verdict  Verdict        `json:"verdict"`
	Reason   string         `json:"reason,omitempty"` // why it was skipped, or what went wrong
	Findings []Finding      `json:"findings,omitempty"`
	Budget   *budget.Budget `json:"budget,omitempty"`
	Errors   float64        `json:"errors"` // the most that Measured.ErrorShare may be, 0 to 1
	Measured Measured       `json:"measured"`
	Victims  []string       `json:"victims,omitempty"` // what each injection broke
	Evidence string         `json:"evidence"`          // folder of the history and more, relative to the run's
}

// Report is a whole run.
type Report struct {
	Begun    time.Time         `json:"begun"`
	Took     time.Duration     `json:"took"`
	Target   string            `json:"target"` // lab or aws
	Seed     uint64            `json:"seed"`
	Versions map[string]string `json:"versions"` // of what was drilled with, by name
	Machine  string            `json:"machine"`
	Results  []Result          `json:"results"`
	Actions  []string          `json:"actions"` // IAM actions that were called
}

// Count returns how many drills ended with a verdict.
func (r Report) Count(v Verdict) (n int) {
	for _, one := range r.Results {
		if one.Verdict == v {
			n++
		}
	}
	return n
}
