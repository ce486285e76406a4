package ec2

import (
	"context"
	"log/slog"
	"sync/atomic"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/timeline"
)

// Service is Amazon EC2 and its VPC.
type Service struct {
	store *cloud.Store
	log   *slog.Logger

	profiles   Profiles
	parameters Parameters
	firewalls  Firewalls
	woken      []string // tables of others that change what firewalls do
	logs       Logs
	networks   Networks
	machines   Machines
	faults     Faults
	sink       metric.Sink
	timeline   timeline.Hook
	groups     Groups
	dark       *darkness
	begun      atomic.Bool // what a former lab saw of machines has been forgotten
}

// Option gives the service what it depends on; everything is optional, and what is missing is said, not faked.
type Option func(*Service)

// WithLog sets where the reconciler writes.
func WithLog(log *slog.Logger) Option { return func(s *Service) { s.log = log } }

// WithProfiles sets who knows instance profiles; without it an instance that names one is refused.
func WithProfiles(p Profiles) Option { return func(s *Service) { s.profiles = p } }

// WithParameters sets who knows the account's own SSM parameters, for images named as "resolve:ssm:".
func WithParameters(p Parameters) Option { return func(s *Service) { s.parameters = p } }

// WithFirewalls sets who knows the policies behind firewall endpoints, and the names of the tables that they come
// from: a change there is applied to the network.
func WithFirewalls(f Firewalls, tables ...string) Option {
	return func(s *Service) { s.firewalls, s.woken = f, append(s.woken, tables...) }
}

// WithLogs sets who keeps flow records; without it flow logs are declarations only.
func WithLogs(l Logs) Option { return func(s *Service) { s.logs = l } }

// WithNetworks sets the realm that makes networks true; without it they are records.
func WithNetworks(n Networks) Option { return func(s *Service) { s.networks = n } }

// WithMachines sets the realm that runs instances; without it they stay pending and say why.
func WithMachines(m Machines) Option { return func(s *Service) { s.machines = m } }

// WithFaults sets who knows what is wrong with the network, and the name of the table that it comes from: a change there
// is applied at once. Without it nothing is wrong.
func WithFaults(f Faults, table string) Option {
	return func(s *Service) { s.faults, s.woken = f, append(s.woken, table) }
}

// WithMetrics sets who keeps what is measured of instances.
func WithMetrics(sink metric.Sink) Option { return func(s *Service) { s.sink = sink } }

// WithTimeline sets who is told what happens to instances.
func WithTimeline(hook timeline.Hook) Option { return func(s *Service) { s.timeline = hook } }

// New returns the service over a store.
func New(store *cloud.Store, options ...Option) *Service {
	s := &Service{store: store, log: slog.Default(), sink: metric.Discard{}, dark: newDarkness()}
	s.Use(options...)
	return s
}

// Use adds dependencies that can only be made after the service; call it before Run and before the first request.
func (s *Service) Use(options ...Option) {
	for _, option := range options {
		option(s)
	}
}

// view runs a read in the call's region.
func (s *Service) view(ctx context.Context, read func(tx *cloud.Tx, region string) error) error {
	region := cloud.RegionOf(ctx)
	return s.store.View(func(tx *cloud.Tx) error { return read(tx, region) })
}

// update runs a change in the call's region.
func (s *Service) update(ctx context.Context, write func(tx *cloud.Tx, region string) error) error {
	region := cloud.RegionOf(ctx)
	return s.store.Update(func(tx *cloud.Tx) error { return write(tx, region) })
}
