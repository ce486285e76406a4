package check

import (
	"time"

	"haven/drill/history"
)

// TakesPart says that a zone takes part from a moment on: something was answered through its balancer node, and something by a server
// in it.
func TakesPart(h history.History, zone string, from time.Duration) (found []Finding) {
	through, by, asked := 0, 0, 0
	for _, o := range history.Between(h.Operations, from, 1<<62) {
		asked++
		if o.Outcome != history.OK {
			continue
		}
		if o.Node == zone {
			through++
		}
		if o.Zone == zone {
			by++
		}
	}
	if through == 0 {
		found = append(found, finding(ErrNotRecovered, from, "none of %d requests was answered through the node of zone %s", asked, zone))
	}
	if by == 0 {
		found = append(found, finding(ErrNotRecovered, from, "none of %d requests was answered by a server in zone %s", asked, zone))
	}
	return found
}
