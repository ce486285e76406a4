// Command generate writes the lab's API models: see package model. Type: go generate ./lab/model
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"haven/lab/model/trim"
)

func main() {
	services := flag.String("services", "../services", "folder with a package of handlers for each service")
	out := flag.String("out", ".", "folder to write <service>.json into")
	flag.Parse()
	if err := run(*services, *out); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(services, out string) error {
	source, err := trim.Source()
	if err != nil {
		return err
	}
	files, err := trim.All(source, services)
	if err != nil {
		return err
	}
	if err := clear(out, files); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(out, name), content, 0o644); err != nil {
			return fmt.Errorf("writing a model: %w", err)
		}
	}
	return nil
}

// clear removes the models of services that are no longer there.
func clear(out string, files map[string][]byte) error {
	old, err := filepath.Glob(filepath.Join(out, "*.json"))
	if err != nil {
		return fmt.Errorf("listing the models: %w", err)
	}
	for _, path := range old {
		if _, kept := files[filepath.Base(path)]; kept {
			continue
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("removing a model: %w", err)
		}
	}
	return nil
}
