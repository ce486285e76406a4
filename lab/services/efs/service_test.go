package efs_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	awsefs "github.com/aws/aws-sdk-go-v2/service/efs"
	"github.com/aws/aws-sdk-go-v2/service/efs/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/realm/host"
	"haven/lab/realm/mirror"
	"haven/lab/services/ec2"
	"haven/lab/services/efs"
	"haven/lab/services/iam/policy"
	"haven/lab/services/kms"
	"haven/lab/wire/wiretest"
)

// TestMain lets the test's own program be the file server.
func TestMain(m *testing.M) {
	mirror.Dispatch()
	os.Exit(m.Run())
}

// fixture is an account with a VPC of three subnets, and EFS over it.
type fixture struct {
	t       *testing.T
	store   *cloud.Store
	service *efs.Service
	efs     *awsefs.Client
	other   *awsefs.Client // of another region
	ec2     *awsec2.Client
	subnets []string
	group   string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t}
	var err error
	f.store, err = cloud.Open(filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.store.Close()) })
	network := ec2.New(f.store)
	f.service = efs.New(f.store, network, efs.WithLog(slog.New(slog.DiscardHandler)))
	config := wiretest.New(t, map[string]any{"ec2": network, "efs": f.service, "kms": kms.New(f.store)})
	f.efs, f.ec2 = awsefs.NewFromConfig(config), awsec2.NewFromConfig(config)
	f.other = awsefs.NewFromConfig(config, func(o *awsefs.Options) { o.Region = "us-west-2" })
	ctx := context.Background()
	vpc, err := f.ec2.CreateVpc(ctx, &awsec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	require.NoError(t, err)
	for i, zone := range []string{"us-east-1a", "us-east-1b", "us-east-1c"} {
		subnet, err := f.ec2.CreateSubnet(ctx, &awsec2.CreateSubnetInput{
			VpcId: vpc.Vpc.VpcId, AvailabilityZone: aws.String(zone), CidrBlock: aws.String("10.0." + string(rune('0'+i)) + ".0/24"),
		})
		require.NoError(t, err)
		f.subnets = append(f.subnets, *subnet.Subnet.SubnetId)
	}
	group, err := f.ec2.CreateSecurityGroup(ctx, &awsec2.CreateSecurityGroupInput{GroupName: aws.String("files"), Description: aws.String("d"), VpcId: vpc.Vpc.VpcId})
	require.NoError(t, err)
	f.group = *group.GroupId
	return f
}

func (f *fixture) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = f.service.Run(ctx)
	}()
	f.t.Cleanup(func() { cancel(); <-done })
}

// fakeMirrors says that everything declared is there: for what needs no disks.
type fakeMirrors struct {
	mu     sync.Mutex
	spec   mirror.Spec
	decide func(ctx context.Context, request mirror.MountRequest) (mirror.Grant, error)
}

func (m *fakeMirrors) Apply(_ context.Context, spec mirror.Spec) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spec = spec
	return nil
}

func (m *fakeMirrors) Observe() (all []mirror.Observation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, fs := range m.spec.FileSystems {
		o := mirror.Observation{ID: fs.ID, Ready: true}
		for _, target := range fs.Targets {
			o.Targets = append(o.Targets, mirror.TargetObservation{ID: target.ID, Serving: true})
		}
		all = append(all, o)
	}
	return all
}

func (m *fakeMirrors) Changed() <-chan struct{} { return nil }

func (m *fakeMirrors) AuthorizeWith(decide func(ctx context.Context, request mirror.MountRequest) (mirror.Grant, error)) {
	m.decide = decide
}

// fakeIdentities knows one key of one role.
type fakeIdentities struct{ allowed bool }

func (fakeIdentities) Authenticate(_ context.Context, id, token string) (string, cloud.Principal, error) {
	if id != "ASIATEST" || token != "token" {
		return "", cloud.Principal{}, errors.New("unknown")
	}
	return "secret", cloud.Principal{AccessKeyID: id, Role: "web", ARN: "arn:aws:sts::000000000000:assumed-role/web/i-1"}, nil
}

func (i fakeIdentities) Decide(_ *cloud.Tx, who cloud.Principal, guard policy.Guard, question policy.Question) (policy.Verdict, error) {
	access := policy.Access{Caller: policy.Caller{Own: []string{who.ARN, "arn:aws:iam::000000000000:role/web"}, Account: []string{cloud.Account, "arn:aws:iam::000000000000:root"}}, Guard: guard}
	if i.allowed {
		access.Identity = []*policy.Document{{Statement: policy.Statements{{Effect: policy.Allow, Action: policy.Strings{"*"}, Resource: policy.Strings{"*"}}}}}
	}
	return access.Decide(question), nil
}

