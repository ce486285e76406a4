package rds_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	awsrds "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/require"

	"haven/lab/authority"
	"haven/lab/cloud"
	"haven/lab/realm/host"
	"haven/lab/realm/postgres"
	"haven/lab/services/ec2"
	"haven/lab/services/kms"
	"haven/lab/services/rds"
	"haven/lab/services/secretsmanager"
	"haven/lab/wire/wiretest"
)

// fixture is an account with a VPC of three subnets, and RDS over it.
type fixture struct {
	t       *testing.T
	store   *cloud.Store
	service *rds.Service
	rds     *awsrds.Client
	ec2     *awsec2.Client
	secrets *awssecrets.Client

	subnets []string
	group   string

	mu         sync.Mutex
	host       *host.Host
	namespaces map[string]*host.Namespace
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, namespaces: map[string]*host.Namespace{}}
	var err error
	f.store, err = cloud.Open(filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.store.Close()) })
	network, secrets := ec2.New(f.store), secretsmanager.New(f.store)
	f.service = rds.New(f.store, network, secrets, rds.WithLog(slog.New(slog.DiscardHandler)))
	config := wiretest.New(t, map[string]any{"ec2": network, "rds": f.service, "secretsmanager": secrets, "kms": kms.New(f.store)})
	// The SDK closes its request's body as soon as an answer begins, which breaks the connection when the server was
	// quick; it counts on its own retries.
	config.Retryer = func() aws.Retryer { return retry.NewStandard() }
	f.rds, f.ec2, f.secrets = awsrds.NewFromConfig(config), awsec2.NewFromConfig(config), awssecrets.NewFromConfig(config)
	f.makeNetwork()
	return f
}

func (f *fixture) makeNetwork() {
	ctx := context.Background()
	vpc, err := f.ec2.CreateVpc(ctx, &awsec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	require.NoError(f.t, err)
	for i, zone := range []string{"us-east-1a", "us-east-1b", "us-east-1c"} {
		subnet, err := f.ec2.CreateSubnet(ctx, &awsec2.CreateSubnetInput{
			VpcId: vpc.Vpc.VpcId, AvailabilityZone: aws.String(zone), CidrBlock: aws.String("10.0." + string(rune('0'+i)) + ".0/24"),
		})
		require.NoError(f.t, err)
		f.subnets = append(f.subnets, *subnet.Subnet.SubnetId)
	}
	group, err := f.ec2.CreateSecurityGroup(ctx, &awsec2.CreateSecurityGroupInput{GroupName: aws.String("db"), Description: aws.String("db"), VpcId: vpc.Vpc.VpcId})
	require.NoError(f.t, err)
	f.group = *group.GroupId
}

// run starts the service's reconciler until the test ends.
func (f *fixture) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = f.service.Run(ctx)
	}()
	f.t.Cleanup(func() { cancel(); <-done })
}

// realm gives the service real servers, each in a namespace of its own.
func (f *fixture) realm() {
	t := f.t
	t.Helper()
	if testing.Short() {
		t.Skip("starts real PostgreSQL servers")
	}
	if err := host.Privileged(); err != nil {
		t.Skip(err)
	}
	if _, err := postgres.ServerVersion(); err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("/tmp", "hvtrds")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))
	f.host, err = host.New(dir+"/ns", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.host.Close()) })
	require.NoError(t, os.Mkdir(dir+"/ca", 0o700))
	signer, err := authority.Open(dir + "/ca")
	require.NoError(t, err)
	manager, err := postgres.New(postgres.Options{
		Dir: dir + "/pg", Issue: signer.Issue, Event: f.service.ServerEvent, LogLine: f.service.ServerLine,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, manager.Close()) })
	f.service.Use(rds.WithServers(manager, f.namespace))
}

func (f *fixture) namespace(id string) (*host.Namespace, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ns, ok := f.namespaces[id]; ok {
		return ns, true
	}
	ns, err := f.host.CreateNamespace(id)
	if err != nil {
		return nil, false
	}
	f.namespaces[id] = ns
	return ns, true
}

func (f *fixture) subnetGroup() {
	_, err := f.rds.CreateDBSubnetGroup(context.Background(), &awsrds.CreateDBSubnetGroupInput{
		DBSubnetGroupName: aws.String("Data"), DBSubnetGroupDescription: aws.String("data"), SubnetIds: f.subnets,
	})
	require.NoError(f.t, err)
}

func (f *fixture) clusterInput() *awsrds.CreateDBClusterInput {
	return &awsrds.CreateDBClusterInput{
		DBClusterIdentifier: aws.String("Ledger"), Engine: aws.String("aurora-postgresql"), EngineVersion: aws.String("15.10"), EngineMode: aws.String("provisioned"),
		DatabaseName: aws.String("ledger"), MasterUsername: aws.String("haven"), ManageMasterUserPassword: aws.Bool(true),
		DBSubnetGroupName: aws.String("data"), VpcSecurityGroupIds: []string{f.group}, StorageEncrypted: aws.Bool(true),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("data")}},
	}
}

func (f *fixture) instanceInput(letter string, tier int32) *awsrds.CreateDBInstanceInput {
	return &awsrds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("ledger-" + letter), DBClusterIdentifier: aws.String("ledger"), Engine: aws.String("aurora-postgresql"),
		DBInstanceClass: aws.String("db.r6g.large"), AvailabilityZone: aws.String("us-east-1" + letter), PromotionTier: aws.Int32(tier),
	}
}

func (f *fixture) cluster() types.DBCluster {
	f.t.Helper()
	out, err := f.rds.DescribeDBClusters(context.Background(), &awsrds.DescribeDBClustersInput{DBClusterIdentifier: aws.String("ledger")})
	require.NoError(f.t, err)
	require.Len(f.t, out.DBClusters, 1)
	return out.DBClusters[0]
}

func (f *fixture) instance(name string) types.DBInstance {
	f.t.Helper()
	out, err := f.rds.DescribeDBInstances(context.Background(), &awsrds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String(name)})
	require.NoError(f.t, err)
	require.Len(f.t, out.DBInstances, 1)
	return out.DBInstances[0]
}

func (f *fixture) eventually(what string, condition func() bool) {
	f.t.Helper()
	require.Eventually(f.t, condition, 90*time.Second, 50*time.Millisecond, what)
}

func writerOf(c types.DBCluster) string {
	for _, m := range c.DBClusterMembers {
		if *m.IsClusterWriter {
			return *m.DBInstanceIdentifier
		}
	}
	return ""
}
