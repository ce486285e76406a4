package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
	"haven/lab/control"
	"haven/lab/faults"
)

// cluster makes a database with a writer in one zone and a reader in another, and waits until it is available.
func cluster(t *testing.T, n *world.Network, name, writer, reader string) *rds.Client {
	t.Helper()
	ctx, client := context.Background(), rds.NewFromConfig(n.World.Config)
	t.Cleanup(func() {
		for _, zone := range []string{writer, reader} {
			_, _ = client.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String(name + "-" + zone)})
		}
		_, _ = client.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: &name, SkipFinalSnapshot: aws.Bool(true)})
	})
	_, err := client.CreateDBSubnetGroup(ctx, &rds.CreateDBSubnetGroupInput{
		DBSubnetGroupName: &name, DBSubnetGroupDescription: &name, SubnetIds: []string{n.Subnets[writer], n.Subnets[reader]},
	})
	require.NoError(t, err)
	_, err = client.CreateDBCluster(ctx, &rds.CreateDBClusterInput{
		DBClusterIdentifier: &name, Engine: aws.String("aurora-postgresql"), MasterUsername: aws.String("haven"), ManageMasterUserPassword: aws.Bool(true),
		DBSubnetGroupName: &name, VpcSecurityGroupIds: []string{n.Open},
	})
	require.NoError(t, err)
	for _, zone := range []string{writer, reader} {
		_, err = client.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
			DBInstanceIdentifier: aws.String(name + "-" + zone), DBClusterIdentifier: &name, Engine: aws.String("aurora-postgresql"),
			DBInstanceClass: aws.String("db.r6g.large"), AvailabilityZone: aws.String(world.Zone(zone)),
		})
		require.NoError(t, err)
	}
	awaitMembers(t, client, name, 2)
	return client
}

// awaitMembers waits until so many members of a cluster are available.
func awaitMembers(t *testing.T, client *rds.Client, name string, wanted int) {
	t.Helper()
	world.Wait(t, "the members of "+name, 3*time.Minute, func() error {
		out, err := client.DescribeDBInstances(context.Background(), &rds.DescribeDBInstancesInput{})
		if err != nil {
			return err
		}
		available, states := 0, []string{}
		for _, i := range out.DBInstances {
			if aws.ToString(i.DBClusterIdentifier) == name {
				states = append(states, *i.DBInstanceIdentifier+" "+*i.DBInstanceStatus)
				if *i.DBInstanceStatus == "available" {
					available++
				}
			}
		}
		if available != wanted {
			return fmt.Errorf("%d of %d are available: %v", available, wanted, states)
		}
		return nil
	})
}

func writerOf(client *rds.Client, name string) (string, error) {
	out, err := client.DescribeDBClusters(context.Background(), &rds.DescribeDBClustersInput{DBClusterIdentifier: &name})
	if err != nil {
		return "", err
	}
	for _, m := range out.DBClusters[0].DBClusterMembers {
		if aws.ToBool(m.IsClusterWriter) {
			return *m.DBInstanceIdentifier, nil
		}
	}
	return "", errors.New("there is none")
}

func awaitWriter(t *testing.T, client *rds.Client, name, wanted string) {
	t.Helper()
	world.Wait(t, wanted+" to be the writer", faultLimit, func() error {
		writer, err := writerOf(client, name)
		if err == nil && writer != wanted {
			err = fmt.Errorf("it is %s", writer)
		}
		return err
	})
}

// get asks a balancer's node from outside, with a connection of its own that must not take long.
func get(node control.Node) error {
	client := world.Client(node)
	client.Timeout = 3 * time.Second
	response, err := client.Get("http://site.test/health")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", response.Status)
	}
	return nil
}

func nodeOf(t testing.TB, b *world.Balancer, zone string) control.Node {
	t.Helper()
	nodes := b.Nodes(t)
	i := slices.IndexFunc(nodes, func(n control.Node) bool { return n.Zone == world.Zone(zone) })
	require.GreaterOrEqual(t, i, 0)
	return nodes[i]
}

// TestAZoneLosesItsPowerAndGetsItBack takes the power from a zone with an instance, a balancer's node, a database's writer
// and a copy of the files, and gives it back.
func TestAZoneLosesItsPowerAndGetsItBack(t *testing.T) {
	w := world.OpenAlone(t)
	n := w.Network(t, "b", "c")
	lost := n.Launch(t, world.Instance{Zone: "c", UserData: w.WebServer(80)})
	kept := n.Launch(t, world.Instance{Zone: "b", UserData: w.WebServer(80)})
	files := efs.NewFromConfig(w.Config)
	system, err := files.CreateFileSystem(context.Background(), &efs.CreateFileSystemInput{CreationToken: aws.String("power")})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _ = files.DeleteFileSystem(context.Background(), &efs.DeleteFileSystemInput{FileSystemId: system.FileSystemId})
	})
	databases := cluster(t, n, "power", "c", "b")
	b := n.Balancer(t)
	b.Register(t, lost, kept)
	for _, id := range []string{lost, kept} {
		b.AwaitHealth(t, id, elbtypes.TargetHealthStateEnumHealthy)
	}
	there, gone := nodeOf(t, b, "b"), nodeOf(t, b, "c")
	for _, node := range []control.Node{there, gone} {
		world.Wait(t, node.Zone+" to serve", faultLimit, func() error { return get(node) })
	}
	require.NoError(t, errors.Join(get(there), get(gone)))

	fault := broken(t, w, faults.ZonePower, world.Zone("c"))
	err = get(gone)
	require.Error(t, err, "the node of the zone answers")
	require.ErrorIs(t, err, context.DeadlineExceeded, "its address is silent: nothing refuses")
	b.AwaitHealth(t, lost, elbtypes.TargetHealthStateEnumUnhealthy)
	world.Wait(t, "the other zone to serve", faultLimit, func() error { return get(there) })
	awaitImpaired(t, w, lost, types.SummaryStatusImpaired)
	_, err = w.EC2.RunInstances(context.Background(), &ec2.RunInstancesInput{
		ImageId: aws.String(world.Image), InstanceType: types.InstanceTypeT3Micro, MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: aws.String(n.Subnets["c"]),
	}, func(o *ec2.Options) { o.RetryMaxAttempts = 1 })
	require.ErrorContains(t, err, "InsufficientInstanceCapacity")
	awaitWriter(t, databases, "power", "power-b")

	healed(t, w, fault)
	b.AwaitHealth(t, lost, elbtypes.TargetHealthStateEnumHealthy)
	world.Wait(t, "the zone to serve", faultLimit, func() error { return get(gone) })
	awaitImpaired(t, w, lost, types.SummaryStatusOk)
	awaitMembers(t, databases, "power", 2)
	left, err := w.Control.Faults(context.Background())
	require.NoError(t, err)
	require.Empty(t, left)
}

func awaitImpaired(t *testing.T, w *world.World, id string, wanted types.SummaryStatus) {
	t.Helper()
	world.Wait(t, fmt.Sprintf("the status checks of %s to be %s", id, wanted), 2*time.Minute, func() error {
		out, err := w.EC2.DescribeInstanceStatus(context.Background(), &ec2.DescribeInstanceStatusInput{InstanceIds: []string{id}, IncludeAllInstances: aws.Bool(true)})
		if err != nil {
			return err
		}
		if status := out.InstanceStatuses[0].InstanceStatus.Status; status != wanted {
			return fmt.Errorf("they are %s", status)
		}
		return nil
	})
}
