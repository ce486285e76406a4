package check

import (
	"time"

	"haven/drill/history"
)

// Undisturbed says that every operation of the kinds that began between a mark and the next one of another name succeeded, each
// time that it was marked: after the last such mark, until the end. Run it for what a fault may not be felt by, or no longer.
func Undisturbed(h history.History, from, to string, kinds ...history.Kind) (found []Finding) {
	for i, mark := range h.Marks {
		if mark.Name != from {
			continue
		}
		end := time.Duration(1 << 62)
		for _, later := range h.Marks[i+1:] {
			if later.Name == to {
				end = later.At
				break
			}
		}
		found = append(found, ErrorShare(h, mark.At, end, 0, kinds...)...)
	}
	return found
}
