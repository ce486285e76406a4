package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
	"haven/lab/control"
)

// noise is what a busy machine may add to a measured time.
const noise = 5 * time.Second

// answer is what a client outside got.
type answer struct {
	status int
	body   string
	header http.Header
}

func ask(node control.Node, path string, edit ...func(*http.Request)) (answer, error) {
	request, err := http.NewRequest(http.MethodGet, "http://site.test"+path, nil)
	if err != nil {
		return answer{}, err
	}
	for _, change := range edit {
		change(request)
	}
	response, err := world.Client(node).Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, string(body), response.Header}, err
}

func mustAsk(t *testing.T, node control.Node, path string, edit ...func(*http.Request)) answer {
	t.Helper()
	got, err := ask(node, path, edit...)
	require.NoError(t, err)
	return got
}

// shares counts who answers a number of requests.
func shares(t *testing.T, node control.Node, requests int) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for range requests {
		got := mustAsk(t, node, "/")
		require.Equal(t, 200, got.status, got.body)
		counts[got.body]++
	}
	return counts
}

func groupAttributes(t *testing.T, b *world.Balancer, pairs ...string) {
	t.Helper()
	var wanted []types.TargetGroupAttribute
	for i := 0; i < len(pairs); i += 2 {
		wanted = append(wanted, types.TargetGroupAttribute{Key: &pairs[i], Value: &pairs[i+1]})
	}
	_, err := b.Network.World.ELB.ModifyTargetGroupAttributes(context.Background(), &elasticloadbalancingv2.ModifyTargetGroupAttributesInput{TargetGroupArn: &b.Group, Attributes: wanted})
	require.NoError(t, err)
}

func balancerAttributes(b *world.Balancer, pairs ...string) error {
	var wanted []types.LoadBalancerAttribute
	for i := 0; i < len(pairs); i += 2 {
		wanted = append(wanted, types.LoadBalancerAttribute{Key: &pairs[i], Value: &pairs[i+1]})
	}
	_, err := b.Network.World.ELB.ModifyLoadBalancerAttributes(context.Background(), &elasticloadbalancingv2.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &b.ARN, Attributes: wanted})
	return err
}

// site is a balancer over one web server in each of the zones, all healthy.
type site struct {
	*world.Balancer
	ids   []string
	nodes []control.Node
}

func newSite(t *testing.T, zones ...string) *site {
	t.Helper()
	w := world.Open(t)
	n := w.Network(t, zones...)
	s := &site{Balancer: n.Balancer(t)}
	for _, zone := range zones {
		s.ids = append(s.ids, n.Launch(t, world.Instance{Zone: zone, UserData: w.WebServer(80)}))
	}
	for _, id := range s.ids {
		w.AwaitState(t, id, "running")
	}
	s.Register(t, s.ids...)
	for _, id := range s.ids {
		s.AwaitHealth(t, id, types.TargetHealthStateEnumHealthy)
	}
	s.nodes = s.Nodes(t)
	return s
}

func (s *site) world() *world.World { return s.Network.World }

// resolved are the addresses that the balancer's name has inside its network.
func (s *site) resolved(t *testing.T) map[string]bool {
	output, _ := s.world().Shell(t, s.ids[0], "getent ahostsv4 "+s.DNSName)
	found := map[string]bool{}
	for line := range strings.Lines(output) {
		if fields := strings.Fields(line); len(fields) > 0 {
			found[fields[0]] = true
		}
	}
	return found
}

// leadsTo waits until the name has exactly the addresses of the nodes in the zones.
func (s *site) leadsTo(t *testing.T, limit time.Duration, zones ...string) {
	t.Helper()
	world.Wait(t, "the name to lead to zones "+strings.Join(zones, ", "), limit, func() error {
		found := s.resolved(t)
		wanted := map[string]bool{}
		for _, node := range s.nodes {
			for _, zone := range zones {
				if node.Zone == world.Zone(zone) {
					wanted[node.Public] = true
				}
			}
		}
		if fmt.Sprint(found) != fmt.Sprint(wanted) {
			return fmt.Errorf("it leads to %v, not %v", found, wanted)
		}
		return nil
	})
}

