// Package naming makes physical names that fit AWS's length limits.
//
// Most resources leave their names to Pulumi's auto-naming. The few whose name
// has to be known before they exist (a database cluster, so that its log group
// can be made first) get a deterministic one from here.
package naming

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// hashLength is how many hexadecimal digits keep two cut names apart.
const hashLength = 7

// Fit joins the parts with hyphens. A result longer than limit is cut and
// closed with a hash of the whole, so that equal input always gives the equal
// name and different input a different one. The limit is at least 12.
func Fit(limit int, parts ...string) string {
	whole := strings.ToLower(strings.Join(parts, "-"))
	if len(whole) <= limit {
		return whole
	}
	sum := sha256.Sum256([]byte(whole))
	kept := strings.TrimRight(whole[:limit-hashLength-1], "-")
	return kept + "-" + hex.EncodeToString(sum[:])[:hashLength]
}
