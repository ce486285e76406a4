// Command haven is Haven's command line: the lab, and what its environment looks like.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"haven/lab/realm/machine"
	"haven/lab/realm/mirror"
)

func main() {
	mirror.Dispatch()  // and mount.efs in them is it, too
	machine.Dispatch() // machines of the lab run this very program as their init
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs one command line and returns its exit code: 0 done, 1 failed, 2 wrongly called, or the code that the
// command asked for.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var exit exitError
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "haven: %v\n", err)
		return 2
	default:
		fmt.Fprintf(stderr, "haven: %v\n", err)
		return 1
	}
}

// exitError ends the program with a code; whatever there was to say has been said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// usageError is a wrongly written command line.
type usageError struct{ error }

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:           "haven",
		Short:         "Provision a highly available environment, and prove it by breaking it",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; type: %s --help", err, cmd.CommandPath())}
	})
	root.AddCommand(newLab(), newStatus(), newAdopt(), newDrill())
	return root
}
