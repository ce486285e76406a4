package report

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Files that Write puts beside a run's report.json.
const (
	PageFile  = "report.html"
	JUnitFile = "junit.xml"
)

// Write makes the page and JUnit's XML of the run in a folder, from what is there.
func Write(folder string) error {
	r, err := Load(folder)
	if err != nil {
		return err
	}
	return errors.Join(
		replace(filepath.Join(folder, JUnitFile), func(w io.Writer) error { return JUnit(w, r.Report) }),
		replace(filepath.Join(folder, PageFile), func(w io.Writer) error { return HTML(w, r) }),
	)
}

// replace writes a file, whole or not at all.
func replace(path string, write func(io.Writer) error) error {
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer os.Remove(draft.Name()) // it is not there any more when all went well
	if err := errors.Join(write(draft), draft.Chmod(0o644), draft.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.Rename(draft.Name(), path)
}
