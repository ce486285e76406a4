package vpc

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var anyPort = netip.MustParseAddrPort("127.0.0.1:0")

func TestForwardersReachABalancerAsAClientOutsideDoes(t *testing.T) {
	n := newNetwork(t, Options{})
	apply(t, n, twoZones())
	answer(t, behind(t, n, "eni-balancer-a"), "10.0.10.20:443")
	f, err := n.Forward(t.Context(), anyPort, netip.MustParseAddrPort("198.18.0.20:443"))
	require.NoError(t, err)
	goroutines := runtime.NumGoroutine()

	var group sync.WaitGroup
	errs := make(chan error, 200)
	for range cap(errs) {
		group.Go(func() { errs <- exchange(f.Addr().String()) })
	}
	group.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Positive(t, crossed(t, n, "eni-firewall-a"), "it crosses the firewall endpoint")
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines+5 }, patience, 10*time.Millisecond,
		"goroutines are left behind")

	open, err := net.Dial("tcp4", f.Addr().String())
	require.NoError(t, err)
	defer open.Close()
	require.NoError(t, f.Close())
	open.SetReadDeadline(time.Now().Add(patience))
	_, err = io.ReadAll(open)
	require.Error(t, err, "closing cuts what is open")
	_, err = net.Dial("tcp4", f.Addr().String())
	require.Error(t, err)
}

// exchange sends a text, ends its half, and expects the caller's address and the text back: half-close is kept.
func exchange(address string) error {
	conn, err := net.Dial("tcp4", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * patience))
	text := strings.Repeat("x", 100_000)
	go func() {
		io.WriteString(conn, text)
		conn.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(conn)
	if want := OutsideClient.String() + "\n" + text; err == nil && string(got) != want {
		return fmt.Errorf("got %d bytes, want %d", len(got), len(want))
	}
	return err
}

func TestAPortInUseNamesItsOwner(t *testing.T) {
	n := &Network{}
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, err = n.Forward(t.Context(), taken.Addr().(*net.TCPAddr).AddrPort(), netip.MustParseAddrPort("198.18.0.20:443"))
	require.ErrorContains(t, err, fmt.Sprintf("process %d (", os.Getpid()))
	require.ErrorContains(t, err, "type: kill ")

	_, err = n.Forward(t.Context(), netip.MustParseAddrPort("192.0.2.1:80"), anyPort)
	require.ErrorContains(t, err, "loopback")
}

func TestForwardingToNobodyResets(t *testing.T) {
	n := newNetwork(t, Options{})
	apply(t, n, twoZones())
	f, err := n.Forward(t.Context(), anyPort, netip.MustParseAddrPort("198.18.0.20:443")) // nobody listens there
	require.NoError(t, err)
	conn, err := net.Dial("tcp4", f.Addr().String())
	if err == nil {
		defer conn.Close()
		conn.SetReadDeadline(time.Now().Add(patience))
		_, err = conn.Read(make([]byte, 1))
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.NoError(t, f.Close())
}
