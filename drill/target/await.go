package target

import (
	"context"
	"fmt"
	"time"
)

const awaitEvery = 250 * time.Millisecond

// Await tries until it succeeds. Its error names what was waited for and tells the last failure.
func Await(ctx context.Context, what string, limit time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begun := time.Now()
	var last error
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil { // what fails because the time is over says nothing
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting %s for %s: %w", time.Since(begun).Round(time.Second), what, last)
		case <-time.After(awaitEvery):
		}
	}
}
