package rds

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/realm/host"
	"haven/lab/realm/postgres"
	"haven/lab/services/ec2"
	"haven/lab/services/secretsmanager"
	"haven/lab/timeline"
)

// Network is what RDS asks of EC2.
type Network interface {
	Subnet(tx *cloud.Tx, region, id string) (*ec2.Subnet, error)
	CheckSecurityGroups(tx *cloud.Tx, region, vpcID string, ids []string) error
	CreateInterface(tx *cloud.Tx, region string, request ec2.InterfaceRequest) (*ec2.Interface, error)
	DeleteInterface(tx *cloud.Tx, region, id string) error
	SetInterfaceGroups(tx *cloud.Tx, region, id string, groups []string) error
}

// Secrets is what RDS asks of Secrets Manager: master passwords that it manages.
type Secrets interface {
	CreateManaged(tx *cloud.Tx, region string, request secretsmanager.ManagedSecret) (arn string, err error)
	RotateManaged(tx *cloud.Tx, region, arn string, value []byte) error
	Value(tx *cloud.Tx, region, arn string) ([]byte, error)
	DeleteManaged(tx *cloud.Tx, region, arn string) error
}

// Servers is the realm that runs clusters.
type Servers interface {
	Apply(ctx context.Context, clusters []postgres.ClusterSpec) error
	Observe() []postgres.Observation
	Changed() <-chan struct{}
	Snapshot(ctx context.Context, cluster, name string) error
	DeleteSnapshot(name string) error
	Measure(ctx context.Context) []postgres.Measurement
}

// LogSink receives the lines of servers whose cluster exports its log; it must not block.
type LogSink interface {
	Put(region, group, stream, line string)
}

// Service is Amazon RDS.
type Service struct {
	store   *cloud.Store
	network Network
	secrets Secrets
	log     *slog.Logger

	servers    Servers
	namespaces func(interfaceID string) (*host.Namespace, bool)
	logs       LogSink
	publisher  Publisher
	metrics    metric.Sink
	timeline   timeline.Hook
	told       map[string]string // the newest event that the timeline has, by region
	happened   chan postgres.Event
	woken      chan struct{}

	mu        sync.Mutex
	exports   map[string]export    // by member: where its log goes
	snapshots map[string]bool      // being taken
	dark      map[string]bool      // zones without power
	hung      map[string]bool      // region/instance
	killed    map[string]bool      // region/instance
	full      map[string]bool      // region/instance, of its cluster
	paused    map[string]bool      // region/instance
	unfenced  map[string]bool      // region/instance, of its cluster
	behind    map[string]time.Time // since when a reader is too far behind, by resource id
}

type export struct{ region, group, stream string }

// Option gives the service what it depends on; what is missing is said, not faked.
type Option func(*Service)

// WithLog sets where the reconciler writes.
func WithLog(log *slog.Logger) Option { return func(s *Service) { s.log = log } }

// WithServers sets the realm that runs clusters, and where to find the namespace of a network interface.
func WithServers(servers Servers, namespaces func(interfaceID string) (*host.Namespace, bool)) Option {
	return func(s *Service) { s.servers, s.namespaces = servers, namespaces }
}

// WithLogs sets who keeps exported logs.
func WithLogs(logs LogSink) Option { return func(s *Service) { s.logs = logs } }

// WithPublisher sets who tells topics of event subscriptions.
func WithPublisher(publisher Publisher) Option { return func(s *Service) { s.publisher = publisher } }

// WithMetrics sets who keeps what is measured of instances.
func WithMetrics(sink metric.Sink) Option { return func(s *Service) { s.metrics = sink } }

// WithTimeline sets who is told what a person wants to see.
func WithTimeline(hook timeline.Hook) Option { return func(s *Service) { s.timeline = hook } }

// New returns the service.
func New(store *cloud.Store, network Network, secrets Secrets, options ...Option) *Service {
	s := &Service{
		store: store, network: network, secrets: secrets, log: slog.Default(),
		metrics: metric.Discard{}, told: map[string]string{}, happened: make(chan postgres.Event, 256), woken: make(chan struct{}, 1),
		exports: map[string]export{}, snapshots: map[string]bool{}, dark: map[string]bool{}, hung: map[string]bool{}, killed: map[string]bool{}, full: map[string]bool{}, paused: map[string]bool{},
		unfenced: map[string]bool{}, behind: map[string]time.Time{},
	}
	s.Use(options...)
	return s
}

// Use adds dependencies that can only be made after the service; call it before Run and before the first request.
func (s *Service) Use(options ...Option) {
	for _, option := range options {
		option(s)
	}
}

// ServerEvent is told what happens to servers: give it to the manager's options.
func (s *Service) ServerEvent(event postgres.Event) {
	select {
	case s.happened <- event:
	default:
		s.log.Warn("an event of a server was lost: too many at once", "kind", event.Kind, "member", event.Member)
	}
}

// ServerLine gets servers' log lines: give it to the manager's options.
func (s *Service) ServerLine(_, member, line string) {
	s.mu.Lock()
	to, ok := s.exports[member]
	s.mu.Unlock()
	if ok && s.logs != nil {
		s.logs.Put(to.region, to.group, to.stream, line)
	}
}

func (s *Service) view(ctx context.Context, read func(tx *cloud.Tx, region string) error) error {
	return s.store.View(func(tx *cloud.Tx) error { return read(tx, cloud.RegionOf(ctx)) })
}

func (s *Service) update(ctx context.Context, write func(tx *cloud.Tx, region string) error) error {
	return s.store.Update(func(tx *cloud.Tx) error { return write(tx, cloud.RegionOf(ctx)) })
}
