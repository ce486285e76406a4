package conformance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/conformance/world"
)

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestTheBalancersOwnStatusCodes(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a", "b")
	require.NoError(t, balancerAttributes(s.Balancer, "idle_timeout.timeout_seconds", "2"))
	node := s.nodes[0]
	world.Wait(t, "the idle timeout to hold", time.Minute, func() error {
		if got, err := ask(node, "/slow/4000"); err != nil || got.status != 504 {
			return fmt.Errorf("a server that is slower than it gives %d: %w", got.status, err)
		}
		return nil
	})
	method := func(name string) func(*http.Request) { return func(r *http.Request) { r.Method = name } }
	for _, c := range []struct {
		path   string
		edit   func(*http.Request)
		status int
		why    string
	}{
		{"/close", nil, 502, "the target closed the connection"},
		{"/reset", nil, 502, "the target reset the connection"},
		{"/garbage", nil, 502, "the target's answer is malformed"},
		{"/status/503", nil, 503, "the target's own answer is passed on"},
		{"/", method("TRACE"), 405, "TRACE is not supported"},
		{"/", header("X-Forwarded-For", strings.Repeat("10.0.0.1, ", 30)+"10.0.0.1"), 463, "more than thirty addresses"},
		{"/", header("X-Forwarded-For", strings.Repeat("10.0.0.1, ", 29)+"10.0.0.1"), 200, "thirty addresses"},
		{"/", header("X-Long", strings.Repeat("x", 17<<10)), 400, "a header of more than 16 K"},
		{"/", header("X-Long", strings.Repeat("x", 15<<10)), 200, "a header of less than 16 K"},
		{"/?" + strings.Repeat("x", 17<<10), nil, 414, "a request line of more than 16 K"},
	} {
		edit := c.edit
		if edit == nil {
			edit = func(*http.Request) {}
		}
		require.Equal(t, c.status, mustAsk(t, node, c.path, edit).status, c.why)
	}
	_, err := s.world().ELB.DeregisterTargets(context.Background(), &elasticloadbalancingv2.DeregisterTargetsInput{
		TargetGroupArn: &s.Group, Targets: []types.TargetDescription{{Id: &s.ids[0]}, {Id: &s.ids[1]}}})
	require.NoError(t, err)
	world.Wait(t, "503 without a registered target", 30*time.Second, func() error {
		if got, err := ask(node, "/"); err != nil || got.status != 503 || got.header.Get("Server") != "awselb/2.0" {
			return fmt.Errorf("status %d of %q: %w", got.status, got.header.Get("Server"), err)
		}
		return nil
	})
}

func TestHeadersThatTheBalancerAdds(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a", "b")
	seen := func(edit ...func(*http.Request)) http.Header {
		var headers http.Header
		require.NoError(t, json.Unmarshal([]byte(mustAsk(t, s.nodes[0], "/headers", edit...).body), &headers))
		return headers
	}
	plain := seen()
	require.NotNil(t, net.ParseIP(plain.Get("X-Forwarded-For")))
	require.Equal(t, "http", plain.Get("X-Forwarded-Proto"))
	require.Equal(t, "80", plain.Get("X-Forwarded-Port"))
	require.Regexp(t, `^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$`, plain.Get("X-Amzn-Trace-Id"))
	const root = "Root=1-67891233-abcdef012345678912345678"
	require.Regexp(t, `^Self=1-[0-9a-f]{8}-[0-9a-f]{24};`+root+`$`, seen(header("X-Amzn-Trace-Id", root)).Get("X-Amzn-Trace-Id"))
	forwarded := header("X-Forwarded-For", "192.0.2.1")
	require.Regexp(t, `^192\.0\.2\.1, \d+\.\d+\.\d+\.\d+$`, seen(forwarded).Get("X-Forwarded-For"), "append")
	for mode, want := range map[string]string{"preserve": "192.0.2.1", "remove": ""} {
		require.NoError(t, balancerAttributes(s.Balancer, "routing.http.xff_header_processing.mode", mode))
		world.Wait(t, "mode "+mode, 30*time.Second, func() error {
			if got := seen(forwarded).Get("X-Forwarded-For"); got != want {
				return fmt.Errorf("the target sees %q", got)
			}
			return nil
		})
	}
}

