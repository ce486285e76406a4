package conformance_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
)

// TestAFloodHurtsOneBalancerOnly sends one balancer far more than its server can do. Its neighbour, in the same network, and the
// API serve on, and it does itself when the flood is over.
func TestAFloodHurtsOneBalancerOnly(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a", "b")
	flooded, spared := n.Balancer(t), n.Balancer(t)
	servers := []string{n.Launch(t, world.Instance{Zone: "a", UserData: w.WebServer(80)}), n.Launch(t, world.Instance{Zone: "b", UserData: w.WebServer(80)})}
	flooded.Register(t, servers[0])
	spared.Register(t, servers[1])
	flooded.AwaitHealth(t, servers[0], elbtypes.TargetHealthStateEnumHealthy)
	spared.AwaitHealth(t, servers[1], elbtypes.TargetHealthStateEnumHealthy)
	target, neighbour := nodeOf(t, flooded, "a"), nodeOf(t, spared, "a")
	world.Wait(t, "both to serve", faultLimit, func() error { return errors.Join(get(target), get(neighbour)) })

	const clients = 300
	ctx, stop := context.WithCancel(context.Background())
	var sent atomic.Int64
	var flood sync.WaitGroup
	t.Cleanup(func() { stop(); flood.Wait() })
	for range clients {
		flood.Go(func() {
			client := world.Client(target)
			for ctx.Err() == nil {
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://site.test/bytes/20000", nil)
				if err != nil {
					return
				}
				sent.Add(1)
				if response, err := client.Do(request); err == nil { // what becomes of the flood is its own business
					_, _ = io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
			}
		})
	}
	world.Wait(t, "the flood", faultLimit, func() error {
		if sent.Load() < 5*clients {
			return errors.New("it has not begun yet")
		}
		return nil
	})
	for range 20 {
		require.NoError(t, get(neighbour), "the neighbour answers within its three seconds")
		_, err := w.EC2.DescribeInstances(context.Background(), &ec2.DescribeInstancesInput{InstanceIds: servers[:1]})
		require.NoError(t, err)
	}
	spared.AwaitHealth(t, servers[1], elbtypes.TargetHealthStateEnumHealthy)
	stop()
	flood.Wait()
	flooded.AwaitHealth(t, servers[0], elbtypes.TargetHealthStateEnumHealthy)
	world.Wait(t, "the flooded balancer to serve", faultLimit, func() error { return get(target) })
}

// TestHalfARequestHoldsNobodyUp opens many connections that never finish their request. Others are served, and the balancer ends the
// silent ones after its idle timeout with 408, as AWS documents:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html#http-408-issues
func TestHalfARequestHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a", "b")
	b := n.Balancer(t)
	server := n.Launch(t, world.Instance{Zone: "a", UserData: w.WebServer(80)})
	b.Register(t, server)
	_, err := w.ELB.ModifyLoadBalancerAttributes(context.Background(), &elasticloadbalancingv2.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: &b.ARN, Attributes: []elbtypes.LoadBalancerAttribute{{Key: aws.String("idle_timeout.timeout_seconds"), Value: aws.String("5")}},
	})
	require.NoError(t, err)
	b.AwaitHealth(t, server, elbtypes.TargetHealthStateEnumHealthy)
	node := nodeOf(t, b, "a")
	world.Wait(t, "it to serve", faultLimit, func() error { return get(node) })

	const halves = 500
	var open []net.Conn
	t.Cleanup(func() {
		for _, connection := range open {
			connection.Close()
		}
	})
	for range halves {
		connection, err := (&net.Dialer{Timeout: 10 * time.Second}).Dial("tcp", node.Address+":80")
		require.NoError(t, err)
		open = append(open, connection)
		_, err = io.WriteString(connection, "GET / HTTP/1.1\r\nHost: si")
		require.NoError(t, err)
	}
	for range 10 {
		require.NoError(t, get(node), "others are served")
	}
	for i, connection := range open {
		require.NoError(t, connection.SetReadDeadline(time.Now().Add(faultLimit)))
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		require.False(t, errors.Is(err, os.ErrDeadlineExceeded), "connection %d is held open", i)
		require.NoError(t, err)
		require.Equal(t, http.StatusRequestTimeout, response.StatusCode)
		response.Body.Close()
	}
	require.NoError(t, get(node))
}
