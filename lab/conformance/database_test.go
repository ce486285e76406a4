package conformance_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
	"haven/lab/faults"
)

// TestADatabaseCluster goes through what a cluster over three zones promises, one after the other, on one cluster.
func TestADatabaseCluster(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	d := newDatabase(t, w, "a", "b", "c")
	_, err := d.ask(t, d.writing(t), "CREATE TABLE ledger (id text PRIMARY KEY); CREATE TABLE filler (t text); ALTER TABLE filler ALTER t SET STORAGE EXTERNAL")
	require.NoError(t, err)
	for _, part := range []struct {
		name string
		test func(*testing.T, *database)
	}{
		{"names lead where they should", namesLead},
		{"plain connections are refused", plainIsRefused},
		{"a client outside the security group times out", strangersTimeOut},
		{"parameters are settings", parametersAreSettings},
		{"a password is rotated", aPasswordIsRotated},
		{"a killed writer is replaced", func(t *testing.T, d *database) { d.lose(t, killed, 9*time.Second) }},
		{"a hung writer is replaced", func(t *testing.T, d *database) { d.lose(t, hung, 15*time.Second) }},
		{"a writer in a black hole is replaced", func(t *testing.T, d *database) { d.lose(t, blackholed, 15*time.Second) }},
		{"a failover goes to its target", aFailoverGoesToItsTarget},
		{"a topic is told of failovers", aTopicIsToldOfFailovers},
		{"a broken reader is copied anew", aBrokenReaderIsCopiedAnew},
		{"a full volume fails statements only", aFullVolumeFailsStatementsOnly},
		{"everything killed comes back", everythingKilledComesBack},
		{"it is measured", itIsMeasured},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(t, d) }) {
			return // the cluster may not be what the next part takes it for
		}
	}
}

func namesLead(t *testing.T, d *database) {
	c, err := d.describe()
	require.NoError(t, err)
	role := func(host string) string {
		answer, err := d.ask(t, d.login(t, host), "SELECT CASE WHEN pg_is_in_recovery() THEN 'reader' ELSE 'writer' END || ' ' || current_setting('cluster_name')")
		if err != nil {
			return err.Error()
		}
		return answer
	}
	require.Equal(t, "writer "+d.instance(0), role(*c.Endpoint))
	for range 3 {
		require.Contains(t, role(*c.ReaderEndpoint), "reader ")
	}
	require.Equal(t, "reader "+d.instance(2), role(*d.describeInstance(t, d.instance(2)).Endpoint.Address))

	id := d.name + "-reports"
	custom, err := d.rds.CreateDBClusterEndpoint(context.Background(), &rds.CreateDBClusterEndpointInput{
		DBClusterIdentifier: &d.name, DBClusterEndpointIdentifier: &id, EndpointType: aws.String("READER"), ExcludedMembers: []string{d.instance(2)},
	})
	require.NoError(t, err)
	world.Wait(t, "the custom endpoint to lead to the one reader that it does not exclude", 30*time.Second, func() error {
		if got := role(*custom.Endpoint); got != "reader "+d.instance(1) {
			return fmt.Errorf("it leads to %s", got)
		}
		return nil
	})
	_, err = d.rds.ModifyDBClusterEndpoint(context.Background(), &rds.ModifyDBClusterEndpointInput{
		DBClusterEndpointIdentifier: &id, EndpointType: aws.String("ANY"), StaticMembers: []string{d.instance(0)},
	})
	require.NoError(t, err)
	world.Wait(t, "the custom endpoint to lead to its static member", 30*time.Second, func() error {
		if got := role(*custom.Endpoint); got != "writer "+d.instance(0) {
			return fmt.Errorf("it leads to %s", got)
		}
		return nil
	})
	_, err = d.rds.DeleteDBClusterEndpoint(context.Background(), &rds.DeleteDBClusterEndpointInput{DBClusterEndpointIdentifier: &id})
	require.NoError(t, err)
}

func plainIsRefused(t *testing.T, d *database) {
	login := d.writing(t)
	login.Plain = true
	refused := d.SQL(t, d.client, login, "SELECT 1")
	require.Contains(t, refused.Error, "no encryption")
	require.Equal(t, "28000", refused.Code)
}

func strangersTimeOut(t *testing.T, d *database) {
	stranger := d.net.Instance(t, world.Instance{Zone: "b"})
	began := time.Now()
	answer := d.SQL(t, stranger, d.writing(t), "SELECT 1")
	require.NotEmpty(t, answer.Error)
	require.Empty(t, answer.Code, "no server has answered: %s", answer.Error)
	require.Greater(t, time.Since(began), 2*time.Second, "it is not refused, it times out: %s", answer.Error)
}

