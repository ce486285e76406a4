package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatch/series"
)

// Service is Amazon CloudWatch.
type Service struct {
	store *cloud.Store
	data  *series.DB
	log   *slog.Logger
	now   func() time.Time

	evaluating sync.Mutex // alarms are, one turn at a time

	mu       sync.Mutex
	handlers map[string]Handler // by the service in an action's ARN
	watchers []func(Change)
	seen     map[string]evaluated // by alarm
	refused  int64                // measurements that Record could not keep
}

// Option changes a service.
type Option func(*Service)

// WithClock sets the clock, for tests.
func WithClock(now func() time.Time) Option { return func(s *Service) { s.now = now } }

// New returns the service; its measurements are in a file of their own. Close it when nothing measures any more.
func New(store *cloud.Store, file string, log *slog.Logger, options ...Option) (*Service, error) {
	s := &Service{store: store, log: log, now: time.Now, handlers: map[string]Handler{}, seen: map[string]evaluated{}}
	for _, option := range options {
		option(s)
	}
	data, err := series.Open(file, log, s.now)
	if err != nil {
		return nil, fmt.Errorf("starting CloudWatch: %w", err)
	}
	s.data = data
	return s, nil
}

// Close writes the last measurements.
func (s *Service) Close() error { return s.data.Close() }

// flushEvery is how many measurements a killed lab loses at most, in time.
const flushEvery = 10 * time.Second

// Run keeps measurements, evaluates alarms and carries out their actions, until the context ends.
func (s *Service) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return every(ctx, flushEvery, s.data.Flush) })
	group.Go(func() error { return every(ctx, series.ExpireEvery, s.data.Expire) })
	group.Go(func() error { return s.watchAlarms(ctx) })
	group.Go(func() error { return s.act(ctx) })
	return errors.Join(group.Wait(), s.data.Flush())
}

// every does something again and again.
func every(ctx context.Context, pause time.Duration, do func() error) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if err := do(); err != nil {
				return err
			}
		}
	}
}

// invalid is the error for a parameter's value, invalidCombination for values that do not go together, missing for one
// that must be there.
func invalid(format string, args ...any) error {
	return cloud.Errorf("InvalidParameterValue", format, args...)
}

func invalidCombination(format string, args ...any) error {
	return cloud.Errorf("InvalidParameterCombination", format, args...)
}

func missing(format string, args ...any) error {
	return cloud.Errorf("MissingParameter", format, args...)
}

func validation(format string, args ...any) error {
	return cloud.Errorf("ValidationError", format, args...)
}

func notFound(format string, args ...any) error {
	return cloud.StatusErrorf(404, "ResourceNotFound", format, args...)
}

func unsupported(format string, args ...any) error {
	return cloud.Unsupportedf("InvalidParameterValue", format, args...)
}

// page cuts a page out of rows.
func page[R any](rows []R, key func(R) string, token *string, limit int) ([]R, *string, error) {
	given := ""
	if token != nil {
		given = *token
	}
	kept, next, err := cloud.Page(rows, key, given, limit)
	if err != nil {
		return nil, nil, cloud.Errorf("InvalidNextToken", "The next token is not valid.")
	}
	if next == "" {
		return kept, nil, nil
	}
	return kept, &next, nil
}
