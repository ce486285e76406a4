package autoscaling

import (
	"context"
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
	known := map[string]bool{} // by key: whether it has ended
	_, err := s.news(known)
	for {
		if err != nil {
			s.log.Error("telling of scaling activities", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		}
		var fresh []timeline.Event
		fresh, err = s.news(known)
		for _, e := range fresh {
			s.told(e)
		}
	}
}

// news returns the events of activities that are not known as they are, and remembers them.
func (s *Service) news(known map[string]bool) (events []timeline.Event, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		for _, region := range cloud.Regions() {
			all, err := activities.List(tx, region.Name)
			if err != nil {
				return err
			}
			for i := len(all) - 1; i >= 0; i-- { // they are in the order of newest first
				a := all[i]
				ended, seen := known[a.key()]
				if known[a.key()] = a.Ended != nil; !seen || ended != (a.Ended != nil) {
					events = append(events, a.event(region.Name))
				}
			}
		}
		return nil
	})
	return events, err
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
