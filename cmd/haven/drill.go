package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"haven/drill/scenario"
)

// exitBroken is the exit code of a run in which a drill failed, exitInvalid of one in which none failed and one proved nothing.
const (
	exitBroken  = exitError(3)
	exitInvalid = exitError(4)
)

func newDrill() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drill",
		Short: "Break the environment on purpose and measure what its users notice",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDrillList(), newDrillRun(), newDrillReport(), newDrillRecheck(), newDrillPermissions())
	return cmd
}

func newDrillList() *cobra.Command {
	var only []string
	var output string
	cmd := &cobra.Command{
		Use: "list", Short: "List the drills and what they prove", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			if len(only) == 0 {
				only = []string{"failover", "regression"}
			}
			chosen, err := scenario.Select(only...)
			if err != nil {
				return usageError{err}
			}
			return listDrills(cmd.OutOrStdout(), output, chosen)
		},
	}
	addOutputFlag(cmd, &output)
	addOnlyFlag(cmd, &only)
	return cmd
}

func addOnlyFlag(cmd *cobra.Command, only *[]string) {
	cmd.Flags().StringSliceVar(only, "only", nil, "only these: names, tiers such as failover/web, or patterns such as 'failover/*/kill'")
}

// drillEntry is one drill in the list, for scripts.
type drillEntry struct {
	Name     string   `json:"name"`
	Does     string   `json:"does"`
	Promises []string `json:"promises"`
	LabOnly  string   `json:"labOnly,omitempty"`
	Needs    []string `json:"needs,omitempty"`
}

func listDrills(w io.Writer, output string, chosen []scenario.Scenario) error {
	var entries []drillEntry
	for _, s := range chosen {
		entries = append(entries, drillEntry{s.Name, s.Does, s.Promises, s.LabOnly, s.Needs})
	}
	if output == "json" {
		return printJSON(w, entries)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "DRILL\tPROVES\tWHERE\tWHAT HAPPENS")
	for _, e := range entries {
		where := "lab, AWS"
		if e.LabOnly != "" {
			where = "lab"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", e.Name, strings.Join(e.Promises, " "), where, e.Does)
	}
	return table.Flush()
}
