package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"haven/drill/report"
	"haven/drill/run"
	"haven/drill/scenario"
)

// formats are how a run can be shown.
var formats = map[string]func(io.Writer, report.Run) error{
	"text":  func(w io.Writer, r report.Run) error { return report.Text(w, r.Report) },
	"json":  func(w io.Writer, r report.Run) error { return printJSON(w, r.Report) },
	"junit": func(w io.Writer, r report.Run) error { return report.JUnit(w, r.Report) },
	"html":  report.HTML,
}

func newDrillReport() *cobra.Command {
	var output, to string
	cmd := &cobra.Command{
		Use: "report [RUN]", Short: "Show what a run of drills proved", Args: cobra.MaximumNArgs(1),
		Long: "Show what a run of drills proved. RUN is the run's folder, or its name below .haven/drills; without one it is the newest.\n\n" +
			"haven drill run itself leaves report.json, report.html and junit.xml in the run's folder.",
		RunE: func(cmd *cobra.Command, args []string) error {
			write, known := formats[output]
			if !known {
				return usageError{fmt.Errorf("--output %s: it is text, json, junit or html", output)}
			}
			r, err := openRun(args)
			if err != nil {
				return err
			}
			return writeTo(to, cmd.OutOrStdout(), func(w io.Writer) error { return write(w, r) })
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text, json, junit or html")
	cmd.Flags().StringVar(&to, "to", "", "file that is written (default: standard output)")
	return cmd
}

func newDrillRecheck() *cobra.Command {
	return &cobra.Command{
		Use: "recheck [RUN]", Short: "Judge a saved run again with today's checkers", Args: cobra.MaximumNArgs(1),
		Long: "Judge a saved run again: every drill's history, with today's checkers and scenarios. RUN is as for haven drill report.\n\n" +
			"What only the environment could tell (full strength, alarms, the plan) is taken over from the run.\n\n" +
			"Exit codes, of the new verdicts: 0 all passed, 1 the run could not be read, 2 wrongly called, 3 a promise was broken, 4 a drill proved nothing.",
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := openRun(args)
			if err != nil {
				return err
			}
			all := report.Recheck(r, scenario.Everything())
			if err := printRechecked(cmd.OutOrStdout(), all); err != nil {
				return err
			}
			now := run.Report{}
			for _, one := range all {
				now.Results = append(now.Results, one.Now)
			}
			return verdictCode(now)
		},
	}
}

// openRun reads the run that is named by a folder or by its name, or the newest.
func openRun(args []string) (report.Run, error) {
	root, err := projectRoot()
	if err != nil {
		return report.Run{}, err
	}
	below := drillsFolder(root)
	if len(args) == 0 {
		newest, err := report.Newest(below)
		if err != nil {
			return report.Run{}, err
		}
		return report.Load(newest)
	}
	folder := args[0]
	if _, err := os.Stat(folder); err != nil && !strings.ContainsRune(folder, filepath.Separator) {
		folder = filepath.Join(below, folder)
	}
	return report.Load(folder)
}

// drillsFolder is where runs are kept.
func drillsFolder(root string) string { return filepath.Join(root, ".haven", "drills") }

// writeTo writes to a file, or to a writer when none is named.
func writeTo(path string, otherwise io.Writer, write func(io.Writer) error) error {
	if path == "" {
		return write(otherwise)
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := write(file); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

func printRechecked(w io.Writer, all []report.Rechecked) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "DRILL\tWAS\tIS\t")
	for _, one := range all {
		said := ""
		if !one.Same() {
			said = "CHANGED"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", one.Was.Scenario, one.Was.Verdict, one.Now.Verdict, said)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, one := range all {
		if one.Now.Verdict == run.Passed || one.Now.Verdict == run.Skipped {
			continue
		}
		printResult(w, one.Now, "")
	}
	same := !slices.ContainsFunc(all, func(one report.Rechecked) bool { return !one.Same() })
	said := "All verdicts are as they were."
	if !same {
		said = "Not all verdicts are as they were."
	}
	_, err := fmt.Fprintln(w, said)
	return err
}

// verdictCode is the exit code of a run's verdicts.
func verdictCode(r run.Report) error {
	switch {
	case r.Count(run.Failed) > 0:
		return exitBroken
	case r.Count(run.Invalid) > 0:
		return exitInvalid
	}
	return nil
}
