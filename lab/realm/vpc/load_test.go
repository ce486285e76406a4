package vpc

import (
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestManyShortConnectionsLeaveNothingBehind sends connections from the host's loopback, through the internet gateway
// and a firewall endpoint that looks into each, to a balancer.
func TestManyShortConnectionsLeaveNothingBehind(t *testing.T) {
	n := newNetwork(t, Options{})
	spec := twoZones()
	spec.face("eni-firewall-a").Firewall.Rules = []FirewallRule{{Action: "drop", Protocol: 6, FromPort: -1, ToPort: -1, Content: "a known bad request"}}
	apply(t, n, spec)
	answer(t, behind(t, n, "eni-balancer-a"), "10.0.10.20:443")
	f, err := n.Forward(t.Context(), anyPort, netip.MustParseAddrPort("198.18.0.20:443"))
	require.NoError(t, err)
	require.NoError(t, exchange(f.Addr().String()))
	goroutines, files := runtime.NumGoroutine(), openFiles(t)

	const workers, each = 16, 60
	var group sync.WaitGroup
	var failed atomic.Int64
	var last atomic.Value
	start := time.Now()
	for range workers {
		group.Go(func() {
			for range each {
				if err := exchange(f.Addr().String()); err != nil {
					failed.Add(1)
					last.Store(err)
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d connections of 100 kB there and back, %d at a time, in %v", workers*each, workers, time.Since(start))
	require.Zero(t, failed.Load(), "last: %v", last.Load())
	require.Eventually(t, func() bool {
		runtime.GC() // the standard library keeps splice's pipes until then
		return runtime.NumGoroutine() <= goroutines+5 && openFiles(t) <= files+5
	}, 2*patience, 50*time.Millisecond, "goroutines or files are left behind")
}
