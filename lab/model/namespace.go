package model

import "encoding/json"

// Namespace is an XML namespace; the published models write it as a string or as an object.
type Namespace struct {
	Prefix string `json:"prefix,omitempty"`
	URI    string `json:"uri"`
}

// UnmarshalJSON reads both forms.
func (n *Namespace) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, &n.URI)
	}
	type plain Namespace
	return json.Unmarshal(raw, (*plain)(n))
}
