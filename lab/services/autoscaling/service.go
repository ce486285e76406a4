package autoscaling

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/services/ec2"
	"haven/lab/services/elasticloadbalancingv2"
	"haven/lab/timeline"
)

// Instances is what Auto Scaling asks of EC2.
type Instances interface {
	Subnet(tx *cloud.Tx, region, id string) (*ec2.Subnet, error)
	ResolveLaunchTemplate(tx *cloud.Tx, region string, ref ec2types.LaunchTemplateSpecification) (ec2.LaunchTemplate, error)
	// Launch may fail half-way: the caller's transaction then has to be undone.
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

// Alarms is what Auto Scaling asks of CloudWatch.
type Alarms interface {
	PutAlarm(tx *cloud.Tx, region string, in *cloudwatch.PutMetricAlarmInput) (arn string, err error)
	// DeleteAlarm deletes an alarm; a missing one is no error.
	DeleteAlarm(tx *cloud.Tx, region, name string) error
	AlarmState(tx *cloud.Tx, region, nameOrARN string) (state cwtypes.StateValue, found bool, err error)
	// AlarmsFor returns the ARNs, by their names, of the alarms that have an action.
	AlarmsFor(tx *cloud.Tx, region, actionARN string) (map[string]string, error)
}

// Notifier publishes to SNS topics. It is never called inside a transaction.
type Notifier interface {
	PublishMessage(ctx context.Context, region, topicARN, subject, message string) error
}

// Service answers Auto Scaling's API and keeps the groups at their size.
type Service struct {
	store     *cloud.Store
	instances Instances
	targets   Targets
	alarms    Alarms
	notifier  Notifier
	metrics   metric.Sink
	told      timeline.Hook
	log       *slog.Logger
	now       func() time.Time
}

// Option gives the service what it depends on; what is missing is said, not faked.
type Option func(*Service)

// WithAlarms sets who keeps the alarms of target tracking and knows those of an instance refresh; without it both are
// refused.
func WithAlarms(a Alarms) Option { return func(s *Service) { s.alarms = a } }

// WithNotifier sets who tells topics; without it notifications are refused.
func WithNotifier(n Notifier) Option { return func(s *Service) { s.notifier = n } }

// WithMetrics sets who takes the groups' metrics.
func WithMetrics(m metric.Sink) Option { return func(s *Service) { s.metrics = m } }

// New returns the service.
func New(store *cloud.Store, instances Instances, targets Targets, log *slog.Logger, options ...Option) *Service {
	s := &Service{store: store, instances: instances, targets: targets, log: log, now: time.Now, metrics: metric.Discard{}, told: func(timeline.Event) {}}
	s.Use(options...)
	return s
}

// Use adds dependencies that can only be made after the service; call it before Run and before the first request.
func (s *Service) Use(options ...Option) {
	for _, option := range options {
		option(s)
	}
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

func optional(value string) *string {
	if value == "" {
		return nil
	}
	return &value
}

func invalid(format string, args ...any) error {
	return cloud.Errorf("ValidationError", format, args...)
}

func unsupported(what string) error { return cloud.Unsupportedf("ValidationError", "%s", what) }
