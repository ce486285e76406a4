package ec2_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPagesAreWholeAndStable(t *testing.T) {
	b := newBench(t)
	subnet := b.place()
	expected := map[string]bool{}
	for _, one := range b.run(subnet, 23) {
		expected[*one.InstanceId] = true
	}
	pages, seen := 0, map[string]bool{}
	paginator := ec2.NewDescribeInstancesPaginator(b.client, &ec2.DescribeInstancesInput{MaxResults: aws.Int32(5)})
	for paginator.HasMorePages() {
		out, err := paginator.NextPage(b.ctx)
		require.NoError(t, err)
		for _, reservation := range out.Reservations {
			for _, one := range reservation.Instances {
				assert.False(t, seen[*one.InstanceId], "an instance is on one page only")
				seen[*one.InstanceId] = true
			}
		}
		if pages++; pages == 2 {
			b.run(subnet, 1) // one more between pages must not shift them
		}
	}
	assert.GreaterOrEqual(t, pages, 5)
	for id := range expected {
		assert.True(t, seen[id], id)
	}
	_, err := b.client.DescribeInstances(b.ctx, &ec2.DescribeInstancesInput{MaxResults: aws.Int32(5), NextToken: aws.String("nonsense!")})
	refused(t, "InvalidNextToken", err)
	_, err = b.client.DescribeInstances(b.ctx, &ec2.DescribeInstancesInput{MaxResults: aws.Int32(5), InstanceIds: []string{"i-0123456789abcdef0"}})
	refused(t, "InvalidParameterCombination", err)
}

func TestFiltersJoinByAnd(t *testing.T) {
	b := newBench(t)
	id := b.vpc("10.0.0.0/16")
	for i, zone := range []string{"us-east-1a", "us-east-1b", "us-east-1a"} {
		subnet := b.subnet(id, fmt.Sprintf("10.0.%d.0/24", i), zone)
		_, err := b.client.CreateTags(b.ctx, &ec2.CreateTagsInput{Resources: []string{subnet}, Tags: []types.Tag{{Key: aws.String("tier"), Value: aws.String(fmt.Sprintf("app-%d", i))}}})
		require.NoError(t, err)
	}
	count := func(filters ...types.Filter) int {
		out, err := b.client.DescribeSubnets(b.ctx, &ec2.DescribeSubnetsInput{Filters: filters})
		require.NoError(t, err)
		return len(out.Subnets)
	}
	assert.Equal(t, 3, count())
	assert.Equal(t, 2, count(filter("availability-zone", "us-east-1a")))
	assert.Equal(t, 1, count(filter("availability-zone", "us-east-1a"), filter("tag:tier", "app-2")))
	assert.Equal(t, 3, count(filter("tag:tier", "app-*")))
	assert.Equal(t, 2, count(filter("tag:tier", "app-0", "app-1")))
	assert.Equal(t, 3, count(filter("tag-key", "tier")))
	assert.Zero(t, count(filter("tag-key", "Tier")))
	assert.Zero(t, count(filter("vpc-id", "vpc-0")))
}

func TestTags(t *testing.T) {
	b := newBench(t)
	id := b.vpc("10.0.0.0/16")
	tag := func(key, value string) error {
		_, err := b.client.CreateTags(b.ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: aws.String(key), Value: aws.String(value)}}})
		return err
	}
	require.NoError(t, tag("Name", "one"))
	refused(t, "InvalidParameterValue", tag("aws:name", "x"))
	for i := range 49 {
		require.NoError(t, tag(fmt.Sprint("key", i), "x"))
	}
	refused(t, "TagLimitExceeded", tag("one-too-many", "x"))
	_, err := b.client.DeleteTags(b.ctx, &ec2.DeleteTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("other")}}})
	require.NoError(t, err)
	described := func() map[string]string {
		out, err := b.client.DescribeTags(b.ctx, &ec2.DescribeTagsInput{Filters: []types.Filter{filter("resource-id", id)}})
		require.NoError(t, err)
		tags := map[string]string{}
		for _, tag := range out.Tags {
			assert.Equal(t, types.ResourceTypeVpc, tag.ResourceType)
			tags[*tag.Key] = *tag.Value
		}
		return tags
	}
	assert.Equal(t, "one", described()["Name"], "only a tag with that very value is deleted")
	_, err = b.client.DeleteTags(b.ctx, &ec2.DeleteTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: aws.String("Name")}}})
	require.NoError(t, err)
	assert.NotContains(t, described(), "Name")
	_, err = b.client.CreateTags(b.ctx, &ec2.CreateTagsInput{Resources: []string{"what-is-this"}, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	refused(t, "InvalidID", err)
	_, err = b.client.CreateVpc(b.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.1.0.0/16"), TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSubnet, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}}})
	refused(t, "InvalidParameterValue", err)
}

func TestCatalogue(t *testing.T) {
	b := newBench(t)
	images, err := b.client.DescribeImages(b.ctx, &ec2.DescribeImagesInput{Owners: []string{"amazon"}, Filters: []types.Filter{
		filter("name", "al2023-ami-2023.*-x86_64"), filter("architecture", "x86_64"), filter("virtualization-type", "hvm"), filter("state", "available"),
	}})
	require.NoError(t, err)
	require.Len(t, images.Images, 1)
	assert.Equal(t, image, *images.Images[0].ImageId)
	none, err := b.client.DescribeImages(b.ctx, &ec2.DescribeImagesInput{Owners: []string{"self"}})
	require.NoError(t, err)
	assert.Empty(t, none.Images)
	kinds, err := b.client.DescribeInstanceTypes(b.ctx, &ec2.DescribeInstanceTypesInput{Filters: []types.Filter{filter("processor-info.supported-architecture", "arm64"), filter("vcpu-info.default-vcpus", "1")}})
	require.NoError(t, err)
	assert.NotEmpty(t, kinds.InstanceTypes)
	zones, err := b.client.DescribeAvailabilityZones(b.ctx, &ec2.DescribeAvailabilityZonesInput{Filters: []types.Filter{filter("zone-name", "us-east-1b")}})
	require.NoError(t, err)
	assert.Equal(t, "use1-az2", *zones.AvailabilityZones[0].ZoneId)
	_, err = b.client.DescribeAvailabilityZones(b.ctx, &ec2.DescribeAvailabilityZonesInput{ZoneNames: []string{"us-east-1z"}})
	refused(t, "InvalidParameterValue", err)
}
