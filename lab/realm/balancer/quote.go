package balancer

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// quote writes a value as one word of HAProxy's configuration that means exactly the value.
func quote(value string) string { return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'" }

// quoteFormat is quote for a place where HAProxy expands %.
func quoteFormat(value string) string { return quote(strings.ReplaceAll(value, "%", "%%")) }

// printable refuses what could not be one line of configuration.
func printable(what, value string) error {
	if i := strings.IndexFunc(value, unicode.IsControl); i >= 0 {
		return fmt.Errorf("%s %q has a control character at %d", what, value, i)
	}
	return nil
}

// wildcard turns a pattern with * and ? into a regular expression over the whole text; any is what * and ? stand for.
func wildcard(pattern, any string) string {
	expression := regexp.QuoteMeta(pattern)
	expression = strings.ReplaceAll(expression, `\*`, any+"*")
	return strings.ReplaceAll(expression, `\?`, any)
}
