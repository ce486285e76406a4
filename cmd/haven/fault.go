package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"haven/lab/control"
	"haven/lab/faults"
)

const (
	faultWait = 20 * time.Second // until a fault should be in force, or healed
	faultTick = 100 * time.Millisecond
)

// exitNotActive is the exit code when a fault is set but was not observed to be in force.
const exitNotActive = exitError(3)

// parameterHelp describes the flags that faults have besides the common ones.
var parameterHelp = map[string]string{
	faults.ParameterDirection: "in, out or both: the way that is lost, as the target sees it (default both)",
	faults.ParameterRate:      "how fast it still is, each way, such as 256kbit or 2mbit (required)",
	faults.ParameterProcess:   "only the processes of this name, with their children",
}

func newLabFault() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fault",
		Short: "Break things in the lab that AWS has no call to break, and heal them",
		Long: "Break things in the lab that AWS has no call to break, and heal them.\n\n" +
			"A fault holds until it is healed or its --for is over, also when this command or the lab is killed. Each fault takes away\n" +
			"its own effect only, however many overlap. What AWS can break by itself, an experiment of its Fault Injection Service does.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 there is no such target or flag, 3 set but not seen to be in force in time.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("there is no fault %q; type: haven lab fault --help", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newFaultList(), newFaultHeal())
	for _, about := range faults.Kinds() {
		cmd.AddCommand(newFaultKind(about))
	}
	return cmd
}

type faultOptions struct {
	output     string
	wait       time.Duration
	lasting    time.Duration
	parameters map[string]*string
}

func newFaultKind(about faults.Description) *cobra.Command {
	options := faultOptions{parameters: map[string]*string{}}
	cmd := &cobra.Command{
		Use: string(about.Kind) + " TARGET", Short: about.Short,
		Long: about.Short + ".\n" + about.Sees + "\n\nTARGET is " + about.Target + ".",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("one target is needed: %s; type: haven lab fault %s --help", about.Target, about.Kind)}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(options.output); err != nil {
				return err
			}
			return runBreak(cmd, options, faults.Request{Kind: about.Kind, Target: args[0], For: options.lasting, Parameters: options.given()})
		},
	}
	addOutputFlag(cmd, &options.output)
	cmd.Flags().DurationVar(&options.lasting, "for", 0, "heal by itself after so long, such as 30s")
	cmd.Flags().DurationVar(&options.wait, "wait", faultWait, "how long to wait until it is seen to be in force; 0: do not look")
	for _, name := range about.Parameters {
		options.parameters[name] = cmd.Flags().String(name, "", parameterHelp[name])
	}
	return cmd
}

func (o faultOptions) given() map[string]string {
	given := map[string]string{}
	for name, value := range o.parameters {
		if *value != "" {
			given[name] = *value
		}
	}
	return given
}

func runBreak(cmd *cobra.Command, options faultOptions, request faults.Request) error {
	client, err := labClient()
	if err != nil {
		return err
	}
	made, err := client.Break(cmd.Context(), request)
	if err != nil {
		return asUsage(err)
	}
	status, err := waitActive(cmd.Context(), client, made, options.wait)
	if err != nil {
		return fmt.Errorf("looking at %s, which is set: %w; to end it, type: haven lab fault heal %s", made.ID, err, made.ID)
	}
	if options.output == "json" {
		err = printJSON(cmd.OutOrStdout(), status)
	} else {
		printBroken(cmd.OutOrStdout(), cmd.ErrOrStderr(), status)
	}
	if err == nil && !status.Active && options.wait > 0 {
		return exitNotActive
	}
	return err
}

// waitActive looks at a fault until all of its effects were observed or the wait is over.
func waitActive(ctx context.Context, client *control.Client, made faults.Fault, wait time.Duration) (faults.Status, error) {
	for begun := time.Now(); ; {
		all, err := client.Faults(ctx)
		if err != nil {
			return faults.Status{}, err
		}
		i := slices.IndexFunc(all, func(status faults.Status) bool { return status.ID == made.ID })
		if i < 0 {
			return faults.Status{}, errors.New("it has been healed meanwhile")
		}
		if all[i].Active || time.Since(begun) >= wait {
			return all[i], nil
		}
		select {
		case <-ctx.Done():
			return faults.Status{}, ctx.Err()
		case <-time.After(faultTick):
		}
	}
}

