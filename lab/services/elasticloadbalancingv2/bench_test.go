package elasticloadbalancingv2_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"haven/lab/authority"
	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/realm/balancer"
	"haven/lab/services/acm"
	"haven/lab/services/ec2"
	lab "haven/lab/services/elasticloadbalancingv2"
	"haven/lab/wire/wiretest"
)

const region = wiretest.Region

// network is EC2 with instances that the test makes up.
type network struct {
	*ec2.Service
	mu        sync.Mutex
	instances map[string]*ec2.Instance
}

func (n *network) Instance(_ *cloud.Tx, _, id string) (*ec2.Instance, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.instances[id], nil
}

// realm plays the nodes: it runs whatever is applied and says of targets what the test tells it to.
type realm struct {
	mu       sync.Mutex
	specs    []balancer.Spec
	down     map[string]bool                             // zones whose node does not run
	verdicts map[string]balancer.TargetHealth            // by target id
	differ   map[string]map[string]balancer.TargetHealth // by zone, then target id
	changed  chan struct{}
}

func newRealm() *realm {
	return &realm{down: map[string]bool{}, verdicts: map[string]balancer.TargetHealth{}, differ: map[string]map[string]balancer.TargetHealth{}, changed: make(chan struct{}, 1)}
}

func (r *realm) Apply(_ context.Context, specs []balancer.Spec) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, spec := range specs {
		if _, err := balancer.Config(spec); err != nil {
			return err
		}
	}
	r.specs = specs
	return nil
}

func (r *realm) Observe() []balancer.Observation {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []balancer.Observation
	for _, spec := range r.specs {
		observation := balancer.Observation{Interface: spec.Interface, Balancer: spec.Balancer, Zone: spec.Zone, Running: !r.down[spec.Zone]}
		for _, group := range spec.Groups {
			for _, target := range group.Targets {
				verdict, ok := r.differ[spec.Zone][target.ID]
				if !ok {
					verdict = r.verdicts[target.ID]
				}
				if verdict.Verdict == "" {
					verdict.Verdict = balancer.VerdictInitial
				}
				verdict.Group, verdict.Target = group.ID, target.Key()
				observation.Targets = append(observation.Targets, verdict)
			}
		}
		all = append(all, observation)
	}
	return all
}

func (r *realm) Changed() <-chan struct{} { return r.changed }

// say changes what the realm observes.
func (r *realm) say(change func()) {
	r.mu.Lock()
	change()
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *realm) spec(zone string) balancer.Spec {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, spec := range r.specs {
		if spec.Zone == zone {
			return spec
		}
	}
	return balancer.Spec{}
}

type bench struct {
	*testing.T
	store       *cloud.Store
	network     *network
	realm       *realm
	service     *lab.Service
	client      *elb.Client
	vpc         string
	subnets     map[string]string // by zone letter
	group       string
	certificate string
	bucket      *bucket
	metrics     *recorder
	shifts      *shifts
}

// recorder keeps what is measured.
type recorder struct {
	mu   sync.Mutex
	data []metric.Datum
}

// Record keeps the data.
func (r *recorder) Record(_ string, data ...metric.Datum) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.data = append(r.data, data...)
}

// sum adds up a metric's values, each as often as it was seen, over the data with exactly these dimensions.
func (r *recorder) sum(name string, dimensions ...metric.Dimension) (total float64, found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, datum := range r.data {
		if datum.Name != name || !slices.Equal(datum.Dimensions, dimensions) {
			continue
		}
		found = true
		for i, value := range datum.Values {
			if datum.Counts != nil {
				value *= datum.Counts[i]
			}
			total += value
		}
	}
	return total, found
}

// shifts leads traffic away from a zone.
type shifts struct {
	mu   sync.Mutex
	zone string
}

// AwayFrom is the zone, whatever the balancer.
func (s *shifts) AwayFrom(*cloud.Tx, string, string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.zone, nil
}

func (s *shifts) set(zone string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone = zone
}

func newBench(t *testing.T, withRealm bool) *bench {
	t.Helper()
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	ca, err := authority.Open(t.TempDir())
	require.NoError(t, err)
	b := &bench{T: t, store: store, network: &network{Service: ec2.New(store), instances: map[string]*ec2.Instance{}}, realm: newRealm(), subnets: map[string]string{}}
	certificates := acm.New(store, ca)
	b.bucket, b.metrics, b.shifts = &bucket{}, &recorder{}, &shifts{}
	deps := lab.Dependencies{Network: b.network, Certificates: certificates, Bucket: b.bucket, Metrics: b.metrics, NodeChecks: 20 * time.Millisecond}
	if withRealm {
		deps.Realm = b.realm
	}
	b.service = lab.New(store, deps)
	b.service.Follow(b.shifts)
	config := wiretest.New(t, map[string]any{"elasticloadbalancingv2": b.service, "ec2": b.network.Service})
	b.client = elb.NewFromConfig(config)
	b.furnish(awsec2.NewFromConfig(config))
	b.certificate = b.importCertificate(ca, certificates)
	return b
}

