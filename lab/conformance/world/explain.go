package world

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"haven/lab/daemon"
)

// explainLines is how many lines of the lab's log a failed test shows.
const explainLines = 60

// explain has a test that fails show what the lab logged while it ran.
func (w *World) explain(t testing.TB) {
	path := filepath.Join(w.Dir, daemon.LogFile)
	var begun int64
	if info, err := os.Stat(path); err == nil {
		begun = info.Size()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the lab's log meanwhile:\n%s", lastLines(path, begun))
		}
	})
}

// lastLines are the last lines of a file from a position on, or why there are none.
func lastLines(path string, from int64) []byte {
	file, err := os.Open(path)
	if err != nil {
		return []byte(err.Error())
	}
	defer file.Close()
	if _, err := file.Seek(from, io.SeekStart); err != nil {
		return []byte(err.Error())
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return []byte(err.Error())
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-explainLines):], nil)
}
