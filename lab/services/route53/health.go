package route53

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"haven/lab/cloud"
	"haven/lab/metric"
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

// observation is what a checker reported last.
type observation struct {
	checker
	at      time.Time
	report  string
	failure string // the last one; empty: it never failed
	failed  time.Time
}

// watch is a health check whose endpoint is being probed.
type watch struct {
	id      string
	version int64
	stop    context.CancelFunc

	mu       sync.Mutex
	checkers map[types.HealthCheckRegion]*observation
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

// follow starts and ends probing until it is of the declared health checks.
func (s *Service) follow(ctx context.Context, declared map[string]*check, rows map[string]*healthRow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, w := range s.watches {
		if c := declared[id]; c == nil || c.Version != w.version {
			w.stop()
			delete(s.watches, id)
		}
	}
	for id, c := range declared {
		if s.internet == nil || s.watches[id] != nil || !c.probes() {
			continue
		}
		healthy := true
		if row := rows[id]; row != nil && row.Endpoint != nil {
			healthy = *row.Endpoint
		}
		s.watches[id] = s.begin(ctx, c, healthy)
	}
}

func (c *check) probes() bool {
	return c.Config.RequestInterval != nil && !aws.ToBool(c.Config.Disabled)
}

func (s *Service) watchNothing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, w := range s.watches {
		w.stop()
		delete(s.watches, id)
	}
}

// begin starts a checker for each region. Checkers know nothing of each other, so their requests come at any time.
func (s *Service) begin(ctx context.Context, c *check, healthy bool) *watch {
	ctx, stop := context.WithCancel(ctx)
	w := &watch{id: c.ID, version: c.Version, stop: stop, checkers: map[types.HealthCheckRegion]*observation{}}
	for _, region := range c.regions() {
		w.checkers[region] = &observation{checker: checker{healthy: healthy}}
		go s.check(ctx, w, region, c.Config)
	}
	return w
}

// check probes at the interval, the first time at a random moment of it.
func (s *Service) check(ctx context.Context, w *watch, region types.HealthCheckRegion, config types.HealthCheckConfig) {
	interval := time.Duration(*config.RequestInterval) * time.Second
	next := time.NewTimer(rand.N(interval))
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		next.Reset(interval) // a probe's duration does not move the next one
		report, err := s.probe(ctx, w.id, config)
		if ctx.Err() != nil {
			return
		}
		w.take(region, report, err, int(*config.FailureThreshold))
		select {
		case s.reported <- struct{}{}:
		default:
		}
	}
}

func (w *watch) take(region types.HealthCheckRegion, report string, failure error, threshold int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.checkers[region]
	o.checker, o.at = o.checker.take(failure == nil, threshold), time.Now().UTC()
	o.report = "Success: " + report
	if failure != nil {
		o.report, o.failed = "Failure: "+failure.Error(), o.at
		o.failure = o.report
	}
}

// endpoint tells what checkers agree on; nothing is known before the first one has reported.
func (s *Service) endpoint(id string) (healthy, known bool) {
	s.mu.Lock()
	w := s.watches[id]
	s.mu.Unlock()
	if w == nil {
		return true, false
	}
	opinions, known := w.opinions()
	healthy, _ = agreed(opinions)
	return healthy, known
}

func (w *watch) opinions() (all []checker, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.checkers {
		all, known = append(all, o.checker), known || !o.at.IsZero()
	}
	return all, known
}

// measure records the statuses.
func (s *Service) measure() error {
	rows := map[string]*healthRow{}
	err := s.store.View(func(tx *cloud.Tx) error {
		_, err := s.look(tx, rows)
		return err
	})
	if err != nil {
		return err
	}
	for id, row := range rows {
		dimensions := []metric.Dimension{{Name: "HealthCheckId", Value: id}}
		value := 0.0
		if row.Healthy {
			value = 1
		}
		s.Metrics.Record(metricRegion, metric.Datum{Namespace: "AWS/Route53", Name: "HealthCheckStatus", Dimensions: dimensions, Unit: "None", Values: []float64{value}})
		s.mu.Lock()
		w := s.watches[id]
		s.mu.Unlock()
		if w == nil {
			continue
		}
		opinions, _ := w.opinions()
		_, percent := agreed(opinions)
		s.Metrics.Record(metricRegion, metric.Datum{Namespace: "AWS/Route53", Name: "HealthCheckPercentageHealthy", Dimensions: dimensions, Unit: "Percent", Values: []float64{percent}})
	}
	return nil
}
