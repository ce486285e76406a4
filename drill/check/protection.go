package check

import (
	"strings"

	"haven/drill/history"
)

// Marks of an attempt to delete something; their texts begin with what it was.
const (
	DeletionRefused = "deletion refused"
	Unprotected     = "not protected from deletion"
)

// Protected says that the deletion of each of the resources was tried and refused, and that none was found unprotected.
func Protected(h history.History, resources ...string) (found []Finding) {
	for _, resource := range resources {
		refused := false
		unprotected := false
		for _, mark := range h.Marks {
			if mark.Text != resource && !strings.HasPrefix(mark.Text, resource+" ") {
				continue
			}
			switch mark.Name {
			case DeletionRefused:
				refused = true
			case Unprotected:
				unprotected = true
				found = append(found, finding(ErrUnprotected, mark.At, "%s", mark.Text))
			}
		}
		if !refused && !unprotected {
			found = append(found, finding(ErrUnprotected, 0, "%s: nothing shows that its deletion is refused", resource))
		}
	}
	return found
}
