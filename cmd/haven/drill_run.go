package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"haven/drill/report"
	"haven/drill/run"
	"haven/drill/scenario"
	"haven/drill/stack"
	"haven/drill/target"
	"haven/drill/undo"
)

type drillOptions struct {
	stack, folder string
	only          []string
	seed          uint64
	times         int
	plan          string // one of plans
	dry           bool
}

// When the plan is looked at.
const (
	planAtEnd     = "end"
	planAfterEach = "each"
	planNever     = "never"
)

var plans = []string{planAtEnd, planAfterEach, planNever}

// drills are those that the options choose. Their errors are of usage.
func (o drillOptions) drills() ([]scenario.Scenario, error) {
	chosen, err := scenario.Select(o.only...)
	if o.times < 0 {
		err = errors.Join(err, fmt.Errorf("--times is %d; it has to be 1 or more", o.times))
	}
	if !slices.Contains(plans, o.plan) {
		err = errors.Join(err, fmt.Errorf("--plan is %q; it has to be one of %v", o.plan, plans))
	}
	if err != nil {
		return nil, err
	}
	for i := range chosen {
		if o.times > 0 {
			chosen[i].Times = o.times
		}
	}
	switch {
	case o.plan == planAtEnd:
		return scenario.PlanAtEnd(chosen), nil
	case len(o.only) == 0:
		return scenario.WithoutPlan(chosen), nil
	}
	return chosen, nil // what was asked for by its name is not left out
}

func newDrillRun() *cobra.Command {
	var options drillOptions
	cmd := &cobra.Command{
		Use: "run", Short: "Run drills against an environment that is up", Args: cobra.NoArgs,
		Long: "Run drills against an environment that is up, one after the other, and judge them.\n\n" +
			"What a drill breaks it heals again, also when it is interrupted (Ctrl-C); what one that was killed has left behind, the next run heals first.\n\n" +
			"Exit codes: 0 all passed, 1 a drill could not be run, 2 wrongly called, 3 a promise was broken, 4 a drill proved nothing.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			chosen, err := options.drills()
			if err != nil {
				return usageError{err}
			}
			if !cmd.Flags().Changed("seed") {
				options.seed = rand.Uint64N(1 << 32)
			}
			if options.dry {
				return describeDryRun(cmd.OutOrStdout(), options, chosen)
			}
			return runDrills(cmd.Context(), options, chosen, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	addOnlyFlag(cmd, &options.only)
	cmd.Flags().StringVarP(&options.stack, "stack", "s", labStack, "stack to drill")
	cmd.Flags().Uint64Var(&options.seed, "seed", 0, "choose victims and moments as a run with this seed did (default: a new one)")
	cmd.Flags().IntVar(&options.times, "times", 0, "how often each fault is injected (default: as the drill says)")
	cmd.Flags().StringVar(&options.folder, "folder", "", "where the run's folder is made (default: .haven/drills in the project)")
	cmd.Flags().BoolVar(&options.dry, "dry-run", false, "tell what would be done, in which order and with which IAM actions, and touch nothing")
	cmd.Flags().StringVar(&options.plan, "plan", planAtEnd, "when to read every resource anew and look whether the plan is empty: at the end, after each drill (most of a minute for each), or never")
	return cmd
}

// runDrills runs the drills and writes their report, whichever way the run ended.
func runDrills(ctx context.Context, options drillOptions, chosen []scenario.Scenario, stdout, stderr io.Writer) error {
	suite, head, done, err := openSuite(ctx, options, chosen)
	if err != nil {
		return err
	}
	defer done()
	fmt.Fprintf(stderr, "%d drills, seed %d, evidence in %s\n", len(chosen), options.seed, suite.Folder)
	tells := newProgress(stderr, len(chosen))
	suite.Drill.Say, suite.Begins, suite.Ended = tells.say, tells.begins, func(r run.Result) { tells.ended(stdout, r, suite.Folder) }
	out, err := suite.Run(ctx, head)
	tells.close()
	if len(out.Results) > 0 {
		err = errors.Join(err, report.Write(suite.Folder))
		fmt.Fprintf(stdout, "%s\n%s\n", report.Summary(out), filepath.Join(suite.Folder, report.PageFile))
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	if code := verdictCode(out); code != nil {
		return code
	}
	if err != nil {
		return exitInvalid // it was interrupted
	}
	return nil
}

// openSuite opens the stack and a folder for the run. Head is the report's beginning; done closes what was opened.
func openSuite(ctx context.Context, options drillOptions, chosen []scenario.Scenario) (suite *run.Suite, head run.Report, done func(), err error) {
	root, err := projectRoot()
	if err != nil {
		return nil, head, nil, err
	}
	folder, calls, err := makeRunFolder(options.folder, root)
	if err != nil {
		return nil, head, nil, fmt.Errorf("making the run's folder: %w", err)
	}
	defer func() {
		if err != nil {
			calls.Close()
		}
	}()
	opening := stack.Options{Root: root, Stack: options.stack, Journal: target.NewJournal(calls)}
	environment, err := stack.Open(ctx, opening)
	if err != nil {
		return nil, head, nil, err
	}
	leftovers, err := undo.Open(filepath.Join(root, ".haven", undo.Name))
	if err != nil {
		return nil, head, nil, err
	}
	suite = &run.Suite{
		Drill:  &run.Drill{Environment: environment, Leftovers: leftovers, Plan: options.plan == planAfterEach},
		Folder: folder, Scenarios: chosen, Seed: options.seed, Journal: opening.Journal,
		Evidence: func(ctx context.Context, folder string, r run.Result) error {
			return stack.Evidence(ctx, opening, environment, folder, r.Begun, r.Victims)
		},
	}
	head = run.Report{Target: options.stack, Versions: stack.Versions(ctx, opening, environment), Machine: stack.Machine()}
	return suite, head, func() { calls.Close() }, nil
}

// makeRunFolder makes a folder that is named after now, with the journal of calls in it.
func makeRunFolder(below, root string) (folder string, calls *os.File, err error) {
	if below == "" {
		below = drillsFolder(root)
	}
	folder = filepath.Join(below, time.Now().UTC().Format("20060102T150405"))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", nil, err
	}
	calls, err = os.Create(filepath.Join(folder, run.JournalFile))
	return folder, calls, err
}

// printResult writes what became of a drill, with the folder that shows why when it did not pass; no folder: it is not told.
func printResult(w io.Writer, r run.Result, folder string) {
	fmt.Fprintf(w, "%-8s %-40s gap %6.2f s", r.Verdict, r.Scenario, r.Measured.Gap.Seconds())
	if r.Budget != nil {
		fmt.Fprintf(w, " of %6.2f s", r.Budget.Total().Seconds())
	}
	fmt.Fprintf(w, "  %d of %d requests failed  %s\n", r.Measured.Failures, r.Measured.Operations, r.Took.Round(time.Second))
	if r.Reason != "" {
		fmt.Fprintf(w, "         %s\n", r.Reason)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "         %s [%s]: %s\n", f.Promise, strings.Join(f.Controls, " "), f.Text)
	}
	if folder != "" && (r.Verdict == run.Failed || r.Verdict == run.Invalid) {
		fmt.Fprintf(w, "         evidence: %s\n", filepath.Join(folder, r.Evidence))
	}
}
