package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"haven/drill/run"
)

// Text writes a run as a table for terminals, with everything that was found below it.
func Text(w io.Writer, r run.Report) error {
	fmt.Fprintf(w, "%s, %s, seed %d\n\n", r.Target, r.Begun.Format("2006-01-02 15:04:05 MST"), r.Seed)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "DRILL\tPROVES\tVERDICT\tGAP\tBUDGET\tFAILED\tFULL STRENGTH\tTOOK")
	for _, one := range r.Results {
		gap, limit, errors, whole := "-", "-", "-", "-"
		if one.Verdict != run.Skipped {
			gap = fmt.Sprintf("%.2f s", one.Measured.Gap.Seconds())
			errors = fmt.Sprintf("%.2f %%", 100*one.Measured.ErrorShare)
		}
		if one.Budget != nil {
			limit = fmt.Sprintf("%.2f s", one.Budget.Total().Seconds())
		}
		if len(one.Measured.Whole) > 0 {
			whole = fmt.Sprintf("%.1f s", slices.Max(one.Measured.Whole).Seconds())
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", one.Scenario, strings.Join(one.Promises, " "), one.Verdict, gap, limit, errors, whole, one.Took.Round(time.Second))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	for _, one := range r.Results {
		writeFindings(w, one)
	}
	_, err := fmt.Fprintf(w, "\n%s\n", Summary(r))
	return err
}

// Summary is a run's end in a line.
func Summary(r run.Report) string {
	return fmt.Sprintf("%d passed, %d failed, %d proved nothing, %d skipped in %s", r.Count(run.Passed), r.Count(run.Failed), r.Count(run.Invalid), r.Count(run.Skipped), r.Took.Round(time.Second))
}

func writeFindings(w io.Writer, r run.Result) {
	if r.Verdict == run.Passed || r.Verdict == run.Skipped {
		return
	}
	fmt.Fprintf(w, "\n%s (%s)\n", r.Scenario, r.Verdict)
	if r.Reason != "" {
		fmt.Fprintf(w, "  %s\n", r.Reason)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "  %s [%s]: %s\n", f.Promise, strings.Join(f.Controls, " "), f.Text)
	}
}

// names are a map's keys, sorted.
func names(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