func TestStickyClientsStayWithTheirServer(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a", "b")
	groupAttributes(t, s.Balancer, "stickiness.enabled", "true", "stickiness.lb_cookie.duration_seconds", "60")
	var first answer
	world.Wait(t, "the cookie", 30*time.Second, func() error {
		for _, node := range s.nodes { // each of them learns of it by itself
			if first = mustAsk(t, node, "/"); len(first.header.Values("Set-Cookie")) != 2 {
				return fmt.Errorf("the node in %s sets %v", node.Zone, first.header.Values("Set-Cookie"))
			}
		}
		return nil
	})
	cookie, _, _ := strings.Cut(first.header.Values("Set-Cookie")[0], ";")
	require.True(t, strings.HasPrefix(cookie, "AWSALB="))
	for _, node := range s.nodes { // every node honours it
		for range 6 {
			require.Equal(t, first.body, mustAsk(t, node, "/", header("Cookie", cookie)).body)
		}
	}
	others := map[string]bool{}
	for range 10 {
		others[mustAsk(t, s.nodes[0], "/", header("Cookie", "AWSALB=0123456789abcdef.1")).body] = true
	}
	require.Len(t, others, 2, "a cookie that means nothing binds nobody")
}

func TestLeastOutstandingRequestsSpareABusyServer(t *testing.T) {
	t.Parallel()
	s := newSite(t, "a", "b")
	require.NoError(t, balancerAttributes(s.Balancer, "idle_timeout.timeout_seconds", "30"))
	groupAttributes(t, s.Balancer, "load_balancing.algorithm.type", "least_outstanding_requests")
	time.Sleep(5 * time.Second)
	s.world().MustShell(t, s.ids[0], "kill -STOP $(pgrep -f 'web-serve[r]')") // it accepts requests and answers none
	const requests = 12
	answered := make(chan bool, requests)
	for range requests {
		go func() {
			client := world.Client(s.nodes[0])
			client.Timeout = 3 * time.Second
			response, err := client.Get("http://site.test/")
			if err == nil {
				_ = response.Body.Close()
			}
			answered <- err == nil
		}()
		time.Sleep(200 * time.Millisecond)
	}
	count := 0
	for range requests {
		if <-answered {
			count++
		}
	}
	require.GreaterOrEqual(t, count, requests-2, "round robin would have given half of them to the server that hangs")
}

func TestANewServerStartsSlowly(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a", "b")
	b := n.Balancer(t)
	groupAttributes(t, b, "slow_start.duration_seconds", "30")
	old := n.Instance(t, world.Instance{Zone: "a", UserData: w.WebServer(80)})
	fresh := n.Instance(t, world.Instance{Zone: "b", UserData: w.WebServer(80)})
	b.Register(t, old)
	b.AwaitHealth(t, old, types.TargetHealthStateEnumHealthy)
	b.Register(t, fresh)
	b.AwaitHealth(t, fresh, types.TargetHealthStateEnumHealthy)
	begun := time.Now()
	name := strings.TrimSpace(w.MustShell(t, fresh, "hostname"))
	node := b.Nodes(t)[0]
	early := shares(t, node, 60)[name]
	if took := time.Since(begun); took < 10*time.Second {
		require.Less(t, early, 20, "a third after at most %s of 30 s", took)
	}
	time.Sleep(time.Until(begun.Add(31*time.Second + noise)))
	late := shares(t, node, 60)[name]
	require.Greater(t, late, 20, "its full share is half")
	require.Greater(t, late, early)
}
