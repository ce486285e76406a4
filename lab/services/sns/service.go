package sns

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"haven/lab/cloud"
	"haven/lab/metric"
)

// Service is Amazon SNS.
type Service struct {
	store     *cloud.Store
	mailboxes string
	log       *slog.Logger
	now       func() time.Time
	endpoint  string
	dial      Dial
	roots     *x509.CertPool
	metrics   metric.Sink
	given     func(Failure)
	waiting   atomic.Int64 // deliveries in the queue
}

// Dial connects to an endpoint's host and port, if that is on this machine.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Option changes a service.
type Option func(*Service)

// WithEndpoint sets the URL of the lab's API, for links to confirm and to unsubscribe.
func WithEndpoint(url string) Option { return func(s *Service) { s.endpoint = url } }

// WithDial sets how endpoints are reached; without it only those on loopback are.
func WithDial(dial Dial) Option { return func(s *Service) { s.dial = dial } }

// WithRoots sets whose certificates HTTPS endpoints may have; without it the system's.
func WithRoots(roots *x509.CertPool) Option { return func(s *Service) { s.roots = roots } }

// WithMetrics sets who keeps what is measured.
func WithMetrics(sink metric.Sink) Option { return func(s *Service) { s.metrics = sink } }

// Failure is a message that was given up.
type Failure struct {
	Region, Topic, Protocol, Endpoint string
	Reason                            string
}

// WithFailures has a function called for each message that is given up; it must not block.
func WithFailures(do func(Failure)) Option { return func(s *Service) { s.given = do } }

// New returns the service; mail goes into a folder.
func New(store *cloud.Store, mailboxes string, log *slog.Logger, options ...Option) *Service {
	s := &Service{store: store, mailboxes: mailboxes, log: log, now: time.Now, dial: DialLoopback, metrics: metric.Discard{}, given: func(Failure) {}}
	for _, option := range options {
		option(s)
	}
	return s
}

func invalid(format string, args ...any) error {
	return cloud.Errorf("InvalidParameter", "Invalid parameter: "+format, args...)
}

func unsupported(format string, args ...any) error {
	return cloud.Unsupportedf("InvalidParameter", format, args...)
}

func notFound(what string) error {
	return cloud.StatusErrorf(404, "NotFound", "%s does not exist", what)
}

const pageSize = 100

func page[R any](rows []R, key func(R) string, token *string) ([]R, *string, error) {
	given := ""
	if token != nil {
		given = *token
	}
	kept, next, err := cloud.Page(rows, key, given, pageSize)
	if err != nil {
		return nil, nil, invalid("NextToken Reason: the token is not valid")
	}
	if next == "" {
		return kept, nil, nil
	}
	return kept, &next, nil
}
