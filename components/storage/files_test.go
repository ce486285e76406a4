package storage_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/recording"
	"haven/components/storage"
	"haven/components/zones"
)

func filesArgs(spread []zones.Zone) *storage.FilesArgs {
	return &storage.FilesArgs{
		Account: recording.Account, VPC: pulumi.String("vpc"), Subnets: recording.Subnets(spread, "mirror"),
		Key: pulumi.String("key"), Protect: true,
	}
}

func declareFiles(args *storage.FilesArgs) recording.Declare {
	return func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		_, err := storage.NewFiles(ctx, name, args, opts...)
		return err
	}
}

func TestFiles(t *testing.T) { recording.Component(t, declareFiles(filesArgs(recording.Zones(t, 3)))) }

func TestEachZoneHasItsMountTarget(t *testing.T) {
	for count := zones.Fewest; count <= zones.Most; count++ {
		spread := recording.Zones(t, count)
		made := recording.Must(t, declareFiles(filesArgs(spread)), "files")
		targets := made.Of("aws:efs/mountTarget:MountTarget")
		require.Len(t, targets, count)
		for _, zone := range spread {
			require.Equal(t, "subnet-mirror-"+zone.Letter, targets["files-"+zone.Letter].Value("subnetId"))
			require.Equal(t, []any{"files"}, targets["files-"+zone.Letter].Value("securityGroups"))
		}
	}
}

func TestFileSystemIsRegionalEncryptedProtectedAndBackedUp(t *testing.T) {
	made := recording.Must(t, declareFiles(filesArgs(recording.Zones(t, 2))), "files")
	system := made.Of("aws:efs/fileSystem:FileSystem")["files"]
	require.True(t, system.Protect)
	require.Nil(t, system.Value("availabilityZoneName"), "a zone's name would make it a file system of one zone")
	require.Equal(t, true, system.Value("encrypted"))
	require.Equal(t, "key", system.Value("kmsKeyId"))
	require.Equal(t, "ENABLED", made.Of("aws:efs/backupPolicy:BackupPolicy")["files"].Value("backupPolicy.status"))
	point := made.Of("aws:efs/accessPoint:AccessPoint")["files"]
	require.Equal(t, map[string]any{"uid": 1500.0, "gid": 1500.0}, point.Value("posixUser"))
	policy := made.Of("aws:efs/fileSystemPolicy:FileSystemPolicy")["files"].Value("policy").(string)
	require.JSONEq(t, `{"Version":"2012-10-17","Statement":[
		{"Sid":"TLSOnly","Effect":"Deny","Principal":{"AWS":"*"},"Action":["*"],"Resource":["arn:aws:mock:us-east-1:000000000000:files"],
		 "Condition":{"Bool":{"aws:SecureTransport":"false"}}},
		{"Sid":"RolesOfThisAccountThroughTheAccessPoint","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},
		 "Action":["elasticfilesystem:ClientMount","elasticfilesystem:ClientWrite"],"Resource":["arn:aws:mock:us-east-1:000000000000:files"],
		 "Condition":{"Bool":{"elasticfilesystem:AccessedViaMountTarget":"true"},
		              "StringEquals":{"elasticfilesystem:AccessPointArn":"arn:aws:mock:us-east-1:000000000000:files"}}}]}`, policy)
}

func TestNewFilesRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args *storage.FilesArgs
		want []string
	}{
		"nothing": {nil, []string{"args are required"}},
		"empty":   {&storage.FilesArgs{}, []string{"Account, VPC and Key are required", "0 subnets: expected one in each of at least two zones"}},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := recording.Run(recording.Options{}, recording.With(declareFiles(test.args), "files"))
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.Empty(t, made.All())
		})
	}
}
