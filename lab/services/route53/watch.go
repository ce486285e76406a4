package route53

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"haven/lab/cloud"
	"haven/lab/metric"
)

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
