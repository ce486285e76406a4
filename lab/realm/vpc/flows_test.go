package vpc

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/ti-mo/conntrack"
)

// waitFlow waits for a flow that is so.
func waitFlow(t *testing.T, flows chan []Flow, is func(Flow) bool) Flow {
	t.Helper()
	timeout := time.After(2 * patience)
	for {
		select {
		case batch := <-flows:
			for _, f := range batch {
				if is(f) {
					return f
				}
			}
		case <-timeout:
			t.Fatal("no such flow was recorded")
		}
	}
}

func TestFlowsAreRecordedAtEveryInterface(t *testing.T) {
	t.Parallel()
	flows := make(chan []Flow, 256)
	n := newNetwork(t, Options{FlowInterval: 200 * time.Millisecond, Flows: func(batch []Flow) { flows <- batch }})
	spec := twoZones()
	spec.VPCs[0].FlowLogs = true
	apply(t, n, spec)
	answer(t, behind(t, n, "eni-server-b"), "10.0.21.30:8080")
	answer(t, behind(t, n, "eni-balancer-a"), "10.0.10.20:443")
	server := netip.MustParseAddrPort("10.0.21.30:8080")

	_, conn, err := call(behind(t, n, "eni-balancer-a"), server.String(), patience)
	require.NoError(t, err)
	for _, id := range []string{"eni-balancer-a", "eni-server-b"} { // each interface sees both directions
		there := waitFlow(t, flows, func(f Flow) bool { return f.Interface == id && f.Destination == server })
		require.True(t, there.Accepted)
		require.Equal(t, "vpc-1", there.VPC)
		require.Equal(t, 6, there.Protocol)
		require.Positive(t, there.Bytes)
		requireTalks(t, conn)
		waitFlow(t, flows, func(f Flow) bool { return f.Interface == id && f.Source == server })
		requireTalks(t, conn)
	}
	conn.Close()

	requireReaches(t, n.Internet(), "198.18.0.20:443", OutsideClient.String())
	waitFlow(t, flows, func(f Flow) bool {
		return f.Interface == "eni-balancer-a" && f.Source.Addr() == OutsideClient && f.Accepted
	})
	requireBlocked(t, n.Internet(), "198.18.0.20:22")
	rejected := waitFlow(t, flows, func(f Flow) bool { return !f.Accepted })
	require.Equal(t, "eni-balancer-a", rejected.Interface)
	require.Equal(t, netip.MustParseAddrPort("10.0.10.20:22"), rejected.Destination)
	require.Equal(t, OutsideClient, rejected.Source.Addr())

	spec.VPCs[0].FlowLogs = false
	apply(t, n, spec)
	require.Nil(t, n.spaces["vpc-1"].meter)
}

func TestTalliesCountEachByteOnce(t *testing.T) {
	t.Parallel()
	source, destination := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	plan := &meterPlan{
		VPC: "vpc-1", Zones: map[uint16]string{7: "eni-1"}, Addresses: map[netip.Addr]string{source: "eni-1", destination: "eni-2"},
	}
	flow := func(id uint32, zone uint16, sent, answered uint64) *conntrack.Flow {
		f := conntrack.NewFlow(6, 0, source, destination, 1000, 80, 60, 0)
		f.ID, f.Zone = id, zone
		f.CountersOrig.Packets, f.CountersOrig.Bytes = sent, sent*100
		f.CountersReply.Packets, f.CountersReply.Bytes = answered, answered*100
		return &f
	}
	sum := func(flows []Flow) (packets uint64) {
		for _, f := range flows {
			require.Equal(t, f.Packets*100, f.Bytes)
			packets += f.Packets
		}
		return packets
	}
	tally, now := newTally(), time.Now()
	tally.connection(plan, flow(1, 7, 5, 3), false, now)
	tally.connection(plan, flow(1, 7, 6, 3), false, now)
	require.EqualValues(t, 9, sum(tally.report("vpc-1")))
	tally.connection(plan, flow(1, 7, 6, 3), false, now)
	require.Empty(t, tally.report("vpc-1"), "nothing new")
	tally.connection(plan, flow(1, 7, 8, 4), true, now)
	require.EqualValues(t, 3, sum(tally.report("vpc-1")))
	require.Empty(t, tally.seen, "an ended connection is forgotten")

	tally.connection(plan, flow(2, pairZone, 1, 1), true, now)
	flows := tally.report("vpc-1")
	require.Len(t, flows, 4, "both interfaces, both directions")
	tally.connection(plan, flow(3, 9, 1, 1), true, now)
	require.Empty(t, tally.report("vpc-1"), "a zone of nobody")
}
