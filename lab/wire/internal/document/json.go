package document

import (
	"bytes"
	"encoding/json"
	"io"

	"haven/lab/wire/internal/fault"
)

// ParseJSON reads a body that must be one JSON object; an empty body is an empty object.
func ParseJSON(body []byte) (map[string]any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return map[string]any{}, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var tree map[string]any
	if err := decoder.Decode(&tree); err != nil {
		return nil, fault.Newf(fault.Malformed, "The body is not a JSON object: %v.", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fault.Newf(fault.Malformed, "There is more after the body's JSON object.")
	}
	return tree, nil
}
