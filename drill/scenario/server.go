package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/history"
	"haven/drill/target"
)

// outOfService is the mark of a server that was seen to be no healthy target any more.
const outOfService = "out of service"

// server chooses a web server that serves.
func (s Stage) server(ctx context.Context) (string, error) {
	healthy, err := s.healthyServers(ctx)
	if err != nil {
		return "", err
	}
	return s.oneOf("healthy server", healthy)
}

// healthyServers are the web servers that serve.
func (s Stage) healthyServers(ctx context.Context) (healthy []string, err error) {
	states, err := s.Targets(ctx)
	for id, state := range states {
		if state == elbtypes.TargetHealthStateEnumHealthy {
			healthy = append(healthy, id)
		}
	}
	return healthy, err
}

// serversOfZone chooses all web servers of a zone, with spaces between them.
func (s Stage) serversOfZone(ctx context.Context) (string, error) {
	zone, err := s.zone()
	if err != nil {
		return "", err
	}
	group, err := s.Group(ctx)
	if err != nil {
		return "", err
	}
	var ids []string
	for _, i := range group.Instances {
		if *i.AvailabilityZone == zone {
			ids = append(ids, *i.InstanceId)
		}
	}
	if len(ids) == 0 {
		return "", fmt.Errorf("choosing a victim: zone %s has no server", zone)
	}
	return strings.Join(ids, " "), nil
}

// outOfService waits until no server of some is a healthy target any more, and marks each when it is seen.
func (s Stage) outOfService(ctx context.Context, ids ...string) error {
	marked := map[string]bool{}
	return notEjected(ctx, target.Await(ctx, strings.Join(ids, ", ")+" to be out of service", ejectionLimit, func(ctx context.Context) error {
		states, err := s.Targets(ctx)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if states[id] == elbtypes.TargetHealthStateEnumHealthy {
				err = fmt.Errorf("%s is healthy", id)
			} else if !marked[id] {
				marked[id] = true
				s.Mark(outOfService, id)
			}
		}
		return err
	}))
}

// ejectionLimit bounds the wait until servers are out of service: far more than any budget allows.
const ejectionLimit = 2 * time.Minute

// notEjected makes a wait that was in vain a finding: a broken promise. One that was interrupted stays what it is.
func notEjected(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	return check.Finding{Promise: check.ErrNotEjected, Text: err.Error()}
}

// answers waits until clients get answers from a server to what they asked some time from now on.
func (s Stage) answers(ctx context.Context, id string, fromNow time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(fromNow):
	}
	before := len(s.Seen().Operations)
	return target.Await(ctx, id+" to answer clients", 30*time.Second, func(context.Context) error {
		for _, o := range s.Seen().Operations[before:] {
			if o.Server == id {
				return nil
			}
		}
		return errors.New("it answers none")
	})
}

// lag is how much later than AWS's API tells it the last balancer node may know that a server is out of service: each node
// checks by itself. https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
func (s Stage) lag() time.Duration { return s.Declared.Health.Interval + s.Declared.Health.Timeout }

// ejectedForGood says that servers that were seen out of service, and never come back, answered nothing once each node must have noticed.
// AWS's API tells that a server is no target any more when it begins to shut down, before a check has failed.
func ejectedForGood(_ context.Context, s Stage, h history.History) (found []check.Finding, err error) {
	noticed, err := budget.For(budget.ServerLost, s.Declared)
	if err != nil {
		return nil, err
	}
	for _, mark := range h.Marks {
		if mark.Name == outOfService {
			found = append(found, check.Ejected(h, mark.Text, mark.At+noticed.Total(), 1<<62)...)
		}
	}
	return found, nil
}

// ejectedWhileHung says that from when a server was out of service until it was resumed it answered nothing, and nobody's request failed.
func ejectedWhileHung(_ context.Context, s Stage, h history.History) (found []check.Finding, err error) {
	for _, mark := range h.Marks {
		if mark.Name != outOfService {
			continue
		}
		from, to := mark.At+s.lag(), next(h, history.Healing, mark.At)
		found = append(found, check.Ejected(h, mark.Text, from, to)...)
		found = append(found, check.ErrorShare(h, from, to, 0)...)
	}
	return found, nil
}

// servedWhileActive says that the victim of a fault that it has to bear answered while the fault held.
func servedWhileActive(_ context.Context, _ Stage, h history.History) (found []check.Finding, err error) {
	for _, mark := range h.Marks {
		if mark.Name == history.Active {
			found = append(found, check.Serving(h, first(mark.Text), mark.At, next(h, history.Healing, mark.At))...)
		}
	}
	return found, nil
}

// next returns when something was first marked after a time; the end of time when it was not.
func next(h history.History, name string, after time.Duration) time.Duration {
	for _, mark := range h.Marks {
		if mark.Name == name && mark.At > after {
			return mark.At
		}
	}
	return 1 << 62
}

// first is the first word of a mark's text, such as the server that a fault's victim is.
func first(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return word
}
