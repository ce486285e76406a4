package route53

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
	"haven/lab/timeline"
)

const (
	// settleTick is how old a status may be that follows an alarm.
	settleTick = time.Second
	// measureTick is how often statuses are measured.
	measureTick = 10 * time.Second
	// metricRegion is where Route 53's metrics are.
	metricRegion = "us-east-1"
)

// Alarms knows the states of CloudWatch alarms; the cloudwatch service does.
type Alarms interface {
	AlarmState(tx *cloud.Tx, region, nameOrARN string) (state cloudwatch.StateValue, found bool, err error)
}

// Run probes the declared health checks and keeps their statuses, until the context ends.
func (s *Service) Run(ctx context.Context) error {
	if s.internet == nil {
		s.log.Warn("health checks stay as they are: nothing can be probed here", "why", "the lab has no privileges")
	}
	wake, stop := s.store.Watch(checks.Name())
	defer stop()
	defer s.watchNothing()
	tick := time.NewTicker(settleTick)
	defer tick.Stop()
	var measured time.Time
	for {
		if err := s.settle(ctx); err != nil {
			return err
		}
		if time.Since(measured) >= measureTick {
			measured = time.Now()
			if err := s.measure(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-s.reported:
		case <-tick.C:
		}
	}
}

// settle probes what is declared and stores the statuses that have changed.
func (s *Service) settle(ctx context.Context) error {
	var w *world
	rows := map[string]*healthRow{}
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		w, err = s.look(tx, rows)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading health checks: %w", err)
	}
	s.follow(ctx, w.checks, rows)
	changed := map[string]*healthRow{}
	for id := range w.checks {
		row := &healthRow{}
		if seen, known := s.endpoint(id); known {
			w.endpoints[id], row.Endpoint = seen, &seen
		}
		if old := rows[id]; row.Endpoint == nil && old != nil {
			row.Endpoint = old.Endpoint
			if old.Endpoint != nil {
				w.endpoints[id] = *old.Endpoint
			}
		}
		changed[id] = row
	}
	for id, row := range changed {
		row.Healthy = w.status(id)
		if old := rows[id]; old != nil && old.Healthy == row.Healthy && same01(old.Endpoint, row.Endpoint) {
			delete(changed, id)
		}
	}
	return s.keep(changed, rows, w)
}

func same01(a, b *bool) bool { return (a == nil) == (b == nil) && aws.ToBool(a) == aws.ToBool(b) }

// look reads what there is to judge by.
func (s *Service) look(tx *cloud.Tx, rows map[string]*healthRow) (*world, error) {
	all, err := checks.ListAll(tx)
	if err != nil {
		return nil, err
	}
	w := &world{checks: map[string]*check{}, endpoints: map[string]bool{}, known: map[string]bool{}, alarms: map[string]cloudwatch.StateValue{}}
	for _, c := range all {
		w.checks[c.ID] = c
		row, err := statuses.Get(tx, cloud.Global, c.ID)
		if err != nil {
			return nil, err
		}
		if row != nil {
			rows[c.ID], w.known[c.ID] = row, row.Healthy
		}
		alarm := c.Config.AlarmIdentifier
		if alarm == nil || s.Alarms == nil {
			continue
		}
		state, found, err := s.Alarms.AlarmState(tx, string(alarm.Region), aws.ToString(alarm.Name))
		if err != nil {
			return nil, err
		}
		if found {
			w.alarms[c.ID] = state
		}
	}
	return w, nil
}

func (s *Service) keep(changed, before map[string]*healthRow, w *world) error {
	if len(changed) == 0 {
		return nil
	}
	err := s.store.Update(func(tx *cloud.Tx) error {
		for id, row := range changed {
			if there, err := checks.Get(tx, cloud.Global, id); err != nil || there == nil {
				delete(changed, id) // deleted meanwhile
				if err != nil {
					return err
				}
				continue
			}
			if err := statuses.Put(tx, cloud.Global, id, row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keeping the statuses of health checks: %w", err)
	}
	for id, row := range changed {
		if old := before[id]; old != nil && old.Healthy != row.Healthy || old == nil && !row.Healthy {
			s.tell(w.checks[id], row.Healthy)
		}
	}
	return nil
}

// tell adds a change to the timeline.
func (s *Service) tell(c *check, healthy bool) {
	event := timeline.Event{Source: "route53", Subject: c.name(), Text: "health check is healthy", Severity: timeline.Good}
	if !healthy {
		event.Text, event.Severity = "health check is unhealthy", timeline.Warning
	}
	s.log.Info("a health check changed", "id", c.ID, "healthy", healthy)
	if s.Tell != nil {
		s.Tell(event)
	}
}
