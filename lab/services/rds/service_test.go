package rds_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	awsrds "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
)

func requireCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	require.Error(t, err)
	require.True(t, errors.As(err, &api), "%v", err)
	require.Equal(t, code, api.ErrorCode(), api.ErrorMessage())
}

func TestSubnetGroupsCoverTwoZones(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	create := func(subnets ...string) error {
		_, err := f.rds.CreateDBSubnetGroup(ctx, &awsrds.CreateDBSubnetGroupInput{
			DBSubnetGroupName: aws.String("one"), DBSubnetGroupDescription: aws.String("d"), SubnetIds: subnets,
		})
		return err
	}
	requireCode(t, create(f.subnets[0]), "DBSubnetGroupDoesNotCoverEnoughAZs")
	requireCode(t, create(f.subnets[0], "subnet-0123456789abcdef0"), "InvalidSubnet")
	require.NoError(t, create(f.subnets[:2]...))
	requireCode(t, create(f.subnets[:2]...), "DBSubnetGroupAlreadyExists")
	_, err := f.rds.DescribeDBSubnetGroups(ctx, &awsrds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: aws.String("none")})
	requireCode(t, err, "DBSubnetGroupNotFoundFault")
	_, err = f.rds.DeleteDBSubnetGroup(ctx, &awsrds.DeleteDBSubnetGroupInput{DBSubnetGroupName: aws.String("one")})
	require.NoError(t, err)
}

func TestParameterGroupsCheckWhatTheyAreTold(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	_, err := f.rds.CreateDBClusterParameterGroup(ctx, &awsrds.CreateDBClusterParameterGroupInput{
		DBClusterParameterGroupName: aws.String("Tuned"), DBParameterGroupFamily: aws.String("aurora-postgresql15"), Description: aws.String("d"),
		Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}},
	})
	require.NoError(t, err)
	set := func(name, value string, method types.ApplyMethod) error {
		_, err := f.rds.ModifyDBClusterParameterGroup(ctx, &awsrds.ModifyDBClusterParameterGroupInput{
			DBClusterParameterGroupName: aws.String("tuned"),
			Parameters:                  []types.Parameter{{ParameterName: aws.String(name), ParameterValue: aws.String(value), ApplyMethod: method}},
		})
		return err
	}
	require.NoError(t, set("rds.force_ssl", "1", types.ApplyMethodImmediate))
	require.NoError(t, set("max_connections", "{DBInstanceClassMemory/9531392}", types.ApplyMethodPendingReboot))
	for name, value := range map[string]string{
		"rds.force_ssl": "maybe", "work_mem": "12", "log_statement": "some", "no_such": "1", "archive_command": "true", "port": "1",
	} {
		requireCode(t, set(name, value, types.ApplyMethodImmediate), "InvalidParameterValue")
	}
	requireCode(t, set("max_connections", "100", types.ApplyMethodImmediate), "InvalidParameterCombination")

	user, err := f.rds.DescribeDBClusterParameters(ctx, &awsrds.DescribeDBClusterParametersInput{DBClusterParameterGroupName: aws.String("tuned"), Source: aws.String("user")})
	require.NoError(t, err)
	require.Len(t, user.Parameters, 2)
	pages := awsrds.NewDescribeDBClusterParametersPaginator(f.rds, &awsrds.DescribeDBClusterParametersInput{DBClusterParameterGroupName: aws.String("tuned")})
	total := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		require.NoError(t, err)
		total += len(page.Parameters)
	}
	require.Greater(t, total, 250)

	_, err = f.rds.ResetDBClusterParameterGroup(ctx, &awsrds.ResetDBClusterParameterGroupInput{
		DBClusterParameterGroupName: aws.String("tuned"), Parameters: []types.Parameter{{ParameterName: aws.String("rds.force_ssl"), ApplyMethod: types.ApplyMethodImmediate}},
	})
	require.NoError(t, err)
	user, err = f.rds.DescribeDBClusterParameters(ctx, &awsrds.DescribeDBClusterParametersInput{DBClusterParameterGroupName: aws.String("tuned"), Source: aws.String("user")})
	require.NoError(t, err)
	require.Len(t, user.Parameters, 1)
	listed, err := f.rds.ListTagsForResource(ctx, &awsrds.ListTagsForResourceInput{ResourceName: aws.String("arn:aws:rds:us-east-1:000000000000:cluster-pg:tuned")})
	require.NoError(t, err)
	require.Len(t, listed.TagList, 1)
	_, err = f.rds.DescribeDBParameterGroups(ctx, &awsrds.DescribeDBParameterGroupsInput{DBParameterGroupName: aws.String("tuned")})
	requireCode(t, err, "DBParameterGroupNotFound")
}

