package vpc

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// discard starts a server that reads whatever comes, and says one byte at the end of it.
func discard(b *testing.B, l net.Listener) {
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.Copy(io.Discard, conn)
				conn.Write([]byte("."))
			}()
		}
	}()
}

// stream measures how fast bytes go through one connection.
func stream(b *testing.B, dial func() (net.Conn, error)) {
	conn, err := dial()
	require.NoError(b, err)
	defer conn.Close()
	chunk := make([]byte, 256<<10)
	b.SetBytes(int64(len(chunk)))
	b.ResetTimer()
	for range b.N {
		_, err := conn.Write(chunk)
		require.NoError(b, err)
	}
	require.NoError(b, conn.(*net.TCPConn).CloseWrite())
	_, err = io.ReadFull(conn, chunk[:1])
	require.NoError(b, err)
}

// BenchmarkThroughput compares loopback with the ways through the network: how much the routers, filters and the
// firewall endpoint cost.
func BenchmarkThroughput(b *testing.B) {
	n := newNetwork(b, Options{})
	spec := twoZones()
	inspecting := spec.face("eni-firewall-b").Firewall
	inspecting.Rules = []FirewallRule{{Action: "drop", Protocol: 6, FromPort: -1, ToPort: -1, Content: "a known bad request"}}
	apply(b, n, spec)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(b, err)
	discard(b, l)
	for id, address := range map[string]string{"eni-balancer-a": "10.0.10.20:443", "eni-balancer-b": "10.0.11.20:443", "eni-server-a": "10.0.20.30:8080"} {
		ns, _ := n.Namespace(id)
		listener, err := ns.Listen(context.Background(), "tcp4", address)
		require.NoError(b, err)
		discard(b, listener)
	}
	balancer, _ := n.Namespace("eni-balancer-a")
	f, err := n.Forward(b.Context(), anyPort, netip.MustParseAddrPort("198.18.0.20:443"))
	require.NoError(b, err)
	ways := []struct {
		name string
		dial func() (net.Conn, error)
	}{
		{"loopback", func() (net.Conn, error) { return net.Dial("tcp4", l.Addr().String()) }},
		{"balancer to server", func() (net.Conn, error) { return balancer.DialContext(b.Context(), "tcp4", "10.0.20.30:8080") }},
		{"outside through firewall", func() (net.Conn, error) { return n.Internet().DialContext(b.Context(), "tcp4", "198.18.0.20:443") }},
		{"outside through inspecting firewall", func() (net.Conn, error) { return n.Internet().DialContext(b.Context(), "tcp4", "198.18.1.20:443") }},
		{"host loopback forwarded through firewall", func() (net.Conn, error) { return net.Dial("tcp4", f.Addr().String()) }},
	}
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) { stream(b, way.dial) })
	}
}

// BenchmarkApply measures an Apply that changes one rule of a group, with the interfaces of a whole environment.
func BenchmarkApply(b *testing.B) {
	n := newNetwork(b, Options{Names: NewNames()})
	spec := crowd(40)
	apply(b, n, spec)
	closed := spec.VPCs[0].SecurityGroups[1].Ingress
	for i := 0; b.Loop(); i++ {
		spec.VPCs[0].SecurityGroups[1].Ingress = append(closed[:1:1], tcp(9000+i%2, "10.0.0.0/16"))
		apply(b, n, spec)
	}
}

// BenchmarkConnections measures connections one after the other: set up, a line from the server, closed.
func BenchmarkConnections(b *testing.B) {
	n := newNetwork(b, Options{})
	spec := twoZones()
	spec.face("eni-firewall-b").Firewall.Rules = []FirewallRule{{Action: "drop", Protocol: 6, FromPort: -1, ToPort: -1, Content: "a known bad request"}}
	apply(b, n, spec)
	a, _ := n.Namespace("eni-balancer-a")
	answer(b, a, "10.0.10.20:443")
	other, _ := n.Namespace("eni-balancer-b")
	answer(b, other, "10.0.11.20:443")
	for name, address := range map[string]string{"firewall": "198.18.0.20:443", "inspecting firewall": "198.18.1.20:443"} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				_, conn, err := call(n.Internet(), address, patience)
				require.NoError(b, err)
				conn.Close()
			}
		})
	}
}
