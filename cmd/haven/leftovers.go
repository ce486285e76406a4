package main

import (
	"fmt"
	"io"
	"path/filepath"

	"haven/drill/undo"
)

// printLeftovers tells what a drill that was killed has not put back, and how to put it back. The lab's folder is beside the file that
// remembers it. A drill that runs right now has its own changes in it, too.
func printLeftovers(w io.Writer, labFolder string) error {
	file, err := undo.Open(filepath.Join(filepath.Dir(labFolder), undo.Name))
	if err != nil {
		return err
	}
	left := file.Left()
	for _, item := range left {
		fmt.Fprintf(w, "A drill has not put back: %s of %s.\n", item.Kind, item.Target)
	}
	if len(left) > 0 {
		fmt.Fprintln(w, "Unless a drill is running, type: haven drill run; it puts back what one that was killed has left before it begins.")
	}
	return nil
}
