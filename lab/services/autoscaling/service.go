package autoscaling

import (
	"context"
	"log/slog"
	"time"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/services/ec2"
	"haven/lab/services/elasticloadbalancingv2"
)

// Machines is what the service asks of EC2.
type Machines interface {
	Subnet(tx *cloud.Tx, region, id string) (*ec2.Subnet, error)
	ResolveLaunchTemplate(tx *cloud.Tx, region string, ref ec2types.LaunchTemplateSpecification) (ec2.LaunchTemplate, error)
	Launch(tx *cloud.Tx, region string, request ec2.LaunchRequest) (*ec2.Instance, error)
	Terminate(tx *cloud.Tx, region, instanceID, reason string) error
	Instance(tx *cloud.Tx, region, id string) (*ec2.Instance, error)
}

// Balancers is what the service asks of Elastic Load Balancing.
type Balancers interface {
	CheckTargetGroup(tx *cloud.Tx, region, arn string) error
	Register(tx *cloud.Tx, region, group, instance string) error
	Deregister(tx *cloud.Tx, region, group, instance string) error
	TargetHealth(tx *cloud.Tx, region, group string) (map[string]elasticloadbalancingv2.Health, error)
}

// Service answers the API.
type Service struct {
	store     *cloud.Store
	machines  Machines
	balancers Balancers
	log       *slog.Logger
	now       func() time.Time
	started   time.Time
}

// New returns the service over the lab's store.
func New(store *cloud.Store, machines Machines, balancers Balancers, log *slog.Logger) *Service {
	if log == nil {
		log = slog.Default()
	}
	return &Service{store: store, machines: machines, balancers: balancers, log: log, now: utcNow, started: utcNow()}
}

func utcNow() time.Time { return time.Now().UTC() }

func (s *Service) view(ctx context.Context, read func(tx *cloud.Tx, region string) error) error {
	return s.store.View(func(tx *cloud.Tx) error { return read(tx, cloud.RegionOf(ctx)) })
}

func (s *Service) update(ctx context.Context, write func(tx *cloud.Tx, region string) error) error {
	return s.store.Update(func(tx *cloud.Tx) error { return write(tx, cloud.RegionOf(ctx)) })
}
