package ec2_test

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	lab "haven/lab/services/ec2"
)

const resolvedImage = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"

// templateOf is what the program's launch template sends.
func templateOf(group string) *types.RequestLaunchTemplateData {
	return &types.RequestLaunchTemplateData{
		ImageId: aws.String(resolvedImage), InstanceType: types.InstanceTypeT3Small, UserData: aws.String("IyEvYmluL3NoCg=="), EbsOptimized: aws.Bool(true),
		SecurityGroupIds: []string{group}, Monitoring: &types.LaunchTemplatesMonitoringRequest{Enabled: aws.Bool(true)},
		InstanceInitiatedShutdownBehavior: types.ShutdownBehaviorTerminate,
		MetadataOptions: &types.LaunchTemplateInstanceMetadataOptionsRequest{
			HttpTokens: types.LaunchTemplateHttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(1), HttpEndpoint: types.LaunchTemplateInstanceMetadataEndpointStateEnabled,
		},
		BlockDeviceMappings: []types.LaunchTemplateBlockDeviceMappingRequest{{DeviceName: aws.String("/dev/xvda"), Ebs: &types.LaunchTemplateEbsBlockDeviceRequest{
			VolumeType: types.VolumeTypeGp3, VolumeSize: aws.Int32(20), Encrypted: aws.Bool(true), KmsKeyId: aws.String("arn:aws:kms:us-east-1:000000000000:key/1"),
		}}},
		TagSpecifications: []types.LaunchTemplateTagSpecificationRequest{{ResourceType: types.ResourceTypeVolume, Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("disk")}}}},
	}
}

func TestTheLatestVersionIsOneThatIsLeft(t *testing.T) {
	b := newBench(t)
	made, err := b.client.CreateLaunchTemplate(b.ctx, &ec2.CreateLaunchTemplateInput{LaunchTemplateName: aws.String("web"), LaunchTemplateData: templateOf(b.group(b.vpc("10.0.0.0/16"), "web"))})
	require.NoError(t, err)
	id := made.LaunchTemplate.LaunchTemplateId
	next := func() int64 {
		out, err := b.client.CreateLaunchTemplateVersion(b.ctx, &ec2.CreateLaunchTemplateVersionInput{LaunchTemplateId: id, SourceVersion: aws.String("1"), LaunchTemplateData: &types.RequestLaunchTemplateData{InstanceType: types.InstanceTypeT3Large}})
		require.NoError(t, err)
		return *out.LaunchTemplateVersion.VersionNumber
	}
	latest := func() int64 {
		out, err := b.client.DescribeLaunchTemplates(b.ctx, &ec2.DescribeLaunchTemplatesInput{LaunchTemplateIds: []string{*id}})
		require.NoError(t, err)
		version, err := b.client.DescribeLaunchTemplateVersions(b.ctx, &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: id, Versions: []string{"$Latest"}})
		require.NoError(t, err)
		require.Equal(t, *out.LaunchTemplates[0].LatestVersionNumber, *version.LaunchTemplateVersions[0].VersionNumber)
		return *out.LaunchTemplates[0].LatestVersionNumber
	}
	remove := func(versions ...string) {
		_, err := b.client.DeleteLaunchTemplateVersions(b.ctx, &ec2.DeleteLaunchTemplateVersionsInput{LaunchTemplateId: id, Versions: versions})
		require.NoError(t, err)
	}
	require.EqualValues(t, 2, next())
	require.EqualValues(t, 3, next())
	remove("2")
	require.EqualValues(t, 3, latest())
	remove("3")
	require.EqualValues(t, 1, latest())
	require.EqualValues(t, 4, next(), "a number is not given again")
	require.EqualValues(t, 4, latest())
}

func TestLaunchTemplateVersions(t *testing.T) {
	b := newBench(t)
	group := b.group(b.vpc("10.0.0.0/16"), "web")
	create := &ec2.CreateLaunchTemplateInput{LaunchTemplateName: aws.String("web"), LaunchTemplateData: templateOf(group)}
	made, err := b.client.CreateLaunchTemplate(b.ctx, create)
	require.NoError(t, err)
	id := made.LaunchTemplate.LaunchTemplateId
	create.ClientToken = nil
	_, err = b.client.CreateLaunchTemplate(b.ctx, create)
	refused(t, "InvalidLaunchTemplateName.AlreadyExistsException", err)
	_, err = b.client.CreateLaunchTemplateVersion(b.ctx, &ec2.CreateLaunchTemplateVersionInput{
		LaunchTemplateId: id, SourceVersion: aws.String("1"), LaunchTemplateData: &types.RequestLaunchTemplateData{InstanceType: types.InstanceTypeT3Large},
	})
	require.NoError(t, err)
	versions := func(names ...string) []types.LaunchTemplateVersion {
		out, err := b.client.DescribeLaunchTemplateVersions(b.ctx, &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: id, Versions: names})
		require.NoError(t, err)
		return out.LaunchTemplateVersions
	}
	require.Len(t, versions(), 2)
	latest, standard := versions("$Latest")[0], versions("$Default")[0]
	assert.EqualValues(t, 2, *latest.VersionNumber)
	assert.EqualValues(t, 1, *standard.VersionNumber)
	assert.Equal(t, types.InstanceTypeT3Large, latest.LaunchTemplateData.InstanceType)
	assert.Equal(t, resolvedImage, *latest.LaunchTemplateData.ImageId, "from the source version")
	_, err = b.client.ModifyLaunchTemplate(b.ctx, &ec2.ModifyLaunchTemplateInput{LaunchTemplateId: id, DefaultVersion: aws.String("3")})
	refused(t, "InvalidLaunchTemplateId.VersionNotFound", err)
	_, err = b.client.ModifyLaunchTemplate(b.ctx, &ec2.ModifyLaunchTemplateInput{LaunchTemplateId: id, DefaultVersion: aws.String("2")})
	require.NoError(t, err)
	assert.True(t, *versions("2")[0].DefaultVersion)
	_, err = b.client.DeleteLaunchTemplate(b.ctx, &ec2.DeleteLaunchTemplateInput{LaunchTemplateId: id})
	require.NoError(t, err)
	_, err = b.client.DescribeLaunchTemplates(b.ctx, &ec2.DescribeLaunchTemplatesInput{LaunchTemplateNames: []string{"web"}})
	refused(t, "InvalidLaunchTemplateName.NotFoundException", err)
	_, err = b.client.DescribeLaunchTemplateVersions(b.ctx, &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: id})
	refused(t, "InvalidLaunchTemplateId.NotFound", err)
}

