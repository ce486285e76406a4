package kms_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	lab "haven/lab/services/kms"
	"haven/lab/wire/wiretest"
)

func client(t *testing.T) (*kms.Client, aws.Config) {
	t.Helper()
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store.db"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	config := wiretest.New(t, map[string]any{"kms": lab.New(store)})
	return kms.NewFromConfig(config), config
}

func create(t *testing.T, c *kms.Client, in *kms.CreateKeyInput) *types.KeyMetadata {
	t.Helper()
	out, err := c.CreateKey(context.Background(), in)
	require.NoError(t, err)
	return out.KeyMetadata
}

func TestKeysReallyEncrypt(t *testing.T) {
	c, _ := client(t)
	ctx := context.Background()
	one, other := create(t, c, &kms.CreateKeyInput{}), create(t, c, &kms.CreateKeyInput{})
	secret, binding := []byte("the plaintext"), map[string]string{"tenant": "a"}

	sealed, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: one.Arn, Plaintext: secret, EncryptionContext: binding})
	require.NoError(t, err)
	require.NotContains(t, string(sealed.CiphertextBlob), "plaintext")
	opened, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: binding})
	require.NoError(t, err)
	require.Equal(t, secret, opened.Plaintext)
	require.Equal(t, *one.Arn, *opened.KeyId)

	var invalid *types.InvalidCiphertextException
	_, err = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	require.ErrorAs(t, err, &invalid, "without its encryption context it must not open")
	sealed.CiphertextBlob[len(sealed.CiphertextBlob)-1] ^= 1
	_, err = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: binding})
	require.ErrorAs(t, err, &invalid, "a changed ciphertext must not open")
	sealed.CiphertextBlob[len(sealed.CiphertextBlob)-1] ^= 1

	var wrong *types.IncorrectKeyException
	_, err = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, KeyId: other.KeyId, EncryptionContext: binding})
	require.ErrorAs(t, err, &wrong)

	moved, err := c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: sealed.CiphertextBlob, SourceEncryptionContext: binding, DestinationKeyId: other.KeyId})
	require.NoError(t, err)
	opened, err = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: moved.CiphertextBlob, KeyId: other.KeyId})
	require.NoError(t, err)
	require.Equal(t, secret, opened.Plaintext)
}

func TestADataKeyOpensAgain(t *testing.T) {
	c, _ := client(t)
	ctx := context.Background()
	key := create(t, c, &kms.CreateKeyInput{})
	data, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: key.KeyId, KeySpec: types.DataKeySpecAes256})
	require.NoError(t, err)
	require.Len(t, data.Plaintext, 32)
	opened, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: data.CiphertextBlob})
	require.NoError(t, err)
	require.Equal(t, data.Plaintext, opened.Plaintext)
}

func TestADisabledOrDeletedKeyOpensNothing(t *testing.T) {
	c, _ := client(t)
	ctx := context.Background()
	key := create(t, c, &kms.CreateKeyInput{})
	sealed, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
	require.NoError(t, err)

	_, err = c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: key.KeyId})
	require.NoError(t, err)
	var disabled *types.DisabledException
	_, err = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	require.ErrorAs(t, err, &disabled)

	_, err = c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: aws.Int32(7)})
	require.NoError(t, err)
	described, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: key.KeyId})
	require.NoError(t, err)
	require.Equal(t, types.KeyStatePendingDeletion, described.KeyMetadata.KeyState)
	var state *types.KMSInvalidStateException
	_, err = c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: key.KeyId})
	require.ErrorAs(t, err, &state)
}

func TestAliases(t *testing.T) {
	c, _ := client(t)
	ctx := context.Background()
	one, other := create(t, c, &kms.CreateKeyInput{}), create(t, c, &kms.CreateKeyInput{})
	name := aws.String("alias/app")
	_, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: name, TargetKeyId: one.KeyId})
	require.NoError(t, err)
	var exists *types.AlreadyExistsException
	_, err = c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: name, TargetKeyId: other.KeyId})
	require.ErrorAs(t, err, &exists)
	_, err = c.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: name, TargetKeyId: other.KeyId})
	require.NoError(t, err)
	found, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: name})
	require.NoError(t, err)
	require.Equal(t, *other.KeyId, *found.KeyMetadata.KeyId)
	list, err := c.ListAliases(ctx, &kms.ListAliasesInput{KeyId: other.KeyId})
	require.NoError(t, err)
	require.Len(t, list.Aliases, 1)
	_, err = c.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: name})
	require.NoError(t, err)
	var missing *types.NotFoundException
	_, err = c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: name})
	require.ErrorAs(t, err, &missing)
}

func TestAReplicaOpensWhatItsPrimarySealed(t *testing.T) {
	c, config := client(t)
	ctx := context.Background()
	key := create(t, c, &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	require.True(t, strings.HasPrefix(*key.KeyId, "mrk-"))
	sealed, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
	require.NoError(t, err)
	_, err = c.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: key.KeyId, ReplicaRegion: aws.String("us-west-2")})
	require.NoError(t, err)

	config.Region = "us-west-2"
	there := kms.NewFromConfig(config)
	opened, err := there.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	require.NoError(t, err)
	require.Equal(t, "x", string(opened.Plaintext))
	described, err := there.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: key.KeyId})
	require.NoError(t, err)
	require.Equal(t, types.MultiRegionKeyTypeReplica, described.KeyMetadata.MultiRegionConfiguration.MultiRegionKeyType)
	require.Equal(t, *key.Arn, *described.KeyMetadata.MultiRegionConfiguration.PrimaryKey.Arn)

	var state *types.KMSInvalidStateException
	_, err = c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId})
	require.ErrorAs(t, err, &state, "a primary with replicas must stay")
}

func TestWhatTheLabLacksIsSaid(t *testing.T) {
	c, _ := client(t)
	_, err := c.CreateKey(context.Background(), &kms.CreateKeyInput{KeySpec: types.KeySpecRsa2048})
	require.ErrorContains(t, err, "The lab does not implement this")
}

func TestPolicyTagsAndRotation(t *testing.T) {
	c, _ := client(t)
	ctx := context.Background()
	key := create(t, c, &kms.CreateKeyInput{Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("1")}}})
	_, err := c.TagResource(ctx, &kms.TagResourceInput{KeyId: key.KeyId, Tags: []types.Tag{{TagKey: aws.String("b"), TagValue: aws.String("2")}}})
	require.NoError(t, err)
	_, err = c.UntagResource(ctx, &kms.UntagResourceInput{KeyId: key.KeyId, TagKeys: []string{"a"}})
	require.NoError(t, err)
	tags, err := c.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: key.KeyId})
	require.NoError(t, err)
	require.Equal(t, []types.Tag{{TagKey: aws.String("b"), TagValue: aws.String("2")}}, tags.Tags)

	_, err = c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: aws.String("not json")})
	var malformed *types.MalformedPolicyDocumentException
	require.ErrorAs(t, err, &malformed)
	policy, err := c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: key.KeyId})
	require.NoError(t, err)
	require.Contains(t, *policy.Policy, "Enable IAM User Permissions")

	_, err = c.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: key.KeyId})
	require.NoError(t, err)
	status, err := c.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: key.KeyId})
	require.NoError(t, err)
	require.True(t, status.KeyRotationEnabled)
	require.EqualValues(t, 365, *status.RotationPeriodInDays)
}
