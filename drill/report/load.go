package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"haven/drill/history"
	"haven/drill/run"
)

// ErrNoRun says that there is no run to show.
var ErrNoRun = errors.New("no drills were run yet; type: haven drill run")

// Run is a saved run.
type Run struct {
	run.Report
	Folder string
}

// Load reads the run in a folder.
func Load(folder string) (Run, error) {
	raw, err := os.ReadFile(filepath.Join(folder, run.ReportFile))
	if errors.Is(err, os.ErrNotExist) {
		return Run{}, fmt.Errorf("%s has no %s: no drill was ended in it: %w", folder, run.ReportFile, ErrNoRun)
	}
	if err != nil {
		return Run{}, fmt.Errorf("reading a run: %w", err)
	}
	r := Run{Folder: folder}
	if err := json.Unmarshal(raw, &r.Report); err != nil {
		return Run{}, fmt.Errorf("reading the run in %s: %w", folder, err)
	}
	return r, nil
}

// Newest returns the folder of the newest run below a folder: the last by name, since runs are named after their begin, of those
// in which a drill was ended.
func Newest(below string) (string, error) {
	reports, err := filepath.Glob(filepath.Join(below, "*", run.ReportFile))
	if err != nil {
		return "", fmt.Errorf("looking for runs: %w", err)
	}
	if len(reports) == 0 {
		return "", fmt.Errorf("there is no run in %s: %w", below, ErrNoRun)
	}
	return filepath.Dir(slices.Max(reports)), nil
}

// History reads what a drill's client saw. It is empty, without an error, for a drill that was skipped.
func (r Run) History(result run.Result) (history.History, error) {
	if result.Verdict == run.Skipped {
		return history.History{}, nil
	}
	file, err := os.Open(filepath.Join(r.Folder, result.Evidence, run.HistoryFile))
	if err != nil {
		return history.History{}, fmt.Errorf("reading the history of %s: %w", result.Scenario, err)
	}
	defer file.Close()
	h, err := history.Read(file)
	if err != nil {
		return h, fmt.Errorf("%s: %w", result.Scenario, err)
	}
	return h, nil
}