func TestAClusterRefusesWhatTheLabCantHonour(t *testing.T) {
	f := newFixture(t)
	f.subnetGroup()
	ctx := context.Background()
	for code, change := range map[string]func(in *awsrds.CreateDBClusterInput){
		"InvalidParameterCombination":     func(in *awsrds.CreateDBClusterInput) { in.EnableIAMDatabaseAuthentication = aws.Bool(true) },
		"InvalidParameterValue":           func(in *awsrds.CreateDBClusterInput) { in.Engine = aws.String("aurora-mysql") },
		"DBSubnetGroupNotFoundFault":      func(in *awsrds.CreateDBClusterInput) { in.DBSubnetGroupName = aws.String("none") },
		"DBClusterParameterGroupNotFound": func(in *awsrds.CreateDBClusterInput) { in.DBClusterParameterGroupName = aws.String("none") },
	} {
		in := f.clusterInput()
		change(in)
		_, err := f.rds.CreateDBCluster(ctx, in)
		requireCode(t, err, code)
	}
}

func TestWithoutServersAClusterStaysCreatingAndCanBeDeleted(t *testing.T) {
	f := newFixture(t)
	f.subnetGroup()
	f.run()
	ctx := context.Background()
	in := f.clusterInput()
	in.DeletionProtection = aws.Bool(true)
	created, err := f.rds.CreateDBCluster(ctx, in)
	require.NoError(t, err)
	require.Equal(t, "ledger", *created.DBCluster.DBClusterIdentifier)
	require.Len(t, created.DBCluster.AvailabilityZones, 3)
	_, err = f.rds.CreateDBInstance(ctx, f.instanceInput("a", 0))
	require.NoError(t, err)
	require.Equal(t, "creating", *f.cluster().Status)
	require.Equal(t, "creating", *f.instance("ledger-a").DBInstanceStatus)

	secret, err := f.secrets.GetSecretValue(ctx, &awssecrets.GetSecretValueInput{SecretId: created.DBCluster.MasterUserSecret.SecretArn})
	require.NoError(t, err)
	var value struct{ Username, Password string }
	require.NoError(t, json.Unmarshal([]byte(*secret.SecretString), &value))
	require.Equal(t, "haven", value.Username)
	require.Len(t, value.Password, 28)

	drop := func() error {
		_, err := f.rds.DeleteDBCluster(ctx, &awsrds.DeleteDBClusterInput{DBClusterIdentifier: aws.String("ledger"), SkipFinalSnapshot: aws.Bool(true)})
		return err
	}
	requireCode(t, drop(), "InvalidParameterCombination")
	_, err = f.rds.ModifyDBCluster(ctx, &awsrds.ModifyDBClusterInput{DBClusterIdentifier: aws.String("ledger"), DeletionProtection: aws.Bool(false)})
	require.NoError(t, err)
	requireCode(t, drop(), "InvalidDBClusterStateFault")
	_, err = f.rds.DeleteDBInstance(ctx, &awsrds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("ledger-a")})
	require.NoError(t, err)
	_, err = f.rds.DeleteDBCluster(ctx, &awsrds.DeleteDBClusterInput{DBClusterIdentifier: aws.String("ledger")})
	requireCode(t, err, "InvalidParameterCombination")
	require.NoError(t, drop())
	f.eventually("the cluster is gone", func() bool {
		_, err := f.rds.DescribeDBClusters(ctx, &awsrds.DescribeDBClustersInput{DBClusterIdentifier: aws.String("ledger")})
		var gone *types.DBClusterNotFoundFault
		return errors.As(err, &gone)
	})
	_, err = f.rds.DescribeDBInstances(ctx, &awsrds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("ledger-a")})
	requireCode(t, err, "DBInstanceNotFound")
	nics, err := f.ec2.DescribeNetworkInterfaces(ctx, &awsec2.DescribeNetworkInterfacesInput{})
	require.NoError(t, err)
	require.Empty(t, nics.NetworkInterfaces, "an instance takes its interface with it")
}