func printBroken(stdout, stderr io.Writer, status faults.Status) {
	fmt.Fprintln(stdout, status.ID)
	if status.Active {
		fmt.Fprintf(stderr, "In force: %s.%s To heal it, type: haven lab fault heal %s\n", status.Fault, until(status.Fault), status.ID)
		return
	}
	fmt.Fprintf(stderr, "Set, but not seen to be in force: %s.\n", status.Fault)
	for _, seen := range status.Seen {
		if !seen.Holds {
			fmt.Fprintf(stderr, "  %s: %s\n", seen.What, seen.Detail)
		}
	}
	if len(status.Seen) == 0 {
		fmt.Fprintln(stderr, "  There is nothing there that it could have an effect on yet.")
	}
}

func until(f faults.Fault) string {
	if f.Until.IsZero() {
		return ""
	}
	return " It heals by itself at " + f.Until.Local().Format(time.TimeOnly) + "."
}

func newFaultList() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "list", Short: "List the faults, and whether they are seen to be in force", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			client, err := labClient()
			if err != nil {
				return err
			}
			all, err := client.Faults(cmd.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return printJSON(cmd.OutOrStdout(), all)
			}
			return printFaults(cmd.OutOrStdout(), all)
		},
	}
	addOutputFlag(cmd, &output)
	return cmd
}

func printFaults(w io.Writer, all []faults.Status) error {
	if len(all) == 0 {
		fmt.Fprintln(w, "Nothing is broken.")
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tKIND\tTARGET\tHOW\tSINCE\tUNTIL\tSEEN")
	for _, status := range all {
		var how []string
		for _, name := range slices.Sorted(maps.Keys(status.Parameters)) {
			how = append(how, name+"="+status.Parameters[name])
		}
		end, seen := "healed", "in force"
		if !status.Until.IsZero() {
			end = status.Until.Local().Format(time.TimeOnly)
		}
		if !status.Active {
			seen = "not in force: " + missing(status)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", status.ID, status.Kind, status.Target, strings.Join(how, " "), status.Since.Local().Format(time.TimeOnly), end, seen)
	}
	return table.Flush()
}

func missing(status faults.Status) string {
	for _, seen := range status.Seen {
		if !seen.Holds {
			return seen.What
		}
	}
	return "nothing to break"
}

func newFaultHeal() *cobra.Command {
	var output string
	var all bool
	cmd := &cobra.Command{
		Use: "heal ID… | --all", Short: "Heal faults: each takes away its own effect only",
		Args: func(_ *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return usageError{errors.New("name the faults to heal, or say --all; type: haven lab fault list")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, ids []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			client, err := labClient()
			if err != nil {
				return err
			}
			healed, err := client.Heal(cmd.Context(), ids...)
			if err != nil {
				return asUsage(err)
			}
			if output == "json" {
				return printJSON(cmd.OutOrStdout(), healed)
			}
			for _, f := range healed {
				fmt.Fprintf(cmd.ErrOrStderr(), "Healed: %s (%s).\n", f.ID, f)
			}
			if len(healed) == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "Nothing was broken.")
			}
			return nil
		},
	}
	addOutputFlag(cmd, &output)
	cmd.Flags().BoolVar(&all, "all", false, "heal every fault")
	return cmd
}

func labClient() (*control.Client, error) {
	dir, err := labDir()
	if err != nil {
		return nil, err
	}
	return control.NewClient(dir), nil
}

// asUsage makes a refusal of the lab one of a wrongly written command line.
func asUsage(err error) error {
	var refused control.RefusedError
	if errors.As(err, &refused) {
		return usageError{err}
	}
	return err
}
