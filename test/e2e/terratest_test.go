package e2e

import (
	"testing"

	terratest "github.com/gruntwork-io/terratest/modules/aws"
	"github.com/stretchr/testify/require"
)

const region = "us-east-1"

// terratest looks at the environment with Terratest's own AWS module, which knows of the lab by its endpoint alone.
func (c *clone) terratest(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab", "AWS_REGION": region,
	} {
		t.Setenv(name, value)
	}
	ctx, o := t.Context(), c.outputs()
	account, err := terratest.GetAccountIDContextE(t, ctx)
	require.NoError(t, err)
	require.Equal(t, "000000000000", account)

	vpc, err := terratest.GetVpcByIDContextE(t, ctx, o.Network.VPCID, region)
	require.NoError(t, err)
	require.Len(t, vpc.Subnets, 15, "five tiers in three zones")

	instances, err := terratest.GetInstanceIdsForAsgContextE(t, ctx, o.Web.GroupName, region)
	require.NoError(t, err)
	require.Len(t, instances, 3)
	capacity, err := terratest.GetCapacityInfoForAsgContextE(t, ctx, o.Web.GroupName, region)
	require.NoError(t, err)
	require.EqualValues(t, 3, capacity.DesiredCapacity)
	tags, err := terratest.GetTagsForEc2InstanceContextE(t, ctx, region, instances[0])
	require.NoError(t, err)
	require.Equal(t, o.Web.GroupName, tags["aws:autoscaling:groupName"])

	for _, member := range c.status().Database.Members {
		address, err := terratest.GetAddressOfRdsInstanceContextE(t, ctx, member.ID, region)
		require.NoError(t, err)
		require.Contains(t, address, ".rds.amazonaws.com")
	}
	require.NoError(t, terratest.AssertS3BucketExistsContextE(t, ctx, region, o.Storage.Buckets["data"]))
	require.NoError(t, terratest.AssertS3BucketVersioningExistsContextE(t, ctx, region, o.Storage.Buckets["data"]))
	secret, err := terratest.GetSecretValueContextE(t, ctx, region, o.Database.SecretARN)
	require.NoError(t, err)
	require.Contains(t, secret, "password")
	_, err = terratest.GetVpcByIDContextE(t, ctx, "vpc-00000000000000000", region)
	require.Error(t, err, "what is not there must not be found")
}
