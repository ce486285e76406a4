package vpc

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/host"
)

// patience is how long a connection may take that should succeed, and refusal how long one is tried that should not.
const (
	patience = 3 * time.Second
	refusal  = 300 * time.Millisecond
)

// newNetwork returns a network that is removed when the test ends.
func newNetwork(t testing.TB, opts Options) *Network {
	t.Helper()
	if err := host.Privileged(); err != nil {
		t.Skipf("SKIPPED, no network was made: %v", err)
	}
	random := make([]byte, 3)
	_, err := rand.Read(random)
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "hvt"+hex.EncodeToString(random))
	require.NoError(t, err)
	h, err := host.New(dir, slog.New(slog.NewTextHandler(io.Discard, nil)))
	require.NoError(t, err)
	n := New(h, opts)
	t.Cleanup(func() {
		require.NoError(t, n.Close())
		require.NoError(t, h.Close())
		require.NoError(t, os.RemoveAll(dir))
	})
	return n
}

func apply(t testing.TB, n *Network, spec Spec) {
	t.Helper()
	require.NoError(t, n.Apply(context.Background(), spec))
}

// answer starts a TCP server at an address inside a namespace: it writes who it thinks is calling, then echoes.
func answer(t testing.TB, ns *host.Namespace, address string) {
	t.Helper()
	l, err := ns.Listen(context.Background(), "tcp4", address)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				fmt.Fprintln(conn, conn.RemoteAddr().(*net.TCPAddr).IP)
				io.Copy(conn, conn)
			}()
		}
	}()
}

// call connects and returns who the server thinks is calling.
func call(ns *host.Namespace, address string, timeout time.Duration) (string, net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := ns.DialContext(ctx, "tcp4", address)
	if err != nil {
		return "", nil, err
	}
	conn.SetDeadline(time.Now().Add(timeout))
	said, err := bufio.NewReader(io.LimitReader(conn, 64)).ReadString('\n')
	if err != nil {
		conn.Close()
		return "", nil, err
	}
	conn.SetDeadline(time.Time{})
	return said[:len(said)-1], conn, nil
}

func requireReaches(t testing.TB, ns *host.Namespace, address, as string) {
	t.Helper()
	said, conn, err := call(ns, address, patience)
	require.NoError(t, err, "connecting to %s", address)
	conn.Close()
	require.Equal(t, as, said, "the address that the server sees")
}

func requireBlocked(t testing.TB, ns *host.Namespace, address string) {
	t.Helper()
	_, conn, err := call(ns, address, refusal)
	if conn != nil {
		conn.Close()
	}
	require.Error(t, err, "%s should not be reached", address)
}

// requireTalks checks that an open connection still carries bytes both ways.
func requireTalks(t testing.TB, conn net.Conn) {
	t.Helper()
	conn.SetDeadline(time.Now().Add(patience))
	_, err := fmt.Fprintln(conn, "hello")
	require.NoError(t, err)
	heard := make([]byte, 6)
	_, err = io.ReadFull(conn, heard)
	require.NoError(t, err)
	require.Equal(t, "hello\n", string(heard))
}

func requireSilent(t testing.TB, conn net.Conn) {
	t.Helper()
	fmt.Fprintln(conn, "hello")
	conn.SetReadDeadline(time.Now().Add(refusal))
	_, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
}

func behind(t testing.TB, n *Network, id string) *host.Namespace {
	t.Helper()
	ns, ok := n.Namespace(id)
	require.True(t, ok, "interface %s has a namespace", id)
	return ns
}

var (
	anywhere = netip.MustParsePrefix("0.0.0.0/0")
	allowAll = []GroupRule{{Protocol: -1, FromPort: -1, ToPort: -1, CIDR: anywhere}}
	openACL  = NetworkACL{
		ID:      "acl-open",
		Ingress: []ACLEntry{{Number: 100, Protocol: -1, CIDR: anywhere, Allow: true}},
		Egress:  []ACLEntry{{Number: 100, Protocol: -1, CIDR: anywhere, Allow: true}},
	}
)

func tcp(port int, cidr string) GroupRule {
	return GroupRule{Protocol: 6, FromPort: port, ToPort: port, CIDR: netip.MustParsePrefix(cidr)}
}
