package storage_test

import (
	"encoding/json"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/recording"
	"haven/components/storage"
)

func declareBucket(args *storage.BucketArgs) recording.Declare {
	return func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		_, err := storage.NewBucket(ctx, name, args, opts...)
		return err
	}
}

// declareLogged is a bucket whose requests are logged to another.
func declareLogged(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
	target, err := storage.NewBucket(ctx, name+"-target", &storage.BucketArgs{
		Writers: []storage.Writer{storage.BalancerLogs(recording.Account), storage.RequestLogs(recording.Account)},
	}, opts...)
	if err != nil {
		return err
	}
	_, err = storage.NewBucket(ctx, name, &storage.BucketArgs{Key: pulumi.String("key"), LogTo: target, Protect: true, ExpireDays: 9}, opts...)
	return err
}

func TestBucket(t *testing.T) { recording.Component(t, declareLogged) }

func TestEveryBucketIsGuarded(t *testing.T) {
	made := recording.Must(t, declareLogged, "data")
	for _, name := range []string{"data", "data-target"} {
		require.Equal(t, "Enabled", made.Of("aws:s3/bucketVersioningV2:BucketVersioningV2")[name].Value("versioningConfiguration.status"))
		block := made.Of("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")[name]
		for _, guard := range []string{"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"} {
			require.Equal(t, true, block.Value(guard), "%s %s", name, guard)
		}
		require.Equal(t, "BucketOwnerEnforced", made.Of("aws:s3/bucketOwnershipControls:BucketOwnershipControls")[name].Value("rule.objectOwnership"))
		require.Equal(t, false, made.Of("aws:s3/bucketV2:BucketV2")[name].Value("forceDestroy"), "%s: nothing is emptied unless asked", name)
		rules := made.Of("aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2")[name].Value("rules").([]any)
		require.Equal(t, 90.0, rules[0].(map[string]any)["noncurrentVersionExpiration"].(map[string]any)["noncurrentDays"])
	}
	encryption := made.Of("aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2")
	require.Equal(t, map[string]any{"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "key"}, encryption["data"].Value("rules.0.applyServerSideEncryptionByDefault"))
	require.Equal(t, map[string]any{"sseAlgorithm": "AES256"}, encryption["data-target"].Value("rules.0.applyServerSideEncryptionByDefault"))
	require.True(t, made.Of("aws:s3/bucketV2:BucketV2")["data"].Protect)
	require.False(t, made.Of("aws:s3/bucketV2:BucketV2")["data-target"].Protect)
	require.Equal(t, "data-target", made.Of("aws:s3/bucketLoggingV2:BucketLoggingV2")["data"].Value("targetBucket"))
	require.Equal(t, 9.0, made.Of("aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2")["data"].Value("rules.1.expiration.days"))
}

func TestBucketPolicyRefusesPlainHTTPAndLetsOnlyWritersIn(t *testing.T) {
	made := recording.Must(t, declareLogged, "data")
	var policy struct {
		Statement []struct {
			Sid, Effect string
			Action      []string
			Resource    []string
			Principal   map[string]string
			Condition   map[string]map[string]string
		}
	}
	raw := made.Of("aws:s3/bucketPolicy:BucketPolicy")["data-target"].Value("policy").(string)
	require.NoError(t, json.Unmarshal([]byte(raw), &policy))
	require.Len(t, policy.Statement, 3)
	tls := policy.Statement[0]
	require.Equal(t, "Deny", tls.Effect)
	require.Equal(t, []string{"s3:*"}, tls.Action)
	require.Equal(t, map[string]map[string]string{"Bool": {"aws:SecureTransport": "false"}}, tls.Condition)
	require.Len(t, tls.Resource, 2, "the bucket and its objects")
	for _, writer := range policy.Statement[1:] {
		require.Equal(t, "Allow", writer.Effect)
		require.Equal(t, []string{"s3:PutObject"}, writer.Action)
		require.NotEmpty(t, writer.Principal["Service"])
		require.Equal(t, recording.Account, writer.Condition["StringEquals"]["aws:SourceAccount"])
	}
}

func TestNewBucketRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args *storage.BucketArgs
		want string
	}{
		"nothing":       {nil, "args are required"},
		"negative days": {&storage.BucketArgs{ExpireDays: -1}, "may not be negative"},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := recording.Run(recording.Options{}, recording.With(declareBucket(test.args), "data"))
			require.ErrorContains(t, err, test.want)
			require.Empty(t, made.All())
		})
	}
}
