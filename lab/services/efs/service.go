package efs

import (
	"context"
	"log/slog"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/realm/host"
	"haven/lab/realm/mirror"
	"haven/lab/services/ec2"
	"haven/lab/services/iam/policy"
	"haven/lab/timeline"
)

// Network is what EFS asks of EC2.
type Network interface {
	Subnet(tx *cloud.Tx, region, id string) (*ec2.Subnet, error)
	CheckSecurityGroups(tx *cloud.Tx, region, vpcID string, ids []string) error
	CreateInterface(tx *cloud.Tx, region string, request ec2.InterfaceRequest) (*ec2.Interface, error)
	DeleteInterface(tx *cloud.Tx, region, id string) error
	SetInterfaceGroups(tx *cloud.Tx, region, id string, groups []string) error
	Interface(tx *cloud.Tx, region, id string) (*ec2.Interface, error)
}

// Identities is what EFS asks of IAM, for clients that mount with the option iam.
type Identities interface {
	Authenticate(ctx context.Context, accessKeyID, token string) (secret string, who cloud.Principal, err error)
	Decide(tx *cloud.Tx, who cloud.Principal, guard policy.Guard, question policy.Question) (policy.Verdict, error)
}

// Mirrors is the realm that keeps files.
type Mirrors interface {
	Apply(ctx context.Context, spec mirror.Spec) error
	Observe() []mirror.Observation
	Changed() <-chan struct{}
	AuthorizeWith(func(ctx context.Context, request mirror.MountRequest) (mirror.Grant, error))
}

// Service is Amazon EFS.
type Service struct {
	store      *cloud.Store
	network    Network
	identities Identities
	log        *slog.Logger

	metrics metric.Sink
	tell    timeline.Hook
	before  observed // what was told and measured last

	mirrors    Mirrors
	namespaces func(interfaceID string) (*host.Namespace, bool)
}

// Option gives the service what it depends on; what is missing is said, not faked.
type Option func(*Service)

// WithLog sets where the reconciler writes.
func WithLog(log *slog.Logger) Option { return func(s *Service) { s.log = log } }

// WithIdentities sets who knows the identities of clients; without it none can prove one.
func WithIdentities(identities Identities) Option {
	return func(s *Service) { s.identities = identities }
}

// WithMetrics sets who keeps what is measured.
func WithMetrics(sink metric.Sink) Option { return func(s *Service) { s.metrics = sink } }

// WithTimeline sets who is told of copies that are lost and healed.
func WithTimeline(tell timeline.Hook) Option { return func(s *Service) { s.tell = tell } }

// WithMirrors sets the realm that keeps files, and where to find the namespace of a network interface.
func WithMirrors(mirrors Mirrors, namespaces func(interfaceID string) (*host.Namespace, bool)) Option {
	return func(s *Service) {
		s.mirrors, s.namespaces = mirrors, namespaces
		mirrors.AuthorizeWith(s.Authorize)
	}
}

// New returns the service.
func New(store *cloud.Store, network Network, options ...Option) *Service {
	s := &Service{store: store, network: network, log: slog.Default(), metrics: metric.Discard{}, tell: func(timeline.Event) {}}
	s.Use(options...)
	return s
}

// Use adds dependencies that can only be made after the service; call it before Run and before the first request.
func (s *Service) Use(options ...Option) {
	for _, option := range options {
		option(s)
	}
}

func (s *Service) view(ctx context.Context, read func(tx *cloud.Tx, region string) error) error {
	return s.store.View(func(tx *cloud.Tx) error { return read(tx, cloud.RegionOf(ctx)) })
}

func (s *Service) update(ctx context.Context, write func(tx *cloud.Tx, region string) error) error {
	return s.store.Update(func(tx *cloud.Tx) error { return write(tx, cloud.RegionOf(ctx)) })
}

func bad(format string, args ...any) error { return cloud.Errorf("BadRequest", format, args...) }
