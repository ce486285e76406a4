package networkfirewall

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/realm/vpc"
)

type sink map[string]float64

func (s sink) Record(region string, data ...metric.Datum) {
	for _, d := range data {
		s[region+" "+d.Namespace+" "+d.Name+" "+d.Dimensions[1].Value] = d.Values[0]
	}
}

func TestEndpointsAreMeasured(t *testing.T) {
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store.db"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	s := New(store, nil, nil, slog.Default())
	require.NoError(t, store.Update(func(tx *cloud.Tx) error {
		return firewalls.Put(tx, "us-east-1", "edge", &firewall{
			object:    object{Name: "edge", ARN: cloud.ARN("network-firewall", "us-east-1", "firewall/edge")},
			Endpoints: []endpoint{{Zone: "us-east-1a", InterfaceID: "eni-a"}, {Zone: "us-east-1b", InterfaceID: "eni-b"}},
		})
	}))
	seen := sink{}
	before := map[string]vpc.FirewallCount{"eni-a": {Received: 100, Dropped: 10, Rejected: 5}}
	now := map[string]vpc.FirewallCount{"eni-a": {Received: 150, Dropped: 12, Rejected: 6}, "eni-b": {Received: 7}}
	require.NoError(t, s.recordCounts(seen, now, before))
	require.Equal(t, sink{
		"us-east-1 AWS/NetworkFirewall ReceivedPackets us-east-1a": 50, "us-east-1 AWS/NetworkFirewall PassedPackets us-east-1a": 47,
		"us-east-1 AWS/NetworkFirewall DroppedPackets us-east-1a": 2, "us-east-1 AWS/NetworkFirewall RejectedPackets us-east-1a": 1,
	}, seen, "an endpoint that was not counted before waits for the next look")
}

func TestCountersThatBeganAnew(t *testing.T) {
	require.Equal(t, vpc.FirewallCount{Received: 3, Dropped: 1}, since(vpc.FirewallCount{Received: 3, Dropped: 1}, vpc.FirewallCount{Received: 100}))
	require.Equal(t, vpc.FirewallCount{Received: 3}, since(vpc.FirewallCount{Received: 103, Dropped: 1}, vpc.FirewallCount{Received: 100, Dropped: 1}))
}
