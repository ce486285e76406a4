package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
	"haven/lab/faults"
)

// Ways to lose a writer. Each returns what brings its host back.
func killed(t *testing.T, d *database, writer string) func() {
	for _, pid := range d.processes(t, writer) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // some end with others
	}
	return func() {}
}

func hung(t *testing.T, d *database, writer string) func() { return d.fault(t, faults.Hang, writer) }

func blackholed(t *testing.T, d *database, writer string) func() {
	return d.fault(t, faults.Blackhole, writer)
}

// lose takes the writer away while clients write, for so long, by the cluster's name, and judges by what they saw.
func (d *database) lose(t *testing.T, strike func(*testing.T, *database, string) func(), writing time.Duration) {
	t.Helper()
	writer := d.awaitWhole(t)
	var (
		acks   []world.Ack
		failed error
		done   = make(chan struct{})
		login  = d.writing(t)
		began  = time.Now()
	)
	go func() {
		defer close(done)
		acks, failed = d.Append(d.client, login, writing, 3)
	}()
	time.Sleep(2 * time.Second)
	struck := time.Now()
	heal := strike(t, d, writer)
	next := d.awaitWriter(t, writer)
	t.Logf("%s writes instead of %s after %v", next, writer, time.Since(struck).Round(10*time.Millisecond))
	time.Sleep(time.Second)
	heal()
	<-done
	require.NoError(t, failed)
	require.Equal(t, next, d.awaitWhole(t), "the old writer comes back as a reader")
	d.judge(t, acks, began)
	d.awaitEvent(t, types.SourceTypeDbCluster, d.name, "Started cross AZ failover to DB instance: "+next+".")
	d.awaitEvent(t, types.SourceTypeDbCluster, d.name, "Completed failover to DB instance: "+next+".")
	d.awaitEvent(t, types.SourceTypeDbInstance, writer, "Recovery of the DB instance has started.")
}

// judge checks that nothing acknowledged is lost and that no two servers acknowledged in turns.
func (d *database) judge(t *testing.T, acks []world.Ack, began time.Time) {
	t.Helper()
	require.NotEmpty(t, acks)
	slices.SortFunc(acks, func(a, b world.Ack) int { return a.At.Compare(b.At) })
	var reigns []string
	var gap time.Duration
	last := acks[0].At
	for _, ack := range acks {
		gap, last = max(gap, ack.At.Sub(last)), ack.At
		if len(reigns) == 0 || reigns[len(reigns)-1] != ack.Reign {
			require.NotContains(t, reigns, ack.Reign, "a server acknowledged after another one had taken over")
			reigns = append(reigns, ack.Reign)
		}
	}
	require.Len(t, reigns, 2)
	stored := d.SQL(t, d.client, d.writing(t), "SELECT id FROM ledger")
	require.Empty(t, stored.Error)
	have := map[string]bool{}
	for _, row := range stored.Rows {
		have[row[0]] = true
	}
	for _, ack := range acks {
		require.True(t, have[ack.ID], "the acknowledged row %s is lost", ack.ID)
	}
	require.Less(t, gap, 12*time.Second)
	t.Logf("%d rows acknowledged in %v, none lost, one writer at a time; the longest gap was %v", len(acks), time.Since(began).Round(time.Second), gap.Round(time.Millisecond))
}

func aFailoverGoesToItsTarget(t *testing.T, d *database) {
	writer := d.awaitWhole(t)
	target := d.instance(2)
	if target == writer {
		target = d.instance(1)
	}
	_, err := d.rds.FailoverDBCluster(context.Background(), &rds.FailoverDBClusterInput{DBClusterIdentifier: &d.name, TargetDBInstanceIdentifier: &target})
	require.NoError(t, err)
	c, err := d.describe()
	require.NoError(t, err)
	require.Equal(t, "failing-over", *c.Status)
	require.Equal(t, target, d.awaitWriter(t, writer))
	require.Equal(t, target, d.awaitWhole(t))
	_, err = d.rds.FailoverDBCluster(context.Background(), &rds.FailoverDBClusterInput{DBClusterIdentifier: &d.name, TargetDBInstanceIdentifier: &target})
	var invalid *types.InvalidDBInstanceStateFault
	require.True(t, errors.As(err, &invalid), "a failover to the writer itself: %v", err)
}

// aBrokenReaderIsCopiedAnew takes files that a server can't start without away from a reader.
func aBrokenReaderIsCopiedAnew(t *testing.T, d *database) {
	writer := d.awaitWhole(t)
	reader := d.instance(0)
	if reader == writer {
		reader = d.instance(1)
	}
	id := *d.describeInstance(t, reader).DbiResourceId
	found, err := filepath.Glob(filepath.Join(d.Dir, "databases", "*", id, "store", "data", "global", "pg_control"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.NoError(t, os.Remove(found[0]))
	for _, pid := range d.processes(t, reader) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // some end with others
	}
	world.Wait(t, "the reader to be missed", time.Minute, func() error {
		if status := *d.describeInstance(t, reader).DBInstanceStatus; status == "available" {
			return fmt.Errorf("it is still %s", status)
		}
		return nil
	})
	require.Equal(t, writer, d.awaitWhole(t))
	require.FileExists(t, found[0])
}

// TestAClusterWithOneInstanceHasNobodyToFailOverTo is what a wrong declaration looks like.
func TestAClusterWithOneInstanceHasNobodyToFailOverTo(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	d := newDatabase(t, w, "a")
	ctx := context.Background()
	_, err := d.rds.FailoverDBCluster(ctx, &rds.FailoverDBClusterInput{DBClusterIdentifier: &d.name})
	var invalid *types.InvalidDBClusterStateFault
	require.True(t, errors.As(err, &invalid), "%v", err)
	c, err := d.describe()
	require.NoError(t, err)
	role, err := d.ask(t, d.login(t, *c.ReaderEndpoint), "SELECT CASE WHEN pg_is_in_recovery() THEN 'reader' ELSE 'writer' END")
	require.NoError(t, err)
	require.Equal(t, "writer", role, "without readers their endpoint is the writer")

	heal := d.fault(t, faults.Hang, d.instance(0))
	world.Wait(t, "the database to be out of service", time.Minute, func() error {
		if status := *d.describeInstance(t, d.instance(0)).DBInstanceStatus; status == "available" {
			return fmt.Errorf("it is still %s", status)
		}
		return nil
	})
	_, err = d.ask(t, d.writing(t), "SELECT 1")
	require.Error(t, err, "nobody serves in its place")
	heal()
	d.awaitWhole(t)
	_, err = d.ask(t, d.writing(t), "SELECT 1")
	require.NoError(t, err)
	require.False(t, slices.ContainsFunc(d.messages(t, types.SourceTypeDbCluster, d.name), func(s string) bool { return strings.Contains(s, "failover") }))

	_, err = d.rds.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: &d.name, DeletionProtection: aws.Bool(true)})
	require.NoError(t, err)
	_, err = d.rds.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: &d.name, SkipFinalSnapshot: aws.Bool(true)})
	require.ErrorContains(t, err, "Cannot delete protected Cluster")
	_, err = d.rds.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: &d.name, DeletionProtection: aws.Bool(false)})
	require.NoError(t, err)
}
