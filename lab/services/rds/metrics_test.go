package rds

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/metric"
	"haven/lab/realm/postgres"
)

func values(data []metric.Datum) map[string]float64 {
	found := map[string]float64{}
	for _, d := range data {
		found[d.Name] = d.Values[0]
	}
	return found
}

func TestRatesAreBetweenTwoMeasurements(t *testing.T) {
	at := time.Now()
	before := postgres.Measurement{Writer: true, At: at, Uptime: time.Minute, Processor: time.Second, Commits: 100, LogBytes: 1000, BlocksRead: 10, BlocksHit: 90}
	now := postgres.Measurement{
		Writer: true, At: at.Add(10 * time.Second), Uptime: 70 * time.Second, Processor: 6 * time.Second, Commits: 300, LogBytes: 21000,
		BlocksRead: 20, BlocksHit: 180, Deadlocks: 5, Connections: 7, CommitLatency: 1500 * time.Microsecond, Memory: 24 << 20,
	}
	size := class{CPUs: 2, MemoryMiB: 1024}
	got := values(measured(now, before, size))
	require.InDelta(t, 25, got["CPUUtilization"], 0.01, "five seconds of two processors in ten")
	require.InDelta(t, 20, got["CommitThroughput"], 0.01)
	require.InDelta(t, 0.5, got["Deadlocks"], 0.01)
	require.InDelta(t, 2000, got["WriteThroughput"], 0.01)
	require.InDelta(t, 90, got["BufferCacheHitRatio"], 0.01)
	require.InDelta(t, 1.5, got["CommitLatency"], 0.001)
	require.InDelta(t, 7, got["DatabaseConnections"], 0)
	require.InDelta(t, 1000<<20, got["FreeableMemory"], 0)
	require.NotContains(t, got, "AuroraReplicaLag")

	now.Uptime = time.Second
	require.NotContains(t, values(measured(now, before, size)), "CPUUtilization", "a server that was started anew has counted from nothing")
	now.Writer, now.Lag = false, 20*time.Millisecond
	require.InDelta(t, 20, values(measured(now, postgres.Measurement{}, size))["AuroraReplicaLag"], 0.01)
	lags := values(lagRange([]time.Duration{3 * time.Millisecond, time.Millisecond}))
	require.Equal(t, map[string]float64{"AuroraReplicaLagMinimum": 1, "AuroraReplicaLagMaximum": 3}, lags)
}

func TestEachDatumIsUnderInstanceClusterAndRole(t *testing.T) {
	data := spreadOver(&instanceRow{Name: "one", Cluster: "many"}, postgres.Measurement{Writer: true}, []metric.Datum{point("X", "Count", 1)})
	require.Len(t, data, 3)
	require.Equal(t, []metric.Dimension{{Name: "DBClusterIdentifier", Value: "many"}, {Name: "Role", Value: "WRITER"}}, data[2].Dimensions)
}

func TestASubscriptionWantsItsSourcesAndCategories(t *testing.T) {
	event := &eventRow{Source: "db-cluster", Identifier: "ledger", Categories: []string{"failover"}}
	for name, test := range map[string]struct {
		row  subscriptionRow
		want bool
	}{
		"everything":       {subscriptionRow{Enabled: true}, true},
		"not enabled":      {subscriptionRow{}, false},
		"the type":         {subscriptionRow{Enabled: true, Source: "db-cluster"}, true},
		"another type":     {subscriptionRow{Enabled: true, Source: "db-instance"}, false},
		"the cluster":      {subscriptionRow{Enabled: true, Source: "db-cluster", Sources: []string{"ledger"}}, true},
		"another cluster":  {subscriptionRow{Enabled: true, Source: "db-cluster", Sources: []string{"other"}}, false},
		"the category":     {subscriptionRow{Enabled: true, Categories: []string{"creation", "failover"}}, true},
		"another category": {subscriptionRow{Enabled: true, Categories: []string{"deletion"}}, false},
	} {
		require.Equal(t, test.want, test.row.wants(event), name)
	}
}

func TestAStatusIsWhatWasObserved(t *testing.T) {
	ready := postgres.MemberObservation{Phase: postgres.PhaseAvailable, Writer: true}
	full := ready
	full.Storage = postgres.Storage{Size: 1 << 30, Free: 1}
	was := instanceRow{Observed: true}
	for name, test := range map[string]struct {
		cluster clusterRow
		row     instanceRow
		seen    postgres.MemberObservation
		want    string
	}{
		"new":               {clusterRow{}, instanceRow{}, postgres.MemberObservation{Phase: postgres.PhaseBuilding}, "creating"},
		"serving":           {clusterRow{}, was, ready, "available"},
		"a restart to come": {clusterRow{}, instanceRow{Observed: true, Restart: 1}, ready, "rebooting"},
		"another class":     {clusterRow{}, instanceRow{Observed: true, Restart: 1, Modifying: true}, ready, "modifying"},
		"full":              {clusterRow{}, was, full, "storage-full"},
		"stopping":          {clusterRow{Stopped: true}, was, postgres.MemberObservation{Phase: postgres.PhaseStarting}, "stopping"},
		"stopped":           {clusterRow{Stopped: true}, was, postgres.MemberObservation{Phase: postgres.PhaseStopped}, "stopped"},
		"starting":          {clusterRow{Status: "starting"}, was, postgres.MemberObservation{Phase: postgres.PhaseStarting}, "starting"},
		"crashed":           {clusterRow{Status: "available"}, was, postgres.MemberObservation{Phase: postgres.PhaseDown}, "rebooting"},
		"deleting":          {clusterRow{}, instanceRow{Observed: true, Status: "deleting"}, ready, "deleting"},
	} {
		require.Equal(t, test.want, instanceStatus(&test.cluster, &test.row, test.seen), name)
	}
}
