package vpc

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"haven/lab/realm/host"
)

func collectEvents(spec *Spec, endpoints ...string) chan FirewallEvent {
	events := make(chan FirewallEvent, 1024)
	for _, id := range endpoints {
		spec.face(id).Firewall.LogTo = func(e FirewallEvent) {
			select {
			case events <- e:
			default:
			}
		}
	}
	return events
}

func requireEvent(t *testing.T, events chan FirewallEvent, is func(FirewallEvent) bool) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e := <-events:
			if is(e) {
				return
			}
		case <-timeout:
			t.Fatal("the firewall logged no such event")
		}
	}
}

func TestFiveTupleRulesDecideInOrder(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	spec := twoZones()
	events := collectEvents(&spec, "eni-firewall-a")
	policy := spec.face("eni-firewall-a").Firewall
	server := []netip.Prefix{netip.MustParsePrefix("203.0.113.80/32"), netip.MustParsePrefix("203.0.113.80/31")}
	policy.DefaultDrop = true
	policy.Rules = []FirewallRule{
		{Action: "alert", Protocol: 6, FromPort: 81, ToPort: 81, Message: "watched", SID: 1},
		{Action: "drop", Protocol: 6, Destination: server, FromPort: 82, ToPort: 82, Message: "bad port", SID: 2},
		{Action: "reject", Protocol: 6, Destination: server, FromPort: 83, ToPort: 83, Message: "refused", SID: 3},
		{Action: "pass", Protocol: 6, Destination: server, FromPort: 80, ToPort: 89, SID: 4},
	}
	apply(t, n, spec)
	for port := 80; port <= 90; port++ {
		answer(t, n.Internet(), fmt.Sprintf("203.0.113.80:%d", port))
	}
	client := behind(t, n, "eni-server-a")

	requireReaches(t, client, "203.0.113.80:80", "198.18.0.10")
	requireReaches(t, client, "203.0.113.80:81", "198.18.0.10")
	requireEvent(t, events, func(e FirewallEvent) bool { return e.Action == "alert" && e.SID == 1 && e.Message == "watched" })
	requireBlocked(t, client, "203.0.113.80:82")
	requireEvent(t, events, func(e FirewallEvent) bool {
		return e.Action == "drop" && e.SID == 2 && e.Destination == netip.MustParseAddrPort("203.0.113.80:82") && e.Protocol == 6
	})
	start := time.Now()
	_, _, err := call(client, "203.0.113.80:83", patience)
	require.ErrorContains(t, err, "refused")
	require.Less(t, time.Since(start), patience)
	requireBlocked(t, client, "203.0.113.80:90")
	requireEvent(t, events, func(e FirewallEvent) bool { return e.Action == "drop" && e.Message == "not allowed by any rule" })

	_, conn, err := call(client, "203.0.113.80:80", patience)
	require.NoError(t, err)
	defer conn.Close()
	policy.Rules = nil
	apply(t, n, spec)
	requireBlocked(t, client, "203.0.113.80:80")
	requireTalks(t, conn) // changed rules apply to new connections
}

// tlsSite serves HTTP over TLS inside the internet; the certificate is any.
func tlsSite(t *testing.T, ns *host.Namespace, address string) {
	t.Helper()
	l, err := ns.Listen(t.Context(), "tcp4", address)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	serveTLS(t, l)
}

func get(ns *host.Namespace, url, address string, timeout time.Duration) (string, error) {
	client := http.Client{Timeout: timeout, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // the test's certificate is for any name
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return ns.DialContext(ctx, "tcp4", address)
		},
	}}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	line, err := bufio.NewReader(response.Body).ReadString('\n')
	return line, err
}

