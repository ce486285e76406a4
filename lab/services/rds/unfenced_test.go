package rds_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/host"
	"haven/lab/realm/postgres"
	"haven/lab/services/rds"
)

// declared is a realm that runs nothing and keeps what was declared last; it goes by it.
type declared struct {
	rds.Servers
	mu    sync.Mutex
	specs []postgres.ClusterSpec
}

func (d *declared) Apply(_ context.Context, specs []postgres.ClusterSpec) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.specs = specs
	return nil
}

func (d *declared) Observe() (all []postgres.Observation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, spec := range d.specs {
		all = append(all, postgres.Observation{ID: spec.ID, Unfenced: spec.Unfenced})
	}
	return all
}

func (d *declared) Changed() <-chan struct{}                             { return nil }
func (d *declared) Measure(context.Context) []postgres.Measurement       { return nil }
func (d *declared) Snapshot(context.Context, string, string) (err error) { return nil }

func TestAClusterIsUnfencedWhileOneOfItsInstancesSaysSo(t *testing.T) {
	f, ctx := newFixture(t), context.Background()
	f.service.Use(rds.WithServers(&declared{}, func(string) (*host.Namespace, bool) { return nil, false }))
	f.subnetGroup()
	f.run()
	_, err := f.rds.CreateDBCluster(ctx, f.clusterInput())
	require.NoError(t, err)
	for i, zone := range []string{"a", "b"} {
		_, err = f.rds.CreateDBInstance(ctx, f.instanceInput(zone, int32(i)))
		require.NoError(t, err)
	}
	seen := func() bool {
		unfenced, _, err := f.service.Unfenced("us-east-1", "ledger-b")
		require.NoError(t, err)
		return unfenced
	}
	require.False(t, seen())
	require.NoError(t, f.service.SetUnfenced("us-east-1", "ledger-a", true))
	require.Eventually(t, seen, 20*time.Second, 10*time.Millisecond, "it is a matter of the whole cluster")
	require.NoError(t, f.service.SetUnfenced("us-east-1", "ledger-a", false))
	require.Eventually(t, func() bool { return !seen() }, 20*time.Second, 10*time.Millisecond)

	require.ErrorContains(t, f.service.SetUnfenced("us-east-1", "none", true), "none")
}
