package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
)

// buildHaven builds the project's own command into .haven/bin, as tests and the user's own builds are: what they have
// compiled is not compiled again. Go's build cache knows by itself when there is nothing to do.
func buildHaven(ctx context.Context, h home, p *progress) error {
	var compiled atomic.Int64
	status := func() string { return fmt.Sprintf(" (%d packages)", compiled.Load()) }
	err := p.step("haven: compiling", status, func() error {
		return goBuild(ctx, h.root, os.Environ(), &compiled, "-mod=readonly", "-buildvcs=false", "-o", filepath.Join(h.bin(), "haven"), "./cmd/haven")
	})
	if err != nil {
		return fmt.Errorf("building haven: %w", err)
	}
	return nil
}

// compileProgram compiles the packages of the Pulumi program as the language host will, in its environment, so that the
// first command that runs it does not appear to hang. Asking for export data compiles, and does not link.
func compileProgram(ctx context.Context, h home, p *progress) error {
	err := p.step("Pulumi program: compiling", silent, func() error {
		c := goCommand(ctx, h.root, "list", "-export", "-deps", "-f", "{{.Name}}", "./infra")
		c.Env = append(os.Environ(), compilerEnvironment(availableMemory())...)
		var said bytes.Buffer
		c.Stderr = &said
		if err := runOnOneThread(c); err != nil {
			return commandError(ctx, err, said.String())
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("compiling the Pulumi program: %w", err)
	}
	return nil
}