func TestOnlyAllowedDomainsAreReached(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	spec := twoZones()
	events := collectEvents(&spec, "eni-firewall-a")
	policy := spec.face("eni-firewall-a").Firewall
	policy.AllowDomains, policy.DefaultDrop = []string{".example.com", "exact.test"}, true
	apply(t, n, spec)
	tlsSite(t, n.Internet(), "203.0.113.80:443")
	httpSite(t, n.Internet(), "203.0.113.80:80")
	client := behind(t, n, "eni-server-a")

	for _, name := range []string{"example.com", "www.example.com", "exact.test"} {
		for scheme, port := range map[string]string{"https": "443", "http": "80"} {
			seen, err := get(client, scheme+"://"+name+"/", "203.0.113.80:"+port, patience)
			require.NoError(t, err, "%s://%s", scheme, name)
			require.Equal(t, "198.18.0.10\n", seen, "the server sees the NAT gateway")
		}
	}
	for _, name := range []string{"evil.test", "notexample.com", "sub.exact.test", "203.0.113.80"} {
		for scheme, port := range map[string]string{"https": "443", "http": "80"} {
			_, err := get(client, scheme+"://"+name+"/", "203.0.113.80:"+port, refusal)
			require.Error(t, err, "%s://%s", scheme, name)
			requireEvent(t, events, func(e FirewallEvent) bool {
				return e.Action == "drop" && e.Destination.Addr() == netip.MustParseAddr("203.0.113.80")
			})
		}
	}
	answer(t, n.Internet(), "203.0.113.80:8443")
	requireBlocked(t, client, "203.0.113.80:8443") // another port: the default drops it

	policy.AllowDomains = []string{"evil.test"}
	apply(t, n, spec)
	_, err := get(client, "https://evil.test/", "203.0.113.80:443", patience)
	require.NoError(t, err)
	_, err = get(client, "https://exact.test/", "203.0.113.80:443", refusal)
	require.Error(t, err)
}

func TestABadRequestIsDroppedByItsContent(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	spec := twoZones()
	events := collectEvents(&spec, "eni-firewall-a")
	spec.face("eni-firewall-a").Firewall.Rules = []FirewallRule{
		{Action: "drop", Protocol: 6, FromPort: 80, ToPort: 80, Content: "/etc/passwd", Message: "path traversal", SID: 7},
		{Action: "pass", Protocol: -1, FromPort: -1, ToPort: -1},
	}
	apply(t, n, spec)
	httpSite(t, behind(t, n, "eni-balancer-a"), "10.0.10.20:80")

	seen, err := get(n.Internet(), "http://site.test/index", "198.18.0.20:80", patience)
	require.NoError(t, err)
	require.Equal(t, OutsideClient.String()+"\n", seen, "the balancer sees the client's own address")
	_, err = get(n.Internet(), "http://site.test/../../etc/passwd", "198.18.0.20:80", refusal)
	require.Error(t, err)
	requireEvent(t, events, func(e FirewallEvent) bool {
		return e.SID == 7 && e.Message == "path traversal" && e.Source.Addr() == OutsideClient
	})

	counts, err := n.FirewallCounts(t.Context())
	require.NoError(t, err)
	here := counts["eni-firewall-a"]
	require.Positive(t, here.Dropped, "what was forbidden")
	require.Greater(t, here.Received, uint64(5))
	require.Zero(t, counts["eni-firewall-b"].Received)
}

func TestDroppedAndRejectedPacketsAreCounted(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	spec := twoZones()
	spec.face("eni-firewall-a").Firewall.Rules = []FirewallRule{
		{Action: "reject", Protocol: 6, FromPort: 81, ToPort: 81}, {Action: "drop", Protocol: 6, FromPort: 82, ToPort: 82}, {Action: "pass", Protocol: -1, FromPort: -1, ToPort: -1},
	}
	apply(t, n, spec)
	for _, address := range []string{"198.18.0.20:81", "198.18.0.20:82"} {
		requireBlocked(t, n.Internet(), address)
	}
	counts, err := n.FirewallCounts(t.Context())
	require.NoError(t, err)
	require.Positive(t, counts["eni-firewall-a"].Rejected)
	require.Positive(t, counts["eni-firewall-a"].Dropped)
	_, err = parseCount(`{"nftables": []}`)
	require.Error(t, err)
}

func TestAHelloOfMoreThanOnePacketPasses(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	spec := twoZones()
	policy := spec.face("eni-firewall-a").Firewall
	policy.DefaultDrop = true
	policy.Rules = []FirewallRule{{Action: "pass", Protocol: 6, FromPort: 443, ToPort: 443, Application: "tls"}}
	apply(t, n, spec)
	tlsSite(t, behind(t, n, "eni-balancer-a"), "10.0.10.20:443")
	for range 20 {
		_, err := get(n.Internet(), "https://"+strings.Repeat("long.", 40)+"test/", "198.18.0.20:443", patience)
		require.NoError(t, err)
	}
}

func TestADecidedConnectionGoesOnThoughNobodyLooks(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	spec := twoZones()
	spec.face("eni-firewall-a").Firewall.Rules = []FirewallRule{{Action: "drop", Protocol: 6, FromPort: -1, ToPort: -1, Content: "bad", Application: "tls"}}
	apply(t, n, spec)
	answer(t, n.Internet(), "203.0.113.80:80")
	client := behind(t, n, "eni-server-a")
	_, conn, err := call(client, "203.0.113.80:80", patience)
	require.NoError(t, err)
	defer conn.Close()
	requireTalks(t, conn) // it speaks no TLS: that is decided by its first words

	live, ok := n.space("eni-firewall-a")
	require.True(t, ok)
	require.NoError(t, live.firewall.inspector.Close())
	requireTalks(t, conn)
	requireBlocked(t, client, "203.0.113.80:80") // a new one is not let through unseen

	live.firewall.inspector = nil
	apply(t, n, spec)
	requireReaches(t, client, "203.0.113.80:80", "198.18.0.10")
}

