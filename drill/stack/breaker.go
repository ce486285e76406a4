package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"haven/drill/target"
)

// breaker breaks the lab by its own command.
type breaker struct{ commands }

func (b breaker) Break(ctx context.Context, what target.Breakage) (string, error) {
	arguments := []string{"lab", "fault", what.Kind, what.Target, "--output", "json"}
	if what.For > 0 {
		arguments = append(arguments, "--for", what.For.String())
	}
	for _, name := range slices.Sorted(maps.Keys(what.Parameters)) {
		arguments = append(arguments, "--"+name, what.Parameters[name])
	}
	raw, err := b.haven(ctx, arguments...)
	var made struct{ ID string }
	if len(raw) > 0 {
		if bad := json.Unmarshal(raw, &made); bad != nil && err == nil {
			err = bad
		}
	}
	if err != nil {
		return made.ID, fmt.Errorf("breaking %s (%s): %w", what.Target, what.Kind, err)
	}
	return made.ID, nil
}

func (b breaker) Heal(ctx context.Context, id string) error {
	left, err := b.InForce(ctx)
	if err != nil || !slices.Contains(left, id) {
		return err
	}
	_, err = b.haven(ctx, "lab", "fault", "heal", id)
	return err
}

func (b breaker) InForce(ctx context.Context) ([]string, error) {
	var all []struct{ ID string }
	if err := b.decode(ctx, &all, "lab", "fault", "list"); err != nil {
		return nil, err
	}
	ids := make([]string, len(all))
	for i, one := range all {
		ids[i] = one.ID
	}
	return ids, nil
}