func parametersAreSettings(t *testing.T, d *database) {
	d.set(t, "log_min_duration_statement", "1234", types.ApplyMethodImmediate)
	awaitSetting := func(name, want string) {
		t.Helper()
		world.Wait(t, name+" to be "+want, time.Minute, func() error {
			if got, err := d.ask(t, d.writing(t), "SHOW "+name); err != nil || got != want {
				return fmt.Errorf("it is %q (%v)", got, err)
			}
			return nil
		})
	}
	awaitSetting("log_min_duration_statement", "1234ms")
	d.set(t, "max_connections", "150", types.ApplyMethodPendingReboot)
	awaitGroup := func(name, want string) {
		t.Helper()
		world.Wait(t, "the parameters of "+name+" to be "+want, time.Minute, func() error {
			c, err := d.describe()
			for _, m := range c.DBClusterMembers {
				if *m.DBInstanceIdentifier == name && *m.DBClusterParameterGroupStatus != want {
					return fmt.Errorf("they are %s", *m.DBClusterParameterGroupStatus)
				}
			}
			return err
		})
	}
	awaitGroup(d.instance(0), "pending-reboot")
	awaitSetting("max_connections", "200")
	_, err := d.rds.RebootDBInstance(context.Background(), &rds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String(d.instance(0))})
	require.NoError(t, err)
	require.Equal(t, "rebooting", *d.describeInstance(t, d.instance(0)).DBInstanceStatus)
	awaitGroup(d.instance(0), "in-sync")
	awaitSetting("max_connections", "150")
	require.Equal(t, d.instance(0), d.awaitWhole(t), "a reboot is no failover")
	d.awaitEvent(t, types.SourceTypeDbInstance, d.instance(0), "DB instance restarted.")
}

func aPasswordIsRotated(t *testing.T, d *database) {
	before := d.writing(t)
	var (
		held   world.Answer
		failed error
		done   = make(chan struct{})
	)
	go func() {
		defer close(done)
		held, failed = d.Hold(d.client, before, "SELECT 1", 8*time.Second, "SELECT 1")
	}()
	time.Sleep(2 * time.Second) // it is connected then, or fails below
	_, err := d.rds.ModifyDBCluster(context.Background(), &rds.ModifyDBClusterInput{DBClusterIdentifier: &d.name, RotateMasterUserPassword: aws.Bool(true), ApplyImmediately: aws.Bool(true)})
	require.NoError(t, err)
	d.awaitEvent(t, types.SourceTypeDbCluster, d.name, "Reset master credentials.")
	after := d.writing(t)
	require.NotEqual(t, before.Password, after.Password)
	_, err = d.ask(t, after, "SELECT 1")
	require.NoError(t, err)
	refused := d.SQL(t, d.client, before, "SELECT 1")
	require.Equal(t, "28P01", refused.Code, refused.Error)
	<-done
	require.NoError(t, failed)
	require.Empty(t, held.Error)
	require.Empty(t, held.Again, "a connection in use survives a rotation")
	d.awaitWhole(t)
}

func aFullVolumeFailsStatementsOnly(t *testing.T, d *database) {
	writer := d.awaitWhole(t)
	heal := d.fault(t, faults.StorageFull, writer)
	d.awaitEvent(t, types.SourceTypeDbInstance, writer, "Allocated storage has been exhausted.")
	require.Equal(t, "storage-full", *d.describeInstance(t, writer).DBInstanceStatus)
	full := d.SQL(t, d.client, d.writing(t), "INSERT INTO filler SELECT repeat('x', 30000) FROM generate_series(1, 100)")
	require.Equal(t, "53100", full.Code, full.Error)
	_, err := d.ask(t, d.writing(t), "SELECT count(*) FROM ledger")
	require.NoError(t, err, "reads go on")
	heal()
	require.Equal(t, writer, d.awaitWhole(t))
	_, err = d.ask(t, d.writing(t), "INSERT INTO filler SELECT repeat('x', 30000) FROM generate_series(1, 100)")
	require.NoError(t, err)
}

func everythingKilledComesBack(t *testing.T, d *database) {
	d.awaitWhole(t)
	for i := range d.zones {
		for _, pid := range d.processes(t, d.instance(i)) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // some end with others
		}
	}
	world.Wait(t, "the cluster to answer", time.Minute, func() error {
		_, err := d.ask(t, d.writing(t), "SELECT count(*) FROM ledger")
		return err
	})
	d.awaitWhole(t)
}

func itIsMeasured(t *testing.T, d *database) {
	writer := d.awaitWhole(t)
	client := cloudwatch.NewFromConfig(d.Config)
	for name, dimensions := range map[string][]cwtypes.Dimension{
		"DatabaseConnections":     {{Name: aws.String("DBInstanceIdentifier"), Value: &writer}},
		"CPUUtilization":          {{Name: aws.String("DBInstanceIdentifier"), Value: &writer}},
		"CommitLatency":           {{Name: aws.String("DBClusterIdentifier"), Value: &d.name}, {Name: aws.String("Role"), Value: aws.String("WRITER")}},
		"AuroraReplicaLagMaximum": {{Name: aws.String("DBClusterIdentifier"), Value: &d.name}},
		"FreeLocalStorage":        {{Name: aws.String("DBInstanceIdentifier"), Value: &writer}},
	} {
		world.Wait(t, "the metric "+name, 2*time.Minute, func() error {
			out, err := client.GetMetricStatistics(context.Background(), &cloudwatch.GetMetricStatisticsInput{
				Namespace: aws.String("AWS/RDS"), MetricName: &name, Dimensions: dimensions, Period: aws.Int32(60),
				StartTime: aws.Time(time.Now().Add(-15 * time.Minute)), EndTime: aws.Time(time.Now().Add(time.Minute)),
				Statistics: []cwtypes.Statistic{cwtypes.StatisticMaximum},
			})
			if err == nil && len(out.Datapoints) == 0 {
				err = fmt.Errorf("it has no point")
			}
			return err
		})
	}
}