func TestTheDefaultDropsBothWaysAndKnocksAreNotAnswered(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	spec := twoZones()
	policy := spec.face("eni-firewall-a").Firewall
	policy.DefaultDrop = true
	policy.Rules = []FirewallRule{
		{Action: "drop", Protocol: 6, FromPort: -1, ToPort: -1, Content: "/etc/passwd", Application: "http", IgnoreCase: true},
		{Action: "pass", Protocol: 6, Destination: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}, FromPort: 80, ToPort: 80},
	}
	apply(t, n, spec)
	balancer := behind(t, n, "eni-balancer-a")
	httpSite(t, balancer, "10.0.10.20:80")
	answer(t, balancer, "10.0.10.20:443")

	_, err := get(n.Internet(), "http://site.test/", "198.18.0.20:80", patience)
	require.NoError(t, err)
	_, err = get(n.Internet(), "http://site.test/?f=/ETC/passwd", "198.18.0.20:80", refusal)
	require.Error(t, err)
	// The endpoint looks into connections that may pass only: to others it does not even shake hands.
	requireNoHandshake(t, n.Internet(), "198.18.0.20:443")
}

func TestAClientMayUseItsPortAgainAtOnce(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	spec := twoZones()
	spec.face("eni-firewall-a").Firewall.Rules = []FirewallRule{{Action: "drop", Protocol: 6, FromPort: -1, ToPort: -1, Content: "bad"}}
	apply(t, n, spec)
	l, err := behind(t, n, "eni-balancer-a").Listen(t.Context(), "tcp4", "10.0.10.20:443")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprintln(conn, "hello") // and the server ends it first
			conn.Close()
		}
	}()
	for range 3 {
		conn := dialFromPort(t, n.Internet(), "198.18.0.20:443", 45000)
		conn.SetDeadline(time.Now().Add(patience))
		said, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.Equal(t, "hello\n", string(said))
		require.NoError(t, conn.Close())
	}
}

// dialFromPort connects from a port of the client's, as soon as what ended there before is acknowledged.
func dialFromPort(t *testing.T, ns *host.Namespace, address string, port int) (conn *net.TCPConn) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var err error
		conn, err = ns.DialTCP(t.Context(), netip.MustParseAddrPort(address), func(fd int) error {
			return errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
				unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: OutsideClient.As4()}))
		})
		require.NoError(c, err)
	}, patience, 10*time.Millisecond)
	return conn
}

func requireNoHandshake(t *testing.T, ns *host.Namespace, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), refusal)
	defer cancel()
	conn, err := ns.DialContext(ctx, "tcp4", address)
	if err == nil {
		conn.Close()
	}
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// cutInTheMiddle moves an open connection to an endpoint that has not seen its beginning, and returns it.
func cutInTheMiddle(t *testing.T, exception StreamException) net.Conn {
	n := newNetwork(t, Options{})
	spec := twoZones()
	spec.face("eni-firewall-b").Firewall.StreamException = exception
	apply(t, n, spec)
	answer(t, n.Internet(), "203.0.113.80:80")
	_, conn, err := call(behind(t, n, "eni-server-a"), "203.0.113.80:80", patience)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	requireTalks(t, conn)
	ingress := spec.table("rtb-ingress")
	for k := range ingress.Routes {
		ingress.Routes[k].Target.ID = "eni-firewall-b"
	}
	spec.table("rtb-public-a").Routes[0].Target.ID = "eni-firewall-b"
	apply(t, n, spec)
	return conn
}

func TestAStrangersPacketsMeetTheStreamExceptionPolicy(t *testing.T) {
	t.Parallel()
	t.Run("drop", func(t *testing.T) { requireSilent(t, cutInTheMiddle(t, StreamDrop)) })
	t.Run("continue", func(t *testing.T) { requireTalks(t, cutInTheMiddle(t, StreamContinue)) })
	t.Run("reject", func(t *testing.T) {
		conn := cutInTheMiddle(t, StreamReject)
		fmt.Fprintln(conn, "hello")
		conn.SetReadDeadline(time.Now().Add(patience))
		_, err := conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
	})
}
