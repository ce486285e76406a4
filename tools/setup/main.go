// Command setup makes a machine ready for the project: system packages, the pinned toolchain (the Pulumi command
// line, its Go language host and the lab's AWS provider, compiled from the modules under tools), the project's own
// command, and .haven/env, which a shell sources to use them.
//
// What is compiled goes to the user's cache folder under a name made from everything that went into it, so that a
// second clone compiles nothing, and appears there whole or not at all. Setup can be stopped at any moment, run
// twice at once, and run again; it writes nothing into the user's own Pulumi home.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	root := flag.String("root", ".", "the project's folder")
	skip := flag.Bool("skip-packages", false, "do not look at the system's packages")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *root, *skip); err != nil {
		if errors.Is(err, context.Canceled) {
			err = errors.New("stopped; run it again to go on from here")
		}
		fmt.Fprintf(os.Stderr, "setup: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root string, skipPackages bool) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	cache, err := cacheFolder()
	if err != nil {
		return err
	}
	p := newProgress(os.Stderr)
	if !skipPackages {
		if err := ensurePackages(ctx, p); err != nil {
			return err
		}
	}
	h := home{root: root}
	if err := buildAll(ctx, h, cache, p); err != nil {
		return err
	}
	p.total(h)
	return nil
}

// cacheFolder is where compiled tools are kept for every clone of the project.
func cacheFolder() (string, error) {
	base := os.Getenv("XDG_CACHE_HOME")
	if base == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("finding the cache folder: %w; set XDG_CACHE_HOME", err)
		}
		base = filepath.Join(user, ".cache")
	}
	if !filepath.IsAbs(base) {
		return "", fmt.Errorf("XDG_CACHE_HOME is %q, which is not an absolute path", base)
	}
	return filepath.Join(base, "haven", "toolchain"), nil
}
