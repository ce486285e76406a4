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

// Instances is what Auto Scaling asks of EC2.
type Instances interface {
	Subnet(tx *cloud.Tx, region, id string) (*ec2.Subnet, error)
	ResolveLaunchTemplate(tx *cloud.Tx, region string, ref ec2types.LaunchTemplateSpecification) (ec2.LaunchTemplate, error)
	Launch(tx *cloud.Tx, region string, request ec2.LaunchRequest) (*ec2.Instance, error)
	Terminate(tx *cloud.Tx, region, instanceID, reason string) error
	Instance(tx *cloud.Tx, region, id string) (*ec2.Instance, error)
}

// Targets is what Auto Scaling asks of Elastic Load Balancing.
type Targets interface {
	// CheckTargetGroup returns AWS's error when there is no such target group.
	CheckTargetGroup(tx *cloud.Tx, region, arn string) error
	Register(tx *cloud.Tx, region, groupARN, instanceID string) error
	Deregister(tx *cloud.Tx, region, groupARN, instanceID string) error
	// TargetHealth returns the health of a target group's targets by their ids, as DescribeTargetHealth has it.
	TargetHealth(tx *cloud.Tx, region, groupARN string) (map[string]elasticloadbalancingv2.Health, error)
}

// Service answers Auto Scaling's API and keeps the groups at their size.
type Service struct {
	store     *cloud.Store
	instances Instances
	targets   Targets
	log       *slog.Logger
	now       func() time.Time
}

// New returns the service.
func New(store *cloud.Store, instances Instances, targets Targets, log *slog.Logger) *Service {
	return &Service{store: store, instances: instances, targets: targets, log: log, now: time.Now}
}

// change applies one change to a group.
func (s *Service) change(ctx context.Context, name *string, apply func(tx *cloud.Tx, g *group) error) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		found, err := find(tx, cloud.RegionOf(ctx), text(name))
		if err != nil {
			return err
		}
		if err := apply(tx, found); err != nil {
			return err
		}
		return found.put(tx)
	})
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func invalid(format string, args ...any) error {
	return cloud.Errorf("ValidationError", format, args...)
}

func unsupported(what string) error { return cloud.Unsupportedf("ValidationError", "%s", what) }
