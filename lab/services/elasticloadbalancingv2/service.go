package elasticloadbalancingv2

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/realm/balancer"
	"haven/lab/services/ec2"
	"haven/lab/timeline"
)

// Network is what the service asks of EC2.
type Network interface {
	Subnet(tx *cloud.Tx, region, id string) (*ec2.Subnet, error)
	CheckSecurityGroups(tx *cloud.Tx, region, vpcID string, ids []string) error
	CreateInterface(tx *cloud.Tx, region string, request ec2.InterfaceRequest) (*ec2.Interface, error)
	DeleteInterface(tx *cloud.Tx, region, id string) error
	SetInterfaceGroups(tx *cloud.Tx, region, id string, groups []string) error
	Interface(tx *cloud.Tx, region, id string) (*ec2.Interface, error)
	Instance(tx *cloud.Tx, region, id string) (*ec2.Instance, error)
}

// Certificates gives the certificates that secure listeners present; ACM implements it.
type Certificates interface {
	Certificate(tx *cloud.Tx, region, arn string) (certPEM, chainPEM, keyPEM []byte, err error)
}

// Realm runs the nodes; balancer.Manager implements it.
type Realm interface {
	Apply(ctx context.Context, specs []balancer.Spec) error
	Observe() []balancer.Observation
	Changed() <-chan struct{}
}

// Bucket takes access logs; S3 implements it.
type Bucket interface {
	PutLog(ctx context.Context, region, bucket, key string, content []byte) error
}

// Shifts tells which zones traffic is led away from; package arczonalshift implements it.
type Shifts interface {
	// AwayFrom returns the zone that traffic of the balancer is led away from now, or "".
	AwayFrom(tx *cloud.Tx, region, balancerARN string) (zone string, err error)
}

// Dependencies are what the service works with.
type Dependencies struct {
	Network      Network
	Certificates Certificates  // nil: every certificate is unknown
	Realm        Realm         // nil: records only
	Bucket       Bucket        // nil: access logs are not delivered
	Metrics      metric.Sink   // nil: nobody measures
	Timeline     timeline.Hook // nil: nobody wants to know
	Log          *slog.Logger  // nil: the default
	// NodeChecks is how often a node is looked at from outside; 0: every ten seconds.
	NodeChecks time.Duration
}

// Service answers the API.
type Service struct {
	store *cloud.Store
	deps  Dependencies
	now   func() time.Time

	shifts   Shifts // nil: there are none
	logs     accessLogs
	measured measurements
	views    nodeViews
	faults   *faults
}

// New returns the service over the lab's store.
func New(store *cloud.Store, deps Dependencies) *Service {
	if deps.Log == nil {
		deps.Log = slog.Default()
	}
	if deps.Timeline == nil {
		deps.Timeline = func(timeline.Event) {}
	}
	if deps.Metrics == nil {
		deps.Metrics = metric.Discard{}
	}
	if deps.NodeChecks == 0 {
		deps.NodeChecks = nodeCheckInterval
	}
	return &Service{store: store, deps: deps, now: time.Now, faults: newFaults()}
}

// Follow makes the nodes follow zonal shifts. It must be called before Run.
func (s *Service) Follow(shifts Shifts) { s.shifts = shifts }

// awayFrom is the zone that the balancer's traffic is led away from, or "".
func (s *Service) awayFrom(tx *cloud.Tx, region string, b *loadBalancer) (string, error) {
	if s.shifts == nil {
		return "", nil
	}
	return s.shifts.AwayFrom(tx, region, b.ARN)
}

// Node is one node of a balancer, as operators see it.
type Node struct {
	Balancer  string // its name
	ARN       string
	Region    string
	Zone      string
	Interface string
	Private   netip.Addr
	Public    netip.Addr // zero: an internal balancer
	Ports     []int      // of the balancer's listeners
	State     string     // the balancer's: "provisioning" or "active"
	Running   bool       // the node's HAProxy answers
	Reason    string     // why it does not run
}