func (b *bench) furnish(client *awsec2.Client) {
	b.Helper()
	vpc, err := client.CreateVpc(b.Context(), &awsec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	require.NoError(b, err)
	b.vpc = *vpc.Vpc.VpcId
	gateway, err := client.CreateInternetGateway(b.Context(), &awsec2.CreateInternetGatewayInput{})
	require.NoError(b, err)
	_, err = client.AttachInternetGateway(b.Context(), &awsec2.AttachInternetGatewayInput{InternetGatewayId: gateway.InternetGateway.InternetGatewayId, VpcId: &b.vpc})
	require.NoError(b, err)
	for i, letter := range []string{"a", "b", "c"} {
		subnet, err := client.CreateSubnet(b.Context(), &awsec2.CreateSubnetInput{
			VpcId: &b.vpc, CidrBlock: aws.String(fmt.Sprintf("10.0.%d.0/24", i)), AvailabilityZone: aws.String(region + letter)})
		require.NoError(b, err)
		b.subnets[letter] = *subnet.Subnet.SubnetId
	}
	group, err := client.CreateSecurityGroup(b.Context(), &awsec2.CreateSecurityGroupInput{VpcId: &b.vpc, GroupName: aws.String("lb"), Description: aws.String("lb")})
	require.NoError(b, err)
	b.group = *group.GroupId
}

func (b *bench) importCertificate(ca *authority.Authority, service *acm.Service) string {
	b.Helper()
	cert, key, err := ca.Issue([]string{"www.example.com"}, nil)
	require.NoError(b, err)
	ctx := cloud.WithCall(b.Context(), &cloud.Call{Region: region})
	out, err := service.ImportCertificate(ctx, importInput(cert, key))
	require.NoError(b, err)
	return *out.CertificateArn
}

// instance makes an instance up.
func (b *bench) instance(id, zone, address string) {
	b.network.mu.Lock()
	defer b.network.mu.Unlock()
	b.network.instances[id] = &ec2.Instance{ID: id, Zone: zone, VPCID: b.vpc, PrivateIP: address, State: ec2types.InstanceStateNameRunning}
}

func (b *bench) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.service.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		require.NoError(b, <-done)
	})
}

func (b *bench) balancer(name string) types.LoadBalancer {
	b.Helper()
	out, err := b.client.CreateLoadBalancer(b.Context(), &elb.CreateLoadBalancerInput{
		Name: aws.String(name), Subnets: []string{b.subnets["a"], b.subnets["b"]}, SecurityGroups: []string{b.group}})
	require.NoError(b, err)
	return out.LoadBalancers[0]
}

func (b *bench) targetGroup(name string) types.TargetGroup {
	b.Helper()
	out, err := b.client.CreateTargetGroup(b.Context(), &elb.CreateTargetGroupInput{
		Name: aws.String(name), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(8080), VpcId: &b.vpc,
		HealthCheckPath: aws.String("/ready"), HealthCheckIntervalSeconds: aws.Int32(5), HealthCheckTimeoutSeconds: aws.Int32(3),
		HealthyThresholdCount: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(2)})
	require.NoError(b, err)
	return out.TargetGroups[0]
}

func (b *bench) listener(balancer, group *string, port int32) types.Listener {
	b.Helper()
	out, err := b.client.CreateListener(b.Context(), &elb.CreateListenerInput{
		LoadBalancerArn: balancer, Port: &port, Protocol: types.ProtocolEnumHttp, DefaultActions: forward(group)})
	require.NoError(b, err)
	return out.Listeners[0]
}

func forward(group *string) []types.Action {
	return []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: group}}
}

func (b *bench) health(group *string) map[string]string {
	out, err := b.client.DescribeTargetHealth(b.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: group})
	require.NoError(b, err)
	all := map[string]string{}
	for _, description := range out.TargetHealthDescriptions {
		all[*description.Target.Id] = fmt.Sprint(description.TargetHealth.State, " ", description.TargetHealth.Reason)
	}
	return all
}

func (b *bench) eventually(what string, holds func() bool) {
	b.Helper()
	require.Eventually(b, holds, 10*time.Second, 5*time.Millisecond, what)
}

func (b *bench) refused(code string, err error) {
	b.Helper()
	var api smithy.APIError
	require.ErrorAs(b, err, &api)
	require.Equal(b, code, api.ErrorCode(), "%v", err)
}

const (
	waitLimit = 10 * time.Second
	waitStep  = 5 * time.Millisecond
	quietTime = 300 * time.Millisecond
)
