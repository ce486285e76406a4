package conformance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
	"haven/lab/faults"
)

// database is a cluster with an instance in each of its zones, and a client in its VPC.
type database struct {
	*world.World
	rds    *rds.Client
	name   string
	zones  []string
	client string // an instance that the database's security group lets in
	net    *world.Network
	group  string // the cluster's parameter group
}

// newDatabase makes a cluster over the zones, with TLS forced and a password that RDS manages, and waits until it serves.
func newDatabase(t *testing.T, w *world.World, zones ...string) *database {
	t.Helper()
	ctx := context.Background()
	d := &database{World: w, rds: rds.NewFromConfig(w.Config), zones: zones, net: w.Network(t, "a", "b", "c")}
	d.name = fmt.Sprintf("ledger%d", d.net.Number)
	d.group = d.name + "-parameters"
	allowed := d.net.SecurityGroup(t)
	guard := d.net.SecurityGroup(t, "tcp 5432 5432 "+allowed)
	d.client = d.net.Launch(t, world.Instance{Zone: "a", Groups: []string{allowed}})
	var subnets []string
	for _, id := range d.net.Subnets {
		subnets = append(subnets, id)
	}
	_, err := d.rds.CreateDBSubnetGroup(ctx, &rds.CreateDBSubnetGroupInput{DBSubnetGroupName: &d.name, DBSubnetGroupDescription: &d.name, SubnetIds: subnets})
	require.NoError(t, err)
	_, err = d.rds.CreateDBClusterParameterGroup(ctx, &rds.CreateDBClusterParameterGroupInput{
		DBClusterParameterGroupName: &d.group, DBParameterGroupFamily: aws.String("aurora-postgresql15"), Description: &d.name,
	})
	require.NoError(t, err)
	d.set(t, "rds.force_ssl", "1", types.ApplyMethodImmediate)
	_, err = d.rds.CreateDBCluster(ctx, &rds.CreateDBClusterInput{
		DBClusterIdentifier: &d.name, Engine: aws.String("aurora-postgresql"), EngineVersion: aws.String("15.10"), DatabaseName: aws.String("books"),
		MasterUsername: aws.String("haven"), ManageMasterUserPassword: aws.Bool(true), DBSubnetGroupName: &d.name,
		VpcSecurityGroupIds: []string{guard}, DBClusterParameterGroupName: &d.group,
	})
	require.NoError(t, err)
	t.Cleanup(func() { d.remove(t) })
	for i := range zones {
		d.add(t, d.instance(i), zones[i], i)
	}
	d.awaitWhole(t)
	w.AwaitState(t, d.client, "running")
	return d
}

// instance is the name of the instance that was made i-th.
func (d *database) instance(i int) string { return fmt.Sprintf("%s-%d", d.name, i) }

func (d *database) add(t *testing.T, name, zone string, tier int) {
	t.Helper()
	_, err := d.rds.CreateDBInstance(context.Background(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &name, DBClusterIdentifier: &d.name, Engine: aws.String("aurora-postgresql"), DBInstanceClass: aws.String("db.r6g.large"),
		AvailabilityZone: aws.String(world.Zone(zone)), PromotionTier: aws.Int32(int32(tier)),
	})
	require.NoError(t, err)
}

// remove deletes what is left of the database; the lab may have gone.
func (d *database) remove(t *testing.T) {
	ctx := context.Background()
	c, err := d.describe()
	if err != nil {
		return
	}
	for _, m := range c.DBClusterMembers {
		_, _ = d.rds.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: m.DBInstanceIdentifier})
	}
	if _, err := d.rds.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: &d.name, SkipFinalSnapshot: aws.Bool(true)}); err != nil {
		t.Log(err)
	}
}

func (d *database) describe() (types.DBCluster, error) {
	out, err := d.rds.DescribeDBClusters(context.Background(), &rds.DescribeDBClustersInput{DBClusterIdentifier: &d.name})
	if err != nil {
		return types.DBCluster{}, err
	}
	return out.DBClusters[0], nil
}

func (d *database) describeInstance(t *testing.T, name string) types.DBInstance {
	t.Helper()
	out, err := d.rds.DescribeDBInstances(context.Background(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &name})
	require.NoError(t, err)
	return out.DBInstances[0]
}

// writer is the name of the instance that writes, when the cluster is whole.
func (d *database) writer() (string, error) {
	c, err := d.describe()
	if err != nil {
		return "", err
	}
	writer := ""
	for _, m := range c.DBClusterMembers {
		if *m.IsClusterWriter {
			writer = *m.DBInstanceIdentifier
		}
	}
	if *c.Status != "available" || writer == "" {
		return writer, fmt.Errorf("the cluster is %s and its writer %q", *c.Status, writer)
	}
	out, err := d.rds.DescribeDBInstances(context.Background(), &rds.DescribeDBInstancesInput{Filters: []types.Filter{{Name: aws.String("db-cluster-id"), Values: []string{d.name}}}})
	if err != nil {
		return writer, err
	}
	for _, i := range out.DBInstances {
		if *i.DBInstanceStatus != "available" || len(i.StatusInfos) == 1 && !*i.StatusInfos[0].Normal {
			return writer, fmt.Errorf("%s is %s (%v)", *i.DBInstanceIdentifier, *i.DBInstanceStatus, i.StatusInfos)
		}
	}
	return writer, nil
}

