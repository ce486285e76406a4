package undo

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"haven/drill/scenario"
)

// Name is what the file is called, in the project's .haven.
const Name = "drill-leftovers.json"

// File keeps leftovers durably. It is for one process at a time.
type File struct {
	path string

	mu   sync.Mutex
	left []Item // in the order in which things were changed
}

// Item is one thing to put back.
type Item struct {
	Key string `json:"key"`
	scenario.Undoing
}

// Open reads the file, which need not exist. A file that can't be understood is an error: something may be broken still.
func Open(path string) (*File, error) {
	f := &File{path: path}
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return f, nil
	case err != nil:
		return nil, fmt.Errorf("reading what drills left behind: %w", err)
	}
	if err := json.Unmarshal(raw, &f.left); err != nil {
		return nil, fmt.Errorf("reading what drills left behind in %s: %w; put things back by hand (haven lab fault list), then delete the file", path, err)
	}
	return f, nil
}

// Remember keeps an undoing, durably, before it returns. The same key replaces what was kept under it.
func (f *File) Remember(key string, u scenario.Undoing) error {
	return f.change(func(left []Item) []Item { return append(without(left, key), Item{key, u}) })
}

// Done forgets an undoing.
func (f *File) Done(key string) error {
	return f.change(func(left []Item) []Item { return without(left, key) })
}

// Left returns what has to be put back, the last change first: what was changed on top of something goes before it.
func (f *File) Left() []Item {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := slices.Clone(f.left)
	slices.Reverse(left)
	return left
}

func without(left []Item, key string) []Item {
	return slices.DeleteFunc(left, func(i Item) bool { return i.Key == key })
}

func (f *File) change(do func([]Item) []Item) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := do(slices.Clone(f.left))
	if err := write(f.path, next); err != nil {
		return fmt.Errorf("remembering what to put back: %w", err)
	}
	f.left = next
	return nil
}

// write replaces the file, or removes it when nothing is left.
func write(path string, left []Item) error {
	if len(left) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	raw, err := json.MarshalIndent(left, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(next.Name()) // it is not there any more when all went well
	_, err = next.Write(raw)
	if err = errors.Join(err, next.Sync(), next.Close()); err != nil {
		return err
	}
	return os.Rename(next.Name(), path)
}
