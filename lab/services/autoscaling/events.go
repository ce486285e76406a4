package autoscaling

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
	"haven/lab/timeline"
)

// WithTimeline sets who is told of activities as they begin and end.
func WithTimeline(told timeline.Hook) Option { return func(s *Service) { s.told = told } }

// watch tells the timeline of activities that began or ended, once they are committed, until the context ends. Those
// that were there when the lab started were told before.
func (s *Service) watch(ctx context.Context) {
	wake, stop := s.store.Watch(activities.Name())
	defer stop()
	known, _, err := s.news(nil)
	for {
		if err != nil {
			s.log.Error("telling of scaling activities", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		}
		var now map[string]bool
		var fresh []timeline.Event
		if now, fresh, err = s.news(known); err == nil {
			known = now
			for _, e := range fresh {
				s.told(e)
			}
		}
	}
}

// news returns what is known of activities now, by key whether they have ended, and the events of those of which less
// was known before.
func (s *Service) news(before map[string]bool) (known map[string]bool, events []timeline.Event, err error) {
	known = map[string]bool{}
	return known, events, s.store.View(func(tx *cloud.Tx) error {
		for _, region := range cloud.Regions() {
			all, err := activities.List(tx, region.Name)
			if err != nil {
				return err
			}
			for _, a := range slices.Backward(all) { // they are in the order of newest first
				known[a.key()] = a.Ended != nil
				if ended, seen := before[a.key()]; !seen || ended != (a.Ended != nil) {
					events = append(events, a.event(region.Name))
				}
			}
		}
		return nil
	})
}

// event is an activity as the timeline tells it: with its cause when it begins, with its status when it is over.
func (a *activity) event(region string) timeline.Event {
	e := timeline.Event{Time: a.Started, Region: region, Zone: a.Zone, Source: "autoscaling", Subject: a.Group, Severity: timeline.Info, Text: a.Description + ": " + a.Cause}
	if a.Ended == nil {
		if strings.Contains(a.Cause, "health") {
			e.Severity = timeline.Warning
		}
		return e
	}
	e.Time, e.Text = *a.Ended, a.Description+": "+strings.ToLower(string(a.Status))
	switch {
	case a.Status == types.ScalingActivityStatusCodeFailed:
		e.Severity = timeline.Warning
	case strings.HasPrefix(a.Description, "Launching"):
		e.Severity = timeline.Good
	}
	return e
}
