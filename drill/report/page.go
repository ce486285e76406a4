package report

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"haven/drill/budget"
	"haven/drill/run"
)

// page is what the template shows: all figures are text already.
type page struct {
	Title    string
	Headline string
	Verdict  run.Verdict // the worst
	Counts   []count
	Facts    []fact // of the run
	Versions []fact
	Controls []control
	Drills   []drill
	Actions  []string
}

type count struct {
	Number int
	Name   string
	Class  run.Verdict
}

type fact struct{ Name, Value string }

// control is a promise, and the drills that were to prove it.
type control struct {
	ID      string
	Verdict run.Verdict // the worst of its drills
	Drills  []*drill
}

// drill is a section, and a row of the summary.
type drill struct {
	run.Result
	ID       string // of its section
	Part     int    // how much of the budget the gap was, in percent, at most 100
	Over     bool   // the gap was longer than its budget
	Gap      string
	Limit    string
	Share    string // of requests that failed
	Allowed  string // the most that may
	Whole    string
	Took     string
	Facts    []fact
	Terms    []term
	Findings []finding
	Plot     *Plot
	NoPlot   string // why there is none
}

type term struct {
	budget.Term
	Seconds string
}

type finding struct {
	run.Finding
	Moment string // on the client's clock; empty when none is meant
}

// words are what a reader is told of a verdict.
var words = map[run.Verdict]string{run.Passed: "passed", run.Failed: "broke a promise", run.Invalid: "proved nothing", run.Skipped: "skipped"}

// order is that of badness, the worst first.
var order = []run.Verdict{run.Failed, run.Invalid, run.Passed, run.Skipped}

// newPage computes all that a page shows. A history that can't be read leaves its plot away and says so.
func newPage(r Run) page {
	p := page{
		Title: "Failover drills, " + r.Begun.UTC().Format("2 January 2006 15:04 UTC"), Headline: headline(r.Report), Actions: r.Actions,
		Facts: []fact{
			{"Environment", r.Target}, {"Begun", r.Begun.UTC().Format("2006-01-02 15:04:05 UTC")}, {"Took", r.Took.Round(time.Second).String()}, {"Seed", fmt.Sprint(r.Seed)}, {"Machine", r.Machine},
		},
	}
	for _, name := range names(r.Versions) {
		p.Versions = append(p.Versions, fact{name, r.Versions[name]})
	}
	var verdicts []run.Verdict
	for _, v := range order {
		if n := r.Count(v); n > 0 {
			p.Counts = append(p.Counts, count{n, words[v], v})
			verdicts = append(verdicts, v)
		}
	}
	p.Verdict = worst(verdicts)
	for _, result := range r.Results {
		p.Drills = append(p.Drills, newDrill(r, result))
	}
	p.Controls = controls(p.Drills)
	return p
}

func headline(r run.Report) string {
	judged := len(r.Results) - r.Count(run.Skipped)
	switch {
	case judged == 0:
		return "No drill was judged"
	case r.Count(run.Failed) > 0:
		return fmt.Sprintf("%d of %d drills broke a promise", r.Count(run.Failed), judged)
	case r.Count(run.Invalid) > 0:
		return fmt.Sprintf("%d of %d drills proved nothing; none broke a promise", r.Count(run.Invalid), judged)
	case judged == 1:
		return "The drill kept its promises"
	}
	return fmt.Sprintf("All %d drills kept their promises", judged)
}

// worst is the worst of some verdicts; without any nothing was proved.
func worst(verdicts []run.Verdict) run.Verdict {
	for _, v := range order {
		if slices.Contains(verdicts, v) {
			return v
		}
	}
	return run.Invalid
}

func newDrill(r Run, result run.Result) drill {
	m := result.Measured
	d := drill{Result: result, ID: strings.ReplaceAll(result.Scenario, "/", "-"), Gap: "–", Limit: "–", Share: "–", Allowed: "–", Whole: "–", Took: result.Took.Round(time.Second).String()}
	for _, f := range result.Findings {
		moment := ""
		if f.At > 0 {
			moment = fmt.Sprintf("at %.2f s", f.At.Seconds())
		}
		d.Findings = append(d.Findings, finding{f, moment})
	}
	if result.Budget != nil {
		d.Limit = inSeconds(result.Budget.Total())
		for _, t := range result.Budget.Terms {
			d.Terms = append(d.Terms, term{t, inSeconds(t.Lasts)})
		}
		d.Over = m.Gap > result.Budget.Total()
		d.Part = 100
		if !d.Over && result.Budget.Total() > 0 {
			d.Part = int(100 * m.Gap / result.Budget.Total())
		}
	}
	if result.Verdict == run.Skipped {
		d.NoPlot = "It was skipped."
		return d
	}
	d.Gap, d.Share, d.Allowed = inSeconds(m.Gap), percent(m.ErrorShare), percent(result.Errors)
	if len(m.Whole) > 0 {
		d.Whole = inSeconds(slices.Max(m.Whole))
	}
	d.Facts = facts(result)
	h, err := r.History(result)
	if d.Plot = NewPlot(h); err != nil {
		d.Plot, d.NoPlot = nil, err.Error()
	} else if d.Plot == nil {
		d.NoPlot = "No request was recorded."
	} else {
		d.Plot.Open = result.Verdict != run.Passed
	}
	return d
}

func facts(r run.Result) []fact {
	m := r.Measured
	all := []fact{
		{"Requests", fmt.Sprintf("%d, of which %d did not succeed", m.Operations, m.Failures)},
		{"Writes acknowledged and read back", fmt.Sprint(m.Acknowledge)},
		{"Latency of reads", fmt.Sprintf("median %s, 99th percentile %s", m.Median.Round(100*time.Microsecond), m.Percentile.Round(100*time.Microsecond))},
	}
	if len(m.Gaps) > 1 {
		all = append(all, fact{"Longest gap of each injection", list(m.Gaps)})
	}
	if len(m.Whole) > 0 {
		all = append(all, fact{"From healing to full strength", list(m.Whole)})
	}
	if len(r.Victims) > 0 {
		all = append(all, fact{"What was broken", strings.Join(r.Victims, ", ")})
	}
	return append(all, fact{"Seed", fmt.Sprint(r.Seed)}, fact{"Evidence", path.Clean(r.Evidence) + "/"})
}

func list(all []time.Duration) string {
	var parts []string
	for _, d := range all {
		parts = append(parts, inSeconds(d))
	}
	return strings.Join(parts, ", ")
}

func percent(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// controls turns the drills around: what proves each promise.
func controls(drills []drill) (all []control) {
	byID := map[string][]*drill{}
	for i, d := range drills {
		for _, id := range d.Promises {
			byID[id] = append(byID[id], &drills[i])
		}
	}
	for id, of := range byID {
		var verdicts []run.Verdict
		for _, d := range of {
			verdicts = append(verdicts, d.Verdict)
		}
		all = append(all, control{id, worst(verdicts), of})
	}
	slices.SortFunc(all, func(a, b control) int { return strings.Compare(a.ID, b.ID) })
	return all
}
