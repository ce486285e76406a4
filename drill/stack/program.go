package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"haven/drill/target"
)

// program is the stack's Pulumi program.
type program struct {
	commands
	stack string
}

// expectedChanges is Pulumi's exit code of a preview with --expect-no-changes that has some: ExitNoChanges of its cmdutil.
const expectedChanges = 7

func (p program) ExpectNoChanges(ctx context.Context, refresh bool) error {
	arguments := []string{"preview", "-s", p.stack, "--expect-no-changes", "--non-interactive", "--diff"}
	if refresh {
		arguments = append(arguments, "--refresh")
	}
	_, err := p.pulumi(ctx, arguments...)
	var failed *failure
	if errors.As(err, &failed) && failed.code == expectedChanges {
		return fmt.Errorf("%w: %w", target.ErrChanges, err)
	}
	return err
}

func (p program) Up(ctx context.Context, settings map[string]string) error {
	arguments := []string{"up", "-s", p.stack, "--yes", "--skip-preview", "--non-interactive"}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		arguments = append(arguments, "-c", name+"="+settings[name])
	}
	_, err := p.pulumi(ctx, arguments...)
	return err
}