func TestAClusterLivesAndFailsOver(t *testing.T) {
	f := newFixture(t)
	f.realm()
	f.subnetGroup()
	f.run()
	ctx := context.Background()
	_, err := f.rds.CreateDBCluster(ctx, f.clusterInput())
	require.NoError(t, err)
	f.eventually("the cluster is available", func() bool { return *f.cluster().Status == "available" })
	for i, letter := range []string{"a", "b", "c"} {
		_, err := f.rds.CreateDBInstance(ctx, f.instanceInput(letter, int32(i)))
		require.NoError(t, err)
	}
	whole := func() bool {
		for _, name := range []string{"ledger-a", "ledger-b", "ledger-c"} {
			if *f.instance(name).DBInstanceStatus != "available" {
				return false
			}
		}
		return *f.cluster().Status == "available"
	}
	f.eventually("three instances are available", whole)
	require.Equal(t, "ledger-a", writerOf(f.cluster()))

	_, err = f.rds.FailoverDBCluster(ctx, &awsrds.FailoverDBClusterInput{DBClusterIdentifier: aws.String("ledger"), TargetDBInstanceIdentifier: aws.String("ledger-c")})
	require.NoError(t, err)
	require.Equal(t, "failing-over", *f.cluster().Status)
	f.eventually("ledger-c writes", func() bool { return writerOf(f.cluster()) == "ledger-c" && whole() })

	found, err := f.rds.DescribeEvents(ctx, &awsrds.DescribeEventsInput{SourceType: types.SourceTypeDbCluster, SourceIdentifier: aws.String("ledger")})
	require.NoError(t, err)
	var messages []string
	for _, event := range found.Events {
		messages = append(messages, *event.Message)
	}
	require.Contains(t, messages, "Started cross AZ failover to DB instance: ledger-c.")
	require.Contains(t, messages, "Completed failover to DB instance: ledger-c.")

	require.NoError(t, f.store.View(func(tx *cloud.Tx) error {
		names, err := f.service.Names(tx)
		require.NoError(t, err)
		readers := 0
		for _, record := range names {
			if record.Name == *f.cluster().ReaderEndpoint {
				readers++
			}
			require.Equal(t, 5, record.TTL)
		}
		require.Equal(t, 2, readers)
		return nil
	}))

	_, err = f.rds.CreateDBClusterEndpoint(ctx, &awsrds.CreateDBClusterEndpointInput{
		DBClusterIdentifier: aws.String("ledger"), DBClusterEndpointIdentifier: aws.String("reports"), EndpointType: aws.String("ANY"), StaticMembers: []string{"ledger-b"},
	})
	require.NoError(t, err)
	listed, err := f.rds.DescribeDBClusterEndpoints(ctx, &awsrds.DescribeDBClusterEndpointsInput{DBClusterIdentifier: aws.String("ledger")})
	require.NoError(t, err)
	require.Len(t, listed.DBClusterEndpoints, 3)
	_, err = f.rds.RebootDBInstance(ctx, &awsrds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("ledger-a")})
	require.NoError(t, err)
	require.Equal(t, "rebooting", *f.instance("ledger-a").DBInstanceStatus)
	f.eventually("ledger-a has restarted", whole)

	redundant := func() bool {
		for _, name := range []string{"ledger-a", "ledger-b"} {
			if infos := f.instance(name).StatusInfos; len(infos) != 1 || !*infos[0].Normal {
				return false
			}
		}
		return true
	}
	f.eventually("both readers count", redundant)
	require.NoError(t, f.service.SetZoneDown("us-east-1c", true))
	f.eventually("another zone's instance writes", func() bool { return writerOf(f.cluster()) != "ledger-c" })
	require.NoError(t, f.service.SetZoneDown("us-east-1c", false))
	f.eventually("ledger-c is back", whole)
	_, err = f.rds.FailoverDBCluster(ctx, &awsrds.FailoverDBClusterInput{DBClusterIdentifier: aws.String("ledger"), TargetDBInstanceIdentifier: aws.String("ledger-c")})
	require.NoError(t, err)
	f.eventually("ledger-c writes again", func() bool { return writerOf(f.cluster()) == "ledger-c" && whole() })

	_, err = f.rds.StopDBCluster(ctx, &awsrds.StopDBClusterInput{DBClusterIdentifier: aws.String("ledger")})
	require.NoError(t, err)
	f.eventually("the cluster is stopped", func() bool { return *f.cluster().Status == "stopped" })
	_, err = f.rds.StartDBCluster(ctx, &awsrds.StartDBClusterInput{DBClusterIdentifier: aws.String("ledger")})
	require.NoError(t, err)
	f.eventually("the cluster runs again", func() bool { return whole() && writerOf(f.cluster()) == "ledger-c" })

	for _, letter := range []string{"a", "b", "c"} {
		_, err := f.rds.DeleteDBInstance(ctx, &awsrds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("ledger-" + letter)})
		require.NoError(t, err)
		require.Equal(t, "deleting", *f.instance("ledger-" + letter).DBInstanceStatus)
	}
	_, err = f.rds.DeleteDBCluster(ctx, &awsrds.DeleteDBClusterInput{DBClusterIdentifier: aws.String("ledger"), FinalDBSnapshotIdentifier: aws.String("ledger-final")})
	require.NoError(t, err)
	f.eventually("the cluster is gone", func() bool {
		out, err := f.rds.DescribeDBClusters(ctx, &awsrds.DescribeDBClustersInput{})
		return err == nil && len(out.DBClusters) == 0
	})
	final, err := f.rds.DescribeDBClusterSnapshots(ctx, &awsrds.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: aws.String("ledger-final")})
	require.NoError(t, err)
	require.Equal(t, "available", *final.DBClusterSnapshots[0].Status)
	_, err = f.rds.DeleteDBClusterSnapshot(ctx, &awsrds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: aws.String("ledger-final")})
	require.NoError(t, err)
}