func TestLaunchTemplateIsReturnedAsGiven(t *testing.T) {
	b := newBench(t)
	given := templateOf(b.group(b.vpc("10.0.0.0/16"), "web"))
	_, err := b.client.CreateLaunchTemplate(b.ctx, &ec2.CreateLaunchTemplateInput{LaunchTemplateName: aws.String("web"), LaunchTemplateData: given})
	require.NoError(t, err)
	out, err := b.client.DescribeLaunchTemplateVersions(b.ctx, &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateName: aws.String("web"), Versions: []string{"1"}})
	require.NoError(t, err)
	data := *out.LaunchTemplateVersions[0].LaunchTemplateData
	assert.Equal(t, *given.UserData, *data.UserData)
	assert.Equal(t, given.SecurityGroupIds, data.SecurityGroupIds)
	assert.EqualValues(t, *given.MetadataOptions.HttpPutResponseHopLimit, *data.MetadataOptions.HttpPutResponseHopLimit)
	assert.Equal(t, *given.BlockDeviceMappings[0].Ebs.KmsKeyId, *data.BlockDeviceMappings[0].Ebs.KmsKeyId)
	assert.True(t, *data.Monitoring.Enabled)
}

// The two forms of the data have the same members, so that copying by name loses nothing.
func TestRequestAndResponseDataHaveTheSameMembers(t *testing.T) {
	names := func(of any) []string {
		var all []string
		kind := reflect.TypeOf(of)
		for i := range kind.NumField() {
			if kind.Field(i).IsExported() {
				all = append(all, kind.Field(i).Name)
			}
		}
		return all
	}
	assert.ElementsMatch(t, names(types.RequestLaunchTemplateData{}), names(types.ResponseLaunchTemplateData{}))
}

func TestLaunchOfATemplate(t *testing.T) {
	b := newBench(t)
	id := b.vpc("10.0.0.0/16")
	subnet, group := b.subnet(id, "10.0.0.0/24", "us-east-1b"), b.group(id, "web")
	made, err := b.client.CreateLaunchTemplate(b.ctx, &ec2.CreateLaunchTemplateInput{LaunchTemplateName: aws.String("web"), LaunchTemplateData: templateOf(group)})
	require.NoError(t, err)
	var launched *lab.Instance
	require.NoError(t, b.store.Update(func(tx *cloud.Tx) (err error) {
		launched, err = b.service.Launch(tx, region, lab.LaunchRequest{
			LaunchTemplateID: *made.LaunchTemplate.LaunchTemplateId, Version: 1, SubnetID: subnet, Tags: map[string]string{"aws:autoscaling:groupName": "web"},
		})
		return err
	}))
	shown := b.instance(launched.ID)
	assert.Equal(t, image, *shown.ImageId)
	assert.Equal(t, "us-east-1b", *shown.Placement.AvailabilityZone)
	assert.Equal(t, group, *shown.SecurityGroups[0].GroupId)
	assert.Equal(t, types.MonitoringStateEnabled, shown.Monitoring.State)
	tags := map[string]string{}
	for _, tag := range shown.Tags {
		tags[*tag.Key] = *tag.Value
	}
	assert.Equal(t, "web", tags["aws:autoscaling:groupName"])
	assert.Equal(t, "1", tags["aws:ec2launchtemplate:version"])
	volumes, err := b.client.DescribeVolumes(b.ctx, &ec2.DescribeVolumesInput{Filters: []types.Filter{filter("attachment.instance-id", launched.ID)}})
	require.NoError(t, err)
	assert.EqualValues(t, 20, *volumes.Volumes[0].Size)
	assert.True(t, *volumes.Volumes[0].Encrypted)
	assert.Equal(t, "disk", *volumes.Volumes[0].Tags[0].Value)
	require.NoError(t, b.store.Update(func(tx *cloud.Tx) error { return b.service.Terminate(tx, region, launched.ID, "it was unhealthy") }))
	assert.Contains(t, *b.instance(launched.ID).StateTransitionReason, "it was unhealthy")

	over := b.run(subnet, 1, func(in *ec2.RunInstancesInput) {
		in.LaunchTemplate = &types.LaunchTemplateSpecification{LaunchTemplateName: aws.String("web"), Version: aws.String("$Latest")}
		in.ImageId, in.InstanceType = nil, types.InstanceTypeT3Large
	})[0]
	assert.Equal(t, types.InstanceTypeT3Large, over.InstanceType, "the request's own members win")
}
