package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"haven/drill/check"
	"haven/drill/history"
	"haven/drill/scenario"
	"haven/drill/target"
	"haven/drill/undo"
)

// Files of a run's folder. Each drill has a folder of its own in it, named after the scenario.
const (
	ReportFile  = "report.json"
	ResultFile  = "result.json"
	HistoryFile = "history.jsonl"
	JournalFile = "calls.jsonl" // every call to AWS's API
	LedgerFile  = "ledger.html" // the ledger's history drawn, where its answers contradict each other
)

// Suite runs scenarios one after the other into a folder.
type Suite struct {
	Drill     *Drill
	Folder    string
	Scenarios []scenario.Scenario
	Seed      uint64
	Journal   *target.Journal // of the calls to AWS's API; nil: none is kept
	// Begins is told which drill begins, and that it is the number-th, from 1; nil: nobody listens.
	Begins func(number int, s scenario.Scenario)
	// Ended is told each drill's result; nil: nobody listens.
	Ended func(Result)
	// Evidence is asked to add to a drill's folder what shows why it did not pass; nil: nobody has more.
	Evidence func(ctx context.Context, folder string, r Result) error
}

// Heal puts back what a drill that was killed has left behind, before the environment is called broken.
func (s *Suite) Heal(ctx context.Context) error {
	return undo.All(ctx, s.Drill.Environment, s.Drill.Leftovers, func(text string) { s.Drill.say("left over by a drill that was killed: %s", text) })
}

// Run runs all scenarios and returns what came out. A context that ends stops it between or in drills; the report then tells of those
// that were done. The report is in the folder at any time, so that a run that is killed leaves what it knew.
func (s *Suite) Run(ctx context.Context, report Report) (Report, error) {
	report.Begun, report.Seed = time.Now(), s.Seed
	if err := s.Heal(ctx); err != nil {
		return report, err
	}
	for i, one := range s.Scenarios {
		if ctx.Err() != nil {
			break
		}
		if s.Begins != nil {
			s.Begins(i+1, one)
		}
		result, err := s.one(ctx, one)
		if err != nil {
			return report, err
		}
		report.Results = append(report.Results, result)
		report.Took = time.Since(report.Begun)
		if s.Journal != nil {
			report.Actions = s.Journal.Actions()
		}
		if err := writeJSON(filepath.Join(s.Folder, ReportFile), report); err != nil {
			return report, err
		}
	}
	return report, ctx.Err()
}

func (s *Suite) one(ctx context.Context, one scenario.Scenario) (Result, error) {
	before := s.counted()
	result, h := s.Drill.Run(ctx, one, s.Seed)
	account(&result, unlisted(calledBy(before, s.counted()), one))
	result.Evidence = strings.ReplaceAll(one.Name, "/", "-")
	folder := filepath.Join(s.Folder, result.Evidence)
	if err := keep(folder, result, h); err != nil {
		return result, fmt.Errorf("keeping the evidence of %s: %w", one.Name, err)
	}
	if s.Evidence != nil && (result.Verdict == Failed || result.Verdict == Invalid) {
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if err := s.Evidence(fresh, folder, result); err != nil {
			s.Drill.say("more evidence of %s could not be kept: %v", one.Name, err)
		}
	}
	if s.Ended != nil {
		s.Ended(result)
	}
	return result, nil
}

// keep writes a drill's folder.
func keep(folder string, result Result, h history.History) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if result.Verdict == Skipped {
		return writeJSON(filepath.Join(folder, ResultFile), result)
	}
	file, err := os.Create(filepath.Join(folder, HistoryFile))
	if err != nil {
		return err
	}
	if err := errors.Join(history.Write(file, h), file.Close()); err != nil {
		return err
	}
	if slices.ContainsFunc(result.Findings, func(f Finding) bool { return f.Promise == check.ErrNotLinear.Error() }) {
		if err := draw(filepath.Join(folder, LedgerFile), h); err != nil {
			return err
		}
	}
	return writeJSON(filepath.Join(folder, ResultFile), result)
}

// draw keeps a picture of a ledger that contradicts itself.
func draw(path string, h history.History) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(check.Visualize(file, h), file.Close())
}

// writeJSON replaces a file, whole or not at all.
func writeJSON(path string, value any) error {
	raw, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	draft := path + ".draft"
	if err := os.WriteFile(draft, append(raw, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(draft, path)
}