func TestADeadServerLeavesTheRotationAndComesBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a", "b")
	w := s.world()
	require.Len(t, shares(t, s.nodes[0], 20), 2)

	w.MustShell(t, s.ids[0], "systemctl stop web.service")
	begun := time.Now()
	s.AwaitHealth(t, s.ids[0], types.TargetHealthStateEnumUnhealthy)
	require.Less(t, time.Since(begun), 5*time.Second*(2+1)+noise, "interval × unhealthy threshold + one interval")
	world.Wait(t, "the server to be out on both nodes", 5*time.Second+noise, func() error {
		for _, node := range s.nodes {
			if got, err := ask(node, "/"); err != nil || got.status != 200 {
				return fmt.Errorf("status %d: %w", got.status, err)
			}
		}
		return nil
	})
	require.Len(t, shares(t, s.nodes[0], 20), 1)
	health, err := s.Health()
	require.NoError(t, err)
	require.Equal(t, types.TargetHealthReasonEnumFailedHealthChecks, health[s.ids[0]].Reason, "its port is closed by itself")

	w.MustShell(t, s.ids[0], "systemctl start web.service")
	begun = time.Now()
	s.AwaitHealth(t, s.ids[0], types.TargetHealthStateEnumHealthy)
	took := time.Since(begun)
	require.Less(t, took, 5*time.Second*(2+1)+noise, "interval × healthy threshold + one interval")
	require.Greater(t, took, 4*time.Second, "one passed check is not enough after a failure")
	world.Wait(t, "it to get requests again", 5*time.Second+noise, func() error {
		if counts := shares(t, s.nodes[0], 10); len(counts) != 2 {
			return fmt.Errorf("answers come from %v", counts)
		}
		return nil
	})
}

func TestAHealthPathThatDoesNotExistFailsOpen(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a", "b")
	b := n.Balancer(t, func(in *elasticloadbalancingv2.CreateTargetGroupInput) {
		in.HealthCheckPath = aws.String("/status/404")
	})
	id := n.Instance(t, world.Instance{Zone: "a", UserData: w.WebServer(80)})
	b.Register(t, id)
	world.Wait(t, "the mismatch to be told", time.Minute, func() error {
		health, err := b.Health()
		if err == nil && health[id].Reason != types.TargetHealthReasonEnumResponseCodeMismatch {
			err = fmt.Errorf("it is %s (%s)", health[id].State, health[id].Reason)
		}
		return err
	})
	health, err := b.Health()
	require.NoError(t, err)
	require.Equal(t, types.TargetHealthStateEnumUnhealthy, health[id].State)
	require.Equal(t, "Health checks failed with these codes: [404]", aws.ToString(health[id].Description))
	for _, node := range b.Nodes(t) {
		require.Equal(t, 200, mustAsk(t, node, "/").status, "no target is healthy: requests go to all of them")
	}
}

func TestAClosedPortTimesOut(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a", "b")
	b := n.Balancer(t)
	id := n.Instance(t, world.Instance{Zone: "a", UserData: w.WebServer(80), Groups: []string{n.SecurityGroup(t, "tcp 22 22 10.0.0.0/8")}})
	b.Register(t, id)
	b.AwaitHealth(t, id, types.TargetHealthStateEnumUnhealthy)
	health, err := b.Health()
	require.NoError(t, err)
	require.Equal(t, types.TargetHealthReasonEnumTimeout, health[id].Reason)
	begun := time.Now()
	require.Equal(t, 504, mustAsk(t, b.Nodes(t)[0], "/").status, "no connection within ten seconds")
	require.Greater(t, time.Since(begun), 9*time.Second)
}

func TestDrainingFinishesRequestsUntilItsDelayIsOver(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a", "b")
	groupAttributes(t, s.Balancer, "deregistration_delay.timeout_seconds", "6")
	hosts := map[string]string{}
	for i, id := range s.ids {
		hosts[id] = strings.TrimSpace(s.world().MustShell(t, s.ids[i], "hostname"))
	}
	finished := make(chan answer, 8)
	for range 4 { // two for each
		go func() {
			got, _ := ask(s.nodes[0], "/slow/3000")
			finished <- got
		}()
		go func() {
			got, _ := ask(s.nodes[0], "/slow/25000")
			finished <- got
		}()
	}
	time.Sleep(time.Second)
	_, err := s.world().ELB.DeregisterTargets(context.Background(), &elasticloadbalancingv2.DeregisterTargetsInput{
		TargetGroupArn: &s.Group, Targets: []types.TargetDescription{{Id: &s.ids[0]}}})
	require.NoError(t, err)
	health, err := s.Health()
	require.NoError(t, err)
	require.Equal(t, types.TargetHealthStateEnumDraining, health[s.ids[0]].State)
	require.Equal(t, types.TargetHealthReasonEnumDeregistrationInProgress, health[s.ids[0]].Reason)
	time.Sleep(500 * time.Millisecond)
	require.Equal(t, map[string]int{hosts[s.ids[1]]: 20}, shares(t, s.nodes[0], 20), "nothing new goes to it")

	codes := map[int]int{}
	for range 8 {
		codes[(<-finished).status]++
	}
	require.GreaterOrEqual(t, codes[200], 4, "what was short finished: %v", codes)
	require.Positive(t, codes[502], "what outlasted the delay was cut: %v", codes)
	world.Wait(t, "the target to be forgotten", time.Minute, func() error {
		health, err := s.Health()
		if _, there := health[s.ids[0]]; err == nil && there {
			err = errors.New("it is still shown")
		}
		return err
	})
}
