package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"haven/drill/rights"
	"haven/drill/scenario"
)

// describeDryRun tells what a run would do, in its order. It needs neither a lab nor credentials.
func describeDryRun(w io.Writer, options drillOptions, chosen []scenario.Scenario) error {
	onAWS := options.stack != labStack
	done := 0
	for i, s := range chosen {
		if onAWS && s.LabOnly != "" {
			fmt.Fprintf(w, "%2d. %s: would be skipped: %s\n", i+1, s.Name, s.LabOnly)
			continue
		}
		done++
		fmt.Fprintf(w, "%2d. %s (%s)\n    %s.\n", i+1, s.Name, strings.Join(s.Promises, " "), s.Does)
		for _, line := range course(s) {
			fmt.Fprintf(w, "    - %s\n", line)
		}
		if len(s.Needs) > 0 {
			needs := slices.Compact(slices.Sorted(slices.Values(s.Needs)))
			fmt.Fprintf(w, "    calls %s\n", strings.Join(needs, ", "))
		}
	}
	always := slices.Compact(slices.Sorted(slices.Values(rights.Always())))
	_, err := fmt.Fprintf(w, "\nEach of them, and the run itself, calls %s.\n%d drills would be run against stack %s. Nothing was touched.\n", strings.Join(always, ", "), done, options.stack)
	return err
}

// course are the steps of a drill, in words.
func course(s scenario.Scenario) []string {
	times := "once"
	if s.Times > 1 {
		times = fmt.Sprintf("%d times, at random moments", s.Times)
	}
	hold := "until it has healed by itself"
	if s.Hold > 0 {
		hold = "for " + s.Hold.String() + ", then heal it"
	}
	steps := []string{"wait for full strength, begin load, and see that it is steady", "break it " + times + ", and hold it " + hold}
	steps = append(steps, fmt.Sprintf("wait for full strength, %s at most", s.Whole.Round(time.Second)))
	if s.Budget != "" {
		steps = append(steps, fmt.Sprintf("judge: no gap longer than the budget of %s, at most %.0f %% failed requests, nothing lost", s.Budget, 100*s.Errors))
	} else {
		steps = append(steps, fmt.Sprintf("judge: at most %.0f %% failed requests, nothing lost", 100*s.Errors))
	}
	return append(steps, "see that nothing is left behind")
}
