// Package pattern reads and applies CloudWatch Logs' filter patterns
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html). It is pure. There are three
// kinds:
//
//	ERROR "out of memory" -debug ?warn ?fatal %timeout after \d+%        terms, all case-sensitive
//	{ ($.status = 5* || $.latency > 0.5) && $.user.name IS NOT NULL }    a line that is a JSON object
//	[ip, user, ..., status = 4*, bytes > 1000]                           columns, apart by spaces
//
// Regular expressions are Go's, which is close to what AWS allows in them.
package pattern

import (
	"strings"
)

// Pattern is a filter pattern.
type Pattern struct {
	matches func(line string) (Match, bool)
	columns []string // the names of the columns; nil: it has none
	json    bool
}

// Match is a line that a pattern let through: it knows the line's fields.
type Match struct {
	fields func(reference string) (string, bool)
}

// Field returns the value of a reference: "$.user.name" of a JSON object, "$bytes" of columns.
func (m Match) Field(reference string) (string, bool) {
	if m.fields == nil {
		return "", false
	}
	return m.fields(reference)
}

// Match tells whether the pattern lets a line through.
func (p *Pattern) Match(line string) (Match, bool) { return p.matches(line) }

// Knows tells whether lines that match can have a value for a reference.
func (p *Pattern) Knows(reference string) bool {
	if p.json {
		_, err := parsePath(reference)
		return err == nil
	}
	for _, name := range p.columns {
		if "$"+name == reference {
			return true
		}
	}
	return false
}

// Columns returns the references of a pattern's columns.
func (p *Pattern) Columns() []string {
	var all []string
	for _, name := range p.columns {
		if name != ellipsis {
			all = append(all, "$"+name)
		}
	}
	return all
}

// Parse reads a pattern; an empty one lets every line through.
func Parse(text string) (*Pattern, error) {
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "{"):
		return parseJSON(text)
	case strings.HasPrefix(text, "["):
		return parseColumns(text)
	}
	return parseTerms(text)
}
