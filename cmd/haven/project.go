package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// projectRoot finds the checkout that the working directory is in: the nearest folder upward with Pulumi.yaml.
func projectRoot() (string, error) {
	if root := os.Getenv("HAVEN_ROOT"); root != "" {
		return root, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the project: %w", err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "Pulumi.yaml")); err == nil {
			return at, nil
		} else if !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("finding the project: %w", err)
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("finding the project: neither %s nor a folder above it has a Pulumi.yaml; go into the project's folder, or set HAVEN_ROOT to it", dir)
		}
	}
}

// labDir is the folder of the lab's state.
func labDir() (string, error) {
	root, err := projectRoot()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, ".haven", "lab"), nil
}
