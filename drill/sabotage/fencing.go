package sabotage

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"haven/drill/target"
)

// unfencedFor is when the fault ends by itself, should nobody be left to end it.
const unfencedFor = 20 * time.Minute

// fencingOff has the database replace a lost writer without making sure that it is dead. No service of AWS can be set so: it is a
// fault of the lab.
func fencingOff(e *target.Environment) change {
	id := ""
	return change{
		make: func(ctx context.Context) (err error) {
			members := slices.Sorted(maps.Values(e.Outputs.Database.Members))
			if len(members) == 0 {
				return errors.New("the stack declares no member of its database")
			}
			id, err = e.Breaker.Break(ctx, target.Breakage{Kind: "database-unfenced", Target: members[0], For: unfencedFor})
			return err
		},
		restore: func(ctx context.Context) error {
			if id == "" {
				return nil
			}
			return e.Breaker.Heal(ctx, id)
		},
	}
}
