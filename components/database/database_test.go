package database_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/database"
	"haven/components/recording"
	"haven/components/zones"
)

const (
	clusterType = "aws:rds/cluster:Cluster"
	memberType  = "aws:rds/clusterInstance:ClusterInstance"
)

func args(spread []zones.Zone) *database.Args {
	return &database.Args{
		Scope: "haven-test", VPC: pulumi.String("vpc"), Zones: spread, Subnets: recording.Subnets(spread, "data"),
		Key: pulumi.String("key"), LogKey: pulumi.String("log-key"), EngineVersion: "15.10", InstanceClass: "db.r6g.large",
		Name: "haven", BackupDays: 30, LogDays: 30, BackupWindow: "03:00-03:30", Maintenance: "sun:05:30-sun:06:30",
		Insights: true, DeletionProtection: true, FinalSnapshot: true, Protect: true,
	}
}

func declare(args *database.Args) recording.Declare {
	return func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		_, err := database.New(ctx, name, args, opts...)
		return err
	}
}

func TestComponent(t *testing.T) { recording.Component(t, declare(args(recording.Zones(t, 3)))) }

func TestAMemberInEveryZoneAndNothingSaysWhoWrites(t *testing.T) {
	for count := zones.Fewest; count <= zones.Most; count++ {
		spread := recording.Zones(t, count)
		made := recording.Must(t, declare(args(spread)), "db")
		members := made.Of(memberType)
		require.Len(t, members, count)
		alike := map[string]bool{"identifier": true, "availabilityZone": true, "promotionTier": true, "tags": true}
		for i, zone := range spread {
			member := members["db-"+zone.Letter]
			require.Equal(t, zone.Name, member.Value("availabilityZone"))
			require.Equal(t, float64(i), member.Value("promotionTier"))
			require.Equal(t, false, member.Value("publiclyAccessible"))
			for key, value := range members["db-a"].Inputs {
				if !alike[string(key)] {
					require.Equal(t, value, member.Inputs[key], "members differ in %s", key)
				}
			}
		}
	}
}

func TestWhatKeepsDataAlive(t *testing.T) {
	made := recording.Must(t, declare(args(recording.Zones(t, 2))), "db")
	cluster := made.Of(clusterType)["db"]
	require.True(t, cluster.Protect)
	for name, member := range made.Of(memberType) {
		require.True(t, member.Protect, name)
	}
	require.Equal(t, []string{"availabilityZones"}, cluster.IgnoreChanges)
	require.Equal(t, true, cluster.Value("deletionProtection"))
	require.Equal(t, false, cluster.Value("skipFinalSnapshot"))
	require.Equal(t, "haven-test-db-final", cluster.Value("finalSnapshotIdentifier"))
	require.Equal(t, 30.0, cluster.Value("backupRetentionPeriod"))
	require.Nil(t, cluster.Value("availabilityZones"), "the program never says which zones AWS listed")
}

func TestProtectionsAreTurnedOffByName(t *testing.T) {
	a := args(recording.Zones(t, 2))
	a.Protect, a.DeletionProtection, a.FinalSnapshot, a.Insights = false, false, false, false
	made := recording.Must(t, declare(a), "db")
	cluster := made.Of(clusterType)["db"]
	require.False(t, cluster.Protect)
	require.Equal(t, false, cluster.Value("deletionProtection"))
	require.Equal(t, true, cluster.Value("skipFinalSnapshot"))
	require.Nil(t, cluster.Value("finalSnapshotIdentifier"))
	require.Nil(t, made.Of(memberType)["db-a"].Value("performanceInsightsKmsKeyId"))
}

func TestSecretsAndStorageAreEncryptedAndNoPasswordIsAnywhere(t *testing.T) {
	cluster := recording.Must(t, declare(args(recording.Zones(t, 2))), "db").Of(clusterType)["db"]
	require.Equal(t, true, cluster.Value("storageEncrypted"))
	require.Equal(t, "key", cluster.Value("kmsKeyId"))
	require.Equal(t, true, cluster.Value("manageMasterUserPassword"))
	require.Equal(t, "key", cluster.Value("masterUserSecretKmsKeyId"))
	require.Nil(t, cluster.Value("masterPassword"))
}

func TestConnectionsNeedTLS(t *testing.T) {
	made := recording.Must(t, declare(args(recording.Zones(t, 2))), "db")
	group := made.Of("aws:rds/clusterParameterGroup:ClusterParameterGroup")["db"]
	require.Equal(t, "aurora-postgresql15", group.Value("family"))
	require.Contains(t, group.Value("parameters"), map[string]any{"name": "rds.force_ssl", "value": "1", "applyMethod": "immediate"})
}

// RDS makes a log group by itself when there is none: unencrypted, for ever.
func TestTheLogGroupIsThereFirst(t *testing.T) {
	made := recording.Must(t, declare(args(recording.Zones(t, 2))), "db")
	group := made.Of("aws:cloudwatch/logGroup:LogGroup")["db"]
	require.Equal(t, "/aws/rds/cluster/haven-test-db/postgresql", group.Value("name"))
	require.Equal(t, "log-key", group.Value("kmsKeyId"))
	require.Contains(t, made.Of(clusterType)["db"].DependsOn,
		"urn:pulumi:test::haven::"+database.Type+"$aws:cloudwatch/logGroup:LogGroup::db")
}

func TestAZoneMoreLeavesClusterAndMembersAlone(t *testing.T) {
	before := recording.Must(t, declare(args(recording.Zones(t, 2))), "db")
	after := recording.Must(t, declare(args(recording.Zones(t, 3))), "db")
	for _, typ := range []string{clusterType, memberType} {
		for name, old := range before.Of(typ) {
			require.Equal(t, old.Inputs, after.Of(typ)[name].Inputs, name)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	broken := args(recording.Zones(t, 2))
	broken.EngineVersion, broken.Name, broken.BackupDays = "15", "Haven!", 36
	delete(broken.Subnets, "b")
	for name, test := range map[string]struct {
		args *database.Args
		want []string
	}{
		"nothing": {nil, []string{"args are required"}},
		"empty":   {&database.Args{}, []string{"Scope and InstanceClass are required", "VPC, Key and LogKey are required", "0 zones"}},
		"everything at once": {broken, []string{
			`EngineVersion "15": expected a full version`, `Name "Haven!"`, "BackupDays is 36: expected 1 to 35", "zone b has no subnet",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := recording.Run(recording.Options{}, recording.With(declare(test.args), "db"))
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.Empty(t, made.All())
		})
	}
}
