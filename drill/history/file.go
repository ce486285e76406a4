package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maximumLine bounds one operation in a file: a list shows thousands of entries.
const maximumLine = 16 << 20

// Write writes a history as lines of JSON: the head with its marks, then an operation a line.
func Write(w io.Writer, h History) error {
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	if err := encoder.Encode(h); err != nil {
		return fmt.Errorf("writing a history: %w", err)
	}
	for _, o := range h.Operations {
		if err := encoder.Encode(o); err != nil {
			return fmt.Errorf("writing a history: %w", err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("writing a history: %w", err)
	}
	return nil
}

// Read reads what Write wrote. A history that is cut off or damaged is an error that names the line: half a history
// could prove anything.
func Read(r io.Reader) (h History, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maximumLine)
	if !lines.Scan() {
		return h, errors.Join(errors.New("reading a history: it is empty"), lines.Err())
	}
	if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
		return h, fmt.Errorf("reading a history: line 1: %w", err)
	}
	for number := 2; lines.Scan(); number++ {
		var o Operation
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return h, fmt.Errorf("reading a history: line %d: %w", number, err)
		}
		h.Operations = append(h.Operations, o)
	}
	if err := lines.Err(); err != nil {
		return h, fmt.Errorf("reading a history: %w", err)
	}
	return h, nil
}