func (f *fixture) pretend() *fakeMirrors {
	mirrors := &fakeMirrors{}
	f.service.Use(efs.WithMirrors(mirrors, func(string) (*host.Namespace, bool) { return nil, true }))
	f.run()
	return mirrors
}

func (f *fixture) create() string {
	f.t.Helper()
	made, err := f.efs.CreateFileSystem(context.Background(), &awsefs.CreateFileSystemInput{
		CreationToken: aws.String("one"), Encrypted: aws.Bool(true), ThroughputMode: types.ThroughputModeElastic,
		Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("shared")}},
	})
	require.NoError(f.t, err)
	require.Equal(f.t, types.LifeCycleStateCreating, made.LifeCycleState)
	require.Equal(f.t, "shared", *made.Name)
	return *made.FileSystemId
}

func (f *fixture) available(id string) {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		out, err := f.efs.DescribeFileSystems(context.Background(), &awsefs.DescribeFileSystemsInput{FileSystemId: aws.String(id)})
		return err == nil && out.FileSystems[0].LifeCycleState == types.LifeCycleStateAvailable
	}, 30*time.Second, 10*time.Millisecond)
}

func requireCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	require.Error(t, err)
	require.True(t, errors.As(err, &api), "%v", err)
	require.Equal(t, code, api.ErrorCode(), api.ErrorMessage())
}

func TestALifeOfAFileSystem(t *testing.T) {
	f := newFixture(t)
	f.pretend()
	ctx := context.Background()
	id := f.create()
	f.available(id)
	_, err := f.efs.CreateFileSystem(ctx, &awsefs.CreateFileSystemInput{CreationToken: aws.String("one")})
	var exists *types.FileSystemAlreadyExists
	require.ErrorAs(t, err, &exists)
	require.Equal(t, id, *exists.FileSystemId)

	var targets []string
	for _, subnet := range f.subnets {
		made, err := f.efs.CreateMountTarget(ctx, &awsefs.CreateMountTargetInput{FileSystemId: aws.String(id), SubnetId: aws.String(subnet), SecurityGroups: []string{f.group}})
		require.NoError(t, err)
		targets = append(targets, *made.MountTargetId)
	}
	_, err = f.efs.CreateMountTarget(ctx, &awsefs.CreateMountTargetInput{FileSystemId: aws.String(id), SubnetId: aws.String(f.subnets[0]), SecurityGroups: []string{f.group}})
	requireCode(t, err, "MountTargetConflict")
	require.Eventually(t, func() bool {
		out, err := f.efs.DescribeMountTargets(ctx, &awsefs.DescribeMountTargetsInput{FileSystemId: aws.String(id)})
		require.NoError(t, err)
		for _, target := range out.MountTargets {
			if target.LifeCycleState != types.LifeCycleStateAvailable {
				return false
			}
		}
		return len(out.MountTargets) == 3
	}, 30*time.Second, 10*time.Millisecond)
	groups, err := f.efs.DescribeMountTargetSecurityGroups(ctx, &awsefs.DescribeMountTargetSecurityGroupsInput{MountTargetId: aws.String(targets[0])})
	require.NoError(t, err)
	require.Equal(t, []string{f.group}, groups.SecurityGroups)
	require.NoError(t, f.store.View(func(tx *cloud.Tx) error {
		names, err := f.service.Names(tx)
		require.Len(t, names, 6)
		return err
	}))

	_, err = f.efs.DeleteFileSystem(ctx, &awsefs.DeleteFileSystemInput{FileSystemId: aws.String(id)})
	requireCode(t, err, "FileSystemInUse")
	for _, target := range targets {
		_, err := f.efs.DeleteMountTarget(ctx, &awsefs.DeleteMountTargetInput{MountTargetId: aws.String(target)})
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		_, err := f.efs.DescribeMountTargets(ctx, &awsefs.DescribeMountTargetsInput{MountTargetId: aws.String(targets[2])})
		var gone *types.MountTargetNotFound
		return errors.As(err, &gone)
	}, 30*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		_, err = f.efs.DeleteFileSystem(ctx, &awsefs.DeleteFileSystemInput{FileSystemId: aws.String(id)})
		return err == nil
	}, 30*time.Second, 10*time.Millisecond)
	_, err = f.efs.DescribeFileSystems(ctx, &awsefs.DescribeFileSystemsInput{FileSystemId: aws.String(id)})
	requireCode(t, err, "FileSystemNotFound")
}