// awaitWhole waits until every instance serves and replicates, and returns the writer.
func (d *database) awaitWhole(t *testing.T) (writer string) {
	t.Helper()
	world.Wait(t, "the cluster to be whole", 2*time.Minute, func() (err error) {
		writer, err = d.writer()
		return err
	})
	return writer
}

// awaitWriter waits until another instance than the one named writes.
func (d *database) awaitWriter(t *testing.T, not string) (writer string) {
	t.Helper()
	world.Wait(t, "another writer than "+not, time.Minute, func() error {
		c, err := d.describe()
		for _, m := range c.DBClusterMembers {
			if *m.IsClusterWriter && *m.DBInstanceIdentifier != not {
				writer = *m.DBInstanceIdentifier
				return nil
			}
		}
		return fmt.Errorf("it is still that one (%v)", err)
	})
	return writer
}

// login is how the master user reaches an endpoint, with the password of now.
func (d *database) login(t *testing.T, host string) world.Login {
	t.Helper()
	c, err := d.describe()
	require.NoError(t, err)
	secret, err := secretsmanager.NewFromConfig(d.Config).GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: c.MasterUserSecret.SecretArn})
	require.NoError(t, err)
	var value struct{ Username, Password string }
	require.NoError(t, json.Unmarshal([]byte(*secret.SecretString), &value))
	return world.Login{Host: host, User: value.Username, Password: value.Password, Database: "books"}
}

// writing is the login at the cluster's endpoint.
func (d *database) writing(t *testing.T) world.Login {
	t.Helper()
	c, err := d.describe()
	require.NoError(t, err)
	return d.login(t, *c.Endpoint)
}

// ask runs a statement at an endpoint and returns its only value.
func (d *database) ask(t testing.TB, login world.Login, statement string) (string, error) {
	answer := d.SQL(t, d.client, login, statement)
	switch {
	case answer.Error != "":
		return "", fmt.Errorf("%s", answer.Error)
	case len(answer.Rows) == 0:
		return "", nil
	}
	return answer.Rows[0][0], nil
}

// set sets a parameter of the cluster's group.
func (d *database) set(t *testing.T, name, value string, method types.ApplyMethod) {
	t.Helper()
	_, err := d.rds.ModifyDBClusterParameterGroup(context.Background(), &rds.ModifyDBClusterParameterGroupInput{
		DBClusterParameterGroupName: &d.group, Parameters: []types.Parameter{{ParameterName: &name, ParameterValue: &value, ApplyMethod: method}},
	})
	require.NoError(t, err)
}

// messages are the texts of the events of the cluster or of one of its instances.
func (d *database) messages(t *testing.T, kind types.SourceType, name string) (all []string) {
	t.Helper()
	out, err := d.rds.DescribeEvents(context.Background(), &rds.DescribeEventsInput{SourceType: kind, SourceIdentifier: &name})
	require.NoError(t, err)
	for _, event := range out.Events {
		all = append(all, *event.Message)
	}
	return all
}

func (d *database) awaitEvent(t *testing.T, kind types.SourceType, name, text string) {
	t.Helper()
	world.Wait(t, fmt.Sprintf("the event %q", text), time.Minute, func() error {
		all := d.messages(t, kind, name)
		if !slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, text) }) {
			return fmt.Errorf("there are %q", all)
		}
		return nil
	})
}

// fault sets a fault, and heals it at the test's end at the latest.
func (d *database) fault(t *testing.T, kind faults.Kind, target string) (heal func()) {
	t.Helper()
	fault, err := d.Control.Break(context.Background(), faults.Request{Kind: kind, Target: target})
	require.NoError(t, err)
	healed := false
	heal = func() {
		if !healed {
			_, err := d.Control.Heal(context.Background(), fault.ID)
			healed = err == nil
		}
	}
	t.Cleanup(heal)
	return heal
}

// processes are those of an instance's server, as the machine sees them.
func (d *database) processes(t *testing.T, name string) (pids []int) {
	t.Helper()
	id := *d.describeInstance(t, name).DbiResourceId
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	for _, entry := range entries {
		cwd, err := os.Readlink(filepath.Join("/proc", entry.Name(), "cwd"))
		if pid, notPID := strconv.Atoi(entry.Name()); err == nil && notPID == nil && strings.HasSuffix(cwd, id+"/store/data") {
			pids = append(pids, pid)
		}
	}
	require.NotEmpty(t, pids, "%s does not run", name)
	return pids
}
