package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// state is what of a cluster must outlive a kill.
type state struct {
	Initialized  bool
	Writer       string   // the only member that may run as a writer
	Synchronous  []string // every acknowledged commit is in at least one of them; empty: in the writer alone
	Rejoin       []string // members whose data may have left the writer's history
	Built        []string // members whose data directory is complete
	FailoverDone int64
}

func (s state) clone() state {
	s.Synchronous = slices.Clone(s.Synchronous)
	s.Rejoin = slices.Clone(s.Rejoin)
	s.Built = slices.Clone(s.Built)
	return s
}

func with(list []string, id string) []string {
	if slices.Contains(list, id) {
		return list
	}
	return append(slices.Clone(list), id)
}

func without(list []string, id string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == id })
}

func readState(dir string) (state, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, nil
	}
	if err != nil {
		return state{}, fmt.Errorf("reading the cluster's state: %w", err)
	}
	var s state
	if err := json.Unmarshal(raw, &s); err != nil {
		return state{}, fmt.Errorf("reading the cluster's state in %s: %w", dir, err)
	}
	return s, nil
}

// writeState replaces the state file so that, whenever it is cut short, the old or the new one is there whole.
func writeState(dir string, s state) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := replaceFile(filepath.Join(dir, "state.json"), raw, 0o600); err != nil {
		return fmt.Errorf("recording the cluster's state: %w", err)
	}
	return nil
}

func replaceFile(path string, content []byte, mode fs.FileMode) error {
	next := path + ".next"
	file, err := os.OpenFile(next, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
