package secretsmanager_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	lab "haven/lab/services/secretsmanager"
	"haven/lab/wire/wiretest"
)

type fixture struct {
	client  *secretsmanager.Client
	service *lab.Service
	store   *cloud.Store
	path    string
}

func open(t *testing.T) fixture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	store, err := cloud.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	service := lab.New(store)
	config := wiretest.New(t, map[string]any{"secretsmanager": service})
	return fixture{secretsmanager.NewFromConfig(config), service, store, path}
}

func TestVersionsMoveThroughTheirStages(t *testing.T) {
	f, ctx := open(t), context.Background()
	made, err := f.client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("db/one"), SecretString: aws.String("first")})
	require.NoError(t, err)
	_, err = f.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: made.ARN, SecretString: aws.String("second")})
	require.NoError(t, err)

	value := func(stage string) string {
		out, err := f.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("db/one"), VersionStage: aws.String(stage)})
		require.NoError(t, err)
		return *out.SecretString
	}
	require.Equal(t, "second", value("AWSCURRENT"))
	require.Equal(t, "first", value("AWSPREVIOUS"))

	_, err = f.client.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: made.ARN, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: made.VersionId, RemoveFromVersionId: idOf(t, f, "AWSCURRENT"),
	})
	require.NoError(t, err)
	require.Equal(t, "first", value("AWSCURRENT"))
	require.Equal(t, "second", value("AWSPREVIOUS"))
}

func idOf(t *testing.T, f fixture, stage string) *string {
	out, err := f.client.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("db/one"), VersionStage: aws.String(stage)})
	require.NoError(t, err)
	return out.VersionId
}

func TestTheStoreHoldsNoPlainValue(t *testing.T) {
	f := open(t)
	_, err := f.client.CreateSecret(context.Background(), &secretsmanager.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String("correct-horse-battery")})
	require.NoError(t, err)
	raw, err := os.ReadFile(f.path)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "correct-horse-battery")
}

func TestADeletedSecretCanBeRestored(t *testing.T) {
	f, ctx := open(t), context.Background()
	name := aws.String("s")
	_, err := f.client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: name, SecretString: aws.String("v")})
	require.NoError(t, err)
	_, err = f.client.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: name, RecoveryWindowInDays: aws.Int64(7)})
	require.NoError(t, err)
	var invalid *types.InvalidRequestException
	_, err = f.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: name})
	require.ErrorAs(t, err, &invalid)
	described, err := f.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: name})
	require.NoError(t, err)
	require.NotNil(t, described.DeletedDate)
	_, err = f.client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: name})
	require.ErrorAs(t, err, &invalid)

	_, err = f.client.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: name})
	require.NoError(t, err)
	_, err = f.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: name})
	require.NoError(t, err)
	_, err = f.client.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: name, ForceDeleteWithoutRecovery: aws.Bool(true)})
	require.NoError(t, err)
	var missing *types.ResourceNotFoundException
	_, err = f.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: name})
	require.ErrorAs(t, err, &missing)
}

func TestARepeatedTokenIsTheSameVersion(t *testing.T) {
	f, ctx := open(t), context.Background()
	_, err := f.client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("s")})
	require.NoError(t, err)
	token := aws.String("11111111-2222-3333-4444-555555555555")
	for range 2 {
		_, err = f.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: aws.String("s"), ClientRequestToken: token, SecretString: aws.String("v")})
		require.NoError(t, err)
	}
	var exists *types.ResourceExistsException
	_, err = f.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: aws.String("s"), ClientRequestToken: token, SecretString: aws.String("other")})
	require.ErrorAs(t, err, &exists)
	versions, err := f.client.ListSecretVersionIds(ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String("s")})
	require.NoError(t, err)
	require.Len(t, versions.Versions, 1)
}

func TestAManagedSecretIsItsServicesBusiness(t *testing.T) {
	f, ctx := open(t), context.Background()
	var arn string
	require.NoError(t, f.store.Update(func(tx *cloud.Tx) (err error) {
		arn, err = f.service.CreateManaged(tx, "us-east-1", lab.ManagedSecret{Name: "rds!cluster-1", Owner: "rds", Value: []byte(`{"password":"a"}`)})
		return err
	}))
	_, err := f.client.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &arn})
	require.ErrorContains(t, err, "managed by rds")

	require.NoError(t, f.store.Update(func(tx *cloud.Tx) error {
		return f.service.RotateManaged(tx, "us-east-1", arn, []byte(`{"password":"b"}`))
	}))
	out, err := f.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &arn})
	require.NoError(t, err)
	require.Equal(t, `{"password":"b"}`, *out.SecretString)
	for range 2 {
		require.NoError(t, f.store.Update(func(tx *cloud.Tx) error { return f.service.DeleteManaged(tx, "us-east-1", arn) }))
	}
}

func TestListingFilters(t *testing.T) {
	f, ctx := open(t), context.Background()
	for _, name := range []string{"app/a", "app/b", "other"} {
		_, err := f.client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String(name)})
		require.NoError(t, err)
	}
	list, err := f.client.ListSecrets(ctx, &secretsmanager.ListSecretsInput{Filters: []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{"app/"}}}})
	require.NoError(t, err)
	require.Len(t, list.SecretList, 2)
	_, err = f.client.ListSecrets(ctx, &secretsmanager.ListSecretsInput{Filters: []types.Filter{{Key: types.FilterNameStringTypePrimaryRegion, Values: []string{"x"}}}})
	require.ErrorContains(t, err, "primary-region")
}