func TestWhatBelongsToAFileSystem(t *testing.T) {
	f := newFixture(t)
	f.pretend()
	ctx := context.Background()
	id := f.create()
	f.available(id)
	point, err := f.efs.CreateAccessPoint(ctx, &awsefs.CreateAccessPointInput{
		FileSystemId: aws.String(id), PosixUser: &types.PosixUser{Uid: aws.Int64(1500), Gid: aws.Int64(1500)},
		RootDirectory: &types.RootDirectory{Path: aws.String("/haven"), CreationInfo: &types.CreationInfo{OwnerUid: aws.Int64(1500), OwnerGid: aws.Int64(1500), Permissions: aws.String("0750")}},
	})
	require.NoError(t, err)
	listed, err := f.efs.DescribeAccessPoints(ctx, &awsefs.DescribeAccessPointsInput{AccessPointId: point.AccessPointId})
	require.NoError(t, err)
	require.Equal(t, "/haven", *listed.AccessPoints[0].RootDirectory.Path)
	_, err = f.efs.CreateAccessPoint(ctx, &awsefs.CreateAccessPointInput{FileSystemId: aws.String(id), RootDirectory: &types.RootDirectory{Path: aws.String("/../etc")}})
	requireCode(t, err, "BadRequest")

	_, err = f.efs.DescribeFileSystemPolicy(ctx, &awsefs.DescribeFileSystemPolicyInput{FileSystemId: aws.String(id)})
	requireCode(t, err, "PolicyNotFound")
	_, err = f.efs.PutFileSystemPolicy(ctx, &awsefs.PutFileSystemPolicyInput{FileSystemId: aws.String(id), Policy: aws.String(`{"Statement":[{"Effect":"Allow"}]}`)})
	requireCode(t, err, "InvalidPolicyException")
	_, err = f.efs.PutLifecycleConfiguration(ctx, &awsefs.PutLifecycleConfigurationInput{
		FileSystemId: aws.String(id), LifecyclePolicies: []types.LifecyclePolicy{{TransitionToIA: types.TransitionToIARulesAfter30Days}},
	})
	require.NoError(t, err)
	lifecycle, err := f.efs.DescribeLifecycleConfiguration(ctx, &awsefs.DescribeLifecycleConfigurationInput{FileSystemId: aws.String(id)})
	require.NoError(t, err)
	require.Len(t, lifecycle.LifecyclePolicies, 1)
	_, err = f.efs.PutBackupPolicy(ctx, &awsefs.PutBackupPolicyInput{FileSystemId: aws.String(id), BackupPolicy: &types.BackupPolicy{Status: types.StatusEnabled}})
	require.NoError(t, err)
	backup, err := f.efs.DescribeBackupPolicy(ctx, &awsefs.DescribeBackupPolicyInput{FileSystemId: aws.String(id)})
	require.NoError(t, err)
	require.Equal(t, types.StatusEnabled, backup.BackupPolicy.Status)
	_, err = f.efs.TagResource(ctx, &awsefs.TagResourceInput{ResourceId: point.AccessPointId, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
	require.NoError(t, err)
	_, err = f.efs.UpdateFileSystem(ctx, &awsefs.UpdateFileSystemInput{FileSystemId: aws.String(id), ThroughputMode: types.ThroughputModeProvisioned})
	requireCode(t, err, "BadRequest")
}

func TestAReplicationIsARecordThatNeverClaimsToHaveCopied(t *testing.T) {
	f := newFixture(t)
	f.pretend()
	ctx := context.Background()
	id := f.create()
	f.available(id)
	made, err := f.efs.CreateReplicationConfiguration(ctx, &awsefs.CreateReplicationConfigurationInput{
		SourceFileSystemId: aws.String(id), Destinations: []types.DestinationToCreate{{Region: aws.String("us-west-2")}},
	})
	require.NoError(t, err)
	copied := made.Destinations[0]
	require.Nil(t, copied.LastReplicatedTimestamp)
	seen, err := f.other.DescribeReplicationConfigurations(ctx, &awsefs.DescribeReplicationConfigurationsInput{FileSystemId: copied.FileSystemId})
	require.NoError(t, err)
	require.Len(t, seen.Replications, 1)
	_, err = f.other.DeleteReplicationConfiguration(ctx, &awsefs.DeleteReplicationConfigurationInput{SourceFileSystemId: aws.String(id)})
	require.NoError(t, err)
	_, err = f.efs.DescribeReplicationConfigurations(ctx, &awsefs.DescribeReplicationConfigurationsInput{FileSystemId: aws.String(id)})
	requireCode(t, err, "ReplicationNotFound")
}

func TestThePolicyAndTheIdentityDecideOnMounts(t *testing.T) {
	f := newFixture(t)
	mirrors := f.pretend()
	ctx := context.Background()
	id := f.create()
	f.available(id)
	point := "fsap-0123456789abcdef0"
	ask := func(request mirror.MountRequest) (mirror.Grant, error) {
		request.FileSystem = id
		return mirrors.decide(ctx, request)
	}
	grant, err := ask(mirror.MountRequest{})
	require.NoError(t, err)
	require.Equal(t, mirror.Grant{Write: true, Root: true}, grant, "without a policy everybody may do everything")

	arn := "arn:aws:elasticfilesystem:us-east-1:000000000000:"
	_, err = f.efs.PutFileSystemPolicy(ctx, &awsefs.PutFileSystemPolicyInput{FileSystemId: aws.String(id), Policy: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"*","Resource":"` + arn + `file-system/` + id + `","Condition":{"Bool":{"aws:SecureTransport":"false"}}},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":["elasticfilesystem:ClientMount","elasticfilesystem:ClientWrite"],"Resource":"` + arn + `file-system/` + id + `",
		 "Condition":{"StringEquals":{"elasticfilesystem:AccessPointArn":"` + arn + `access-point/` + point + `"}}}]}`)})
	require.NoError(t, err)
	sign := func(accessPoint, secret string) string {
		who := aws.Credentials{AccessKeyID: "ASIATEST", SecretAccessKey: secret, SessionToken: "token"}
		connect, err := mirror.Sign(ctx, who, "us-east-1", id, accessPoint, time.Now())
		require.NoError(t, err)
		return connect
	}
	f.service.Use(efs.WithIdentities(fakeIdentities{allowed: true}))
	grant, err = ask(mirror.MountRequest{Secure: true, AccessPoint: point, Connect: sign(point, "secret")})
	require.NoError(t, err)
	require.True(t, grant.Write)
	for name, request := range map[string]mirror.MountRequest{
		"anonymous":         {Secure: true, AccessPoint: point},
		"plain":             {AccessPoint: point, Connect: sign(point, "secret")},
		"a wrong signature": {Secure: true, AccessPoint: point, Connect: sign(point, "guess")},
		"of another point":  {Secure: true, AccessPoint: point, Connect: sign("", "secret")},
	} {
		_, err := ask(request)
		require.ErrorContains(t, err, "access denied", name)
	}
	f.service.Use(efs.WithIdentities(fakeIdentities{allowed: false}))
	_, err = ask(mirror.MountRequest{Secure: true, AccessPoint: point, Connect: sign(point, "secret")})
	require.ErrorContains(t, err, "access denied", "a role without the right")
}

func TestFilesAreReallyThere(t *testing.T) {
	if err := host.Privileged(); err != nil {
		t.Skip(err)
	}
	f := newFixture(t)
	dir, err := os.MkdirTemp("/tmp", "hvtefss")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	mirrors, err := mirror.New(mirror.Options{Dir: dir + "/efs", Size: 256 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, mirrors.Close()) })
	f.service.Use(efs.WithMirrors(mirrors, func(string) (*host.Namespace, bool) { return nil, false }))
	f.run()
	id := f.create()
	f.available(id)
	seen := mirrors.Observe()
	require.Len(t, seen, 1)
	require.Len(t, seen[0].Devices, 3)

	device := func(want mirror.DeviceState) func() bool {
		return func() bool { return mirrors.Observe()[0].Devices["us-east-1b"] == want }
	}
	require.NoError(t, f.service.SetDisksLost("us-east-1b", true))
	require.Eventually(t, device(mirror.DeviceLost), 30*time.Second, 20*time.Millisecond)
	require.NoError(t, f.service.SetDisksLost("us-east-1b", false))
	require.Eventually(t, device(mirror.DeviceHealthy), 60*time.Second, 20*time.Millisecond)
	require.NoError(t, mirrors.Scrub(context.Background(), id))
}
