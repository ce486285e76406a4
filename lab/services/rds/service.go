package rds

import (
	"context"
	"log/slog"
	"sync"

	"haven/lab/cloud"
	"haven/lab/realm/host"
	"haven/lab/realm/postgres"
	"haven/lab/services/ec2"
	"haven/lab/services/secretsmanager"
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
	happened   chan postgres.Event

	mu        sync.Mutex
	exports   map[string]export // by member: where its log goes
	snapshots map[string]bool   // being taken
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

// New returns the service.
func New(store *cloud.Store, network Network, secrets Secrets, options ...Option) *Service {
	s := &Service{
		store: store, network: network, secrets: secrets, log: slog.Default(),
		happened: make(chan postgres.Event, 256), exports: map[string]export{}, snapshots: map[string]bool{},
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
