package rights

import (
	"encoding/json"
	"io"
)

// Write writes a policy as IAM takes it.
func Write(to io.Writer, d Document) error {
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(d)
}
