package wire_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/wire"
	fakeec2 "haven/lab/wire/internal/fakes/ec2"
	fakeiam "haven/lab/wire/internal/fakes/iam"
	fakekms "haven/lab/wire/internal/fakes/kms"
	"haven/lab/wire/wiretest"
)

// serve serves fakes by their packages' names.
func serve(t testing.TB, services map[string]any) aws.Config {
	return wiretest.Serve(t, wire.Options{Models: wiretest.ModelsOf(t, "internal/fakes")}, services)
}

// requireCode checks the code of an API error.
func requireCode(t testing.TB, code string, err error) smithy.APIError {
	t.Helper()
	var failure smithy.APIError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, code, failure.ErrorCode(), failure.ErrorMessage())
	return failure
}

func TestEC2QueryCarriesNestedInputAndOutput(t *testing.T) {
	fake := &fakeec2.Service{}
	client := ec2.NewFromConfig(serve(t, map[string]any{"ec2": fake}))
	given := &ec2.RunInstancesInput{
		ImageId: aws.String("ami-1"), MinCount: aws.Int32(1), MaxCount: aws.Int32(2), InstanceType: ec2types.InstanceTypeT3Micro,
		SecurityGroupIds: []string{"sg-1", "sg-2"},
		BlockDeviceMappings: []ec2types.BlockDeviceMapping{{
			DeviceName: aws.String("/dev/xvda"), Ebs: &ec2types.EbsBlockDevice{VolumeSize: aws.Int32(8), Encrypted: aws.Bool(true)},
		}},
		NetworkInterfaces: []ec2types.InstanceNetworkInterfaceSpecification{{DeviceIndex: aws.Int32(0), Groups: []string{"sg-3"}}},
		TagSpecifications: []ec2types.TagSpecification{{
			ResourceType: ec2types.ResourceTypeInstance, Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: aws.String("a & b=ü")}},
		}},
	}
	out, err := client.RunInstances(context.Background(), given)
	require.NoError(t, err)
	assert.Equal(t, given, fake.Run)
	require.Len(t, out.Instances, 1)
	assert.Equal(t, `i-<&>"'`, *out.Instances[0].InstanceId)
	assert.Equal(t, fakeec2.Launched, *out.Instances[0].LaunchTime)
	assert.Equal(t, ec2types.InstanceStateNamePending, out.Instances[0].State.Name)
	assert.False(t, *out.Instances[0].EbsOptimized)
	assert.Equal(t, "us-east-1", *out.Instances[0].Tags[0].Value)
}

func TestEC2QueryErrors(t *testing.T) {
	client := ec2.NewFromConfig(serve(t, map[string]any{"ec2": &fakeec2.Service{}}))
	ctx := context.Background()
	run := func(change func(*ec2.RunInstancesInput)) error {
		in := &ec2.RunInstancesInput{ImageId: aws.String("ami-1"), MinCount: aws.Int32(1), MaxCount: aws.Int32(1)}
		change(in)
		_, err := client.RunInstances(ctx, in)
		return err
	}
	requireCode(t, "InvalidAMIID.NotFound", run(func(in *ec2.RunInstancesInput) { in.ImageId = aws.String("ami-missing") }))
	requireCode(t, "InvalidParameterValue", run(func(in *ec2.RunInstancesInput) { in.InstanceType = "t9.huge" }))
	requireCode(t, "DryRunOperation", run(func(in *ec2.RunInstancesInput) { in.DryRun = aws.Bool(true) }))
	failure := requireCode(t, "UnsupportedOperation", run(func(in *ec2.RunInstancesInput) { in.KeyName = aws.String("k") }))
	assert.Contains(t, failure.ErrorMessage(), "The lab does not implement the parameter KeyName of RunInstances")
	_, err := client.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
	failure = requireCode(t, "InvalidAction", err)
	assert.Contains(t, failure.ErrorMessage(), "The lab does not implement the operation DescribeVpcs")
	for _, id := range []string{"vpc-panic", "vpc-plain", "vpc-nothing"} {
		_, err = client.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: aws.String(id)})
		requireCode(t, "InternalError", err)
	}
	_, err = client.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: aws.String("vpc-1")})
	require.NoError(t, err, "the server goes on after a panic")
}

func TestQueryCarriesListsAndErrors(t *testing.T) {
	fake := &fakeiam.Service{}
	client := iam.NewFromConfig(serve(t, map[string]any{"iam": fake}))
	tags := []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("")}, {Key: aws.String("b"), Value: aws.String("c\nd")}}
	out, err := client.CreateRole(context.Background(), &iam.CreateRoleInput{
		RoleName: aws.String("web"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17"}`), Tags: tags,
	})
	require.NoError(t, err)
	assert.Equal(t, tags, fake.Tags)
	assert.Equal(t, tags, out.Role.Tags)
	assert.Equal(t, int64(1767322400), out.Role.CreateDate.Unix())
	_, err = client.GetRole(context.Background(), &iam.GetRoleInput{RoleName: aws.String("web")})
	requireCode(t, "NoSuchEntity", err)
	var missing *iamtypes.NoSuchEntityException
	require.ErrorAs(t, err, &missing)
	_, err = client.DeleteRole(context.Background(), &iam.DeleteRoleInput{RoleName: aws.String("web")})
	require.NoError(t, err)
}

func TestJSONCarriesBlobsMapsAndTimes(t *testing.T) {
	fake := &fakekms.Service{}
	config := serve(t, map[string]any{"kms": fake})
	config.Region = "eu-west-1"
	client := kms.NewFromConfig(config)
	encryptionContext := map[string]string{"a": "b", "ü\"\\": ""}
	out, err := client.Encrypt(context.Background(), &kms.EncryptInput{
		KeyId: aws.String("k-1"), Plaintext: []byte{1, 2, 0xff}, EncryptionContext: encryptionContext,
	})
	require.NoError(t, err)
	assert.Equal(t, []byte{0xff, 2, 1}, out.CiphertextBlob)
	assert.Equal(t, encryptionContext, fake.Context)
	created, err := client.CreateKey(context.Background(), &kms.CreateKeyInput{Description: aws.String("mine")})
	require.NoError(t, err)
	assert.Equal(t, time.UnixMilli(1767322400123).UTC(), created.KeyMetadata.CreationDate.UTC())
	assert.Equal(t, "arn:aws:kms:eu-west-1:000000000000:key/k-1", *created.KeyMetadata.Arn)
	assert.True(t, created.KeyMetadata.Enabled)
	_, err = client.DescribeKey(context.Background(), &kms.DescribeKeyInput{KeyId: aws.String("k-2")})
	requireCode(t, "NotFoundException", err)
	_, err = client.ListKeys(context.Background(), &kms.ListKeysInput{})
	requireCode(t, "UnknownOperationException", err)
}
