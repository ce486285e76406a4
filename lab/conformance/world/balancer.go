package world

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/require"

	"haven/lab/control"
)

// Balancer is an internet-facing application load balancer with one target group behind a listener on port 80.
type Balancer struct {
	Network  *Network
	Name     string
	ARN      string
	DNSName  string
	Group    string // the target group's ARN
	Listener string // the listener's ARN
}

// Balancer makes a balancer in all the network's zones, with the network's Open security group. The target group
// (protocol HTTP, port 80, /health each 5 seconds, thresholds of two) is changed by the functions given.
func (n *Network) Balancer(t testing.TB, change ...func(*elasticloadbalancingv2.CreateTargetGroupInput)) *Balancer {
	t.Helper()
	ctx, w := context.Background(), n.World
	b := &Balancer{Network: n, Name: fmt.Sprintf("test-%d-%d", n.Number, time.Now().UnixNano()%1e9)}
	var subnets []string
	for _, id := range n.Subnets {
		subnets = append(subnets, id)
	}
	made, err := w.ELB.CreateLoadBalancer(ctx, &elasticloadbalancingv2.CreateLoadBalancerInput{Name: &b.Name, Subnets: subnets, SecurityGroups: []string{n.Open}})
	require.NoError(t, err)
	b.ARN, b.DNSName = *made.LoadBalancers[0].LoadBalancerArn, *made.LoadBalancers[0].DNSName
	t.Cleanup(func() {
		_, _ = w.ELB.DeleteLoadBalancer(context.Background(), &elasticloadbalancingv2.DeleteLoadBalancerInput{LoadBalancerArn: &b.ARN}) // the test may have
	})
	in := &elasticloadbalancingv2.CreateTargetGroupInput{
		Name: &b.Name, VpcId: &n.ID, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), HealthCheckPath: aws.String("/health"),
		HealthCheckIntervalSeconds: aws.Int32(5), HealthCheckTimeoutSeconds: aws.Int32(2), HealthyThresholdCount: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(2),
	}
	for _, apply := range change {
		apply(in)
	}
	group, err := w.ELB.CreateTargetGroup(ctx, in)
	require.NoError(t, err)
	b.Group = *group.TargetGroups[0].TargetGroupArn
	listener, err := w.ELB.CreateListener(ctx, &elasticloadbalancingv2.CreateListenerInput{
		LoadBalancerArn: &b.ARN, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80),
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: &b.Group}},
	})
	require.NoError(t, err)
	b.Listener = *listener.Listeners[0].ListenerArn
	return b
}

// Register adds instances to the target group.
func (b *Balancer) Register(t testing.TB, ids ...string) {
	t.Helper()
	var targets []types.TargetDescription
	for _, id := range ids {
		targets = append(targets, types.TargetDescription{Id: aws.String(id)})
	}
	_, err := b.Network.World.ELB.RegisterTargets(context.Background(), &elasticloadbalancingv2.RegisterTargetsInput{TargetGroupArn: &b.Group, Targets: targets})
	require.NoError(t, err)
}

// Health returns the targets' health by their ids.
func (b *Balancer) Health() (map[string]types.TargetHealth, error) {
	out, err := b.Network.World.ELB.DescribeTargetHealth(context.Background(), &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: &b.Group})
	if err != nil {
		return nil, err
	}
	health := map[string]types.TargetHealth{}
	for _, d := range out.TargetHealthDescriptions {
		health[*d.Target.Id] = *d.TargetHealth
	}
	return health, nil
}

// AwaitHealth waits until a target is in a state.
func (b *Balancer) AwaitHealth(t testing.TB, id string, state types.TargetHealthStateEnum) {
	t.Helper()
	Wait(t, fmt.Sprintf("target %s to be %s", id, state), limit, func() error {
		health, err := b.Health()
		if err == nil && health[id].State != state {
			err = fmt.Errorf("it is %s (%s: %s)", health[id].State, health[id].Reason, aws.ToString(health[id].Description))
		}
		return err
	})
}

// Nodes are the balancer's nodes, once there is one in each zone that it has; a client outside reaches each at its loopback address.
func (b *Balancer) Nodes(t testing.TB) (nodes []control.Node) {
	t.Helper()
	Wait(t, "the nodes of "+b.Name, limit, func() error {
		status, err := b.Network.World.Control.Status(context.Background())
		if err != nil {
			return err
		}
		nodes = nil
		for _, node := range status.Nodes {
			if node.Balancer == b.Name {
				nodes = append(nodes, node)
			}
		}
		if len(nodes) != len(b.Network.Subnets) {
			return fmt.Errorf("there are %d for %d zones", len(nodes), len(b.Network.Subnets))
		}
		return nil
	})
	return nodes
}

// Client returns a client outside of the lab whose requests, to whatever host, go to one of the balancer's nodes, each
// on a connection of its own.
func Client(node control.Node) *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: to(node.Address), DisableKeepAlives: true}}
}
