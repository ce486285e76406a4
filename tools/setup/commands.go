package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
)

// buildCommands builds the project's own command into .haven/bin. Go's build cache knows by itself when there is
// nothing to do.
func buildCommands(ctx context.Context, h home, p *progress) error {
	var compiled atomic.Int64
	status := func() string { return fmt.Sprintf(" (%d packages)", compiled.Load()) }
	err := p.step("haven: compiling", status, func() error {
		target := filepath.Join(h.bin(), "haven")
		return goBuild(ctx, h.root, &compiled, append(append([]string{}, buildFlags...), "-o", target, "./cmd/haven")...)
	})
	if err != nil {
		return fmt.Errorf("building haven: %w", err)
	}
	return nil
}
