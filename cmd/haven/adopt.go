package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"haven/cmd/haven/internal/adopt"
)

func newAdopt() *cobra.Command {
	stack := labStack
	cmd := &cobra.Command{
		Use:   "adopt",
		Short: "Take back what a killed pulumi had begun to create",
		Long: "Take back what a killed pulumi had begun to create: find it, give it to the stack's state, and refresh the state.\n" +
			"What cannot be looked up is named and forgotten. A stack whose last pulumi ended by itself is left as it is.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runAdopt(cmd.Context(), stack, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVarP(&stack, "stack", "s", stack, "stack to look at")
	return cmd
}

func runAdopt(ctx context.Context, stack string, stdout, stderr io.Writer) error {
	root, err := projectRoot()
	if err != nil {
		return err
	}
	raw, err := pulumi(ctx, root, nil, "stack", "export", "-s", stack)
	if err != nil {
		return err
	}
	export, err := adopt.Parse(raw)
	if err != nil {
		return err
	}
	if !export.Interrupted() {
		return nil
	}
	if err := complete(ctx, root, stack, export, stderr); err != nil {
		return err
	}
	told, err := pulumi(ctx, root, nil, "refresh", "-s", stack, "--yes", "--skip-preview")
	if err == nil {
		_, err = stdout.Write(told)
	}
	return err
}

// complete gives the stack's state the resources whose creation is pending there; none pending is nothing to do.
func complete(ctx context.Context, root, stack string, export *adopt.Export, stderr io.Writer) error {
	if len(export.Creates()) == 0 {
		return nil
	}
	config, _, err := reach(ctx, root, stack, export.Region())
	if err != nil {
		return err
	}
	found, err := adopt.Find(ctx, config, export, stderr)
	if err != nil {
		return err
	}
	export.Complete(found)
	edited, err := export.Encode()
	if err != nil {
		return fmt.Errorf("writing the state of stack %s: %w", stack, err)
	}
	_, err = pulumi(ctx, root, edited, "stack", "import", "-s", stack)
	return err
}

// pulumi runs the project's own Pulumi and returns what it printed.
func pulumi(ctx context.Context, root string, stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(root, "scripts", "pulumi"), args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.Output()
	if err == nil {
		return out, nil
	}
	told := strings.TrimSpace(string(out))
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		told = strings.TrimSpace(told + "\n" + string(exit.Stderr))
	}
	return nil, fmt.Errorf("running pulumi %s: %w: %s", strings.Join(args[:2], " "), err, told)
}
