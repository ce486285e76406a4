package lab

import (
	"net/http"

	"haven/lab/page"
)

// frontDoor is what the lab's own endpoint serves: the live page on its path, and the API. Instances reach only the API.
func (l *lab) frontDoor(api http.Handler) (http.Handler, error) {
	options := page.Options{Observer: l.observer, Timeline: l.timeline, Started: l.started, Command: ".haven/bin/haven", Log: l.log}
	if l.realm != nil {
		options.Faults = pageFaults{l}
	}
	live, err := page.New(options)
	if err != nil {
		return nil, err
	}
	return live.Before(api), nil
}
