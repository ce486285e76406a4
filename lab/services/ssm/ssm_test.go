package ssm_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/services/ssm"
	"haven/lab/wire/wiretest"
)

const image = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"

var background = context.Background()

func newClient(t *testing.T) *awsssm.Client {
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	service := ssm.New(store, map[string]string{image: "ami-1"})
	return awsssm.NewFromConfig(wiretest.New(t, map[string]any{"ssm": service}))
}

func requireCode(t *testing.T, code string, err error) {
	t.Helper()
	var failure smithy.APIError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, code, failure.ErrorCode(), failure.ErrorMessage())
}

func put(t *testing.T, client *awsssm.Client, name, value string, kind types.ParameterType) {
	t.Helper()
	_, err := client.PutParameter(background, &awsssm.PutParameterInput{Name: &name, Value: &value, Type: kind})
	require.NoError(t, err)
}

func TestParameterLivesAsTheProviderUsesIt(t *testing.T) {
	client := newClient(t)
	name := aws.String("/haven/lab/site/url")
	in := &awsssm.PutParameterInput{
		Name: name, Value: aws.String("https://1"), Type: types.ParameterTypeString, Description: aws.String("where"),
		Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("url")}},
	}
	_, err := client.PutParameter(background, in)
	require.NoError(t, err)
	_, err = client.PutParameter(background, in)
	requireCode(t, "ParameterAlreadyExists", err)
	again, err := client.PutParameter(background, &awsssm.PutParameterInput{Name: name, Value: aws.String("https://2"), Overwrite: aws.Bool(true)})
	require.NoError(t, err)
	assert.Equal(t, int64(2), again.Version)

	got, err := client.GetParameter(background, &awsssm.GetParameterInput{Name: name, WithDecryption: aws.Bool(true)})
	require.NoError(t, err)
	assert.Equal(t, "https://2", *got.Parameter.Value)
	assert.Equal(t, "arn:aws:ssm:us-east-1:000000000000:parameter/haven/lab/site/url", *got.Parameter.ARN)
	byARN, err := client.GetParameter(background, &awsssm.GetParameterInput{Name: got.Parameter.ARN})
	require.NoError(t, err)
	assert.Equal(t, *name, *byARN.Parameter.Name)
	old, err := client.GetParameter(background, &awsssm.GetParameterInput{Name: aws.String(*name + ":1")})
	require.NoError(t, err)
	assert.Equal(t, "https://1", *old.Parameter.Value)
	_, err = client.GetParameter(background, &awsssm.GetParameterInput{Name: aws.String(*name + ":9")})
	requireCode(t, "ParameterVersionNotFound", err)

	described, err := client.DescribeParameters(background, &awsssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{
		{Key: aws.String("Name"), Option: aws.String("Equals"), Values: []string{*name}},
	}})
	require.NoError(t, err)
	require.Len(t, described.Parameters, 1)
	assert.Equal(t, "where", *described.Parameters[0].Description)
	assert.Equal(t, types.ParameterTierStandard, described.Parameters[0].Tier)
	tags, err := client.ListTagsForResource(background, &awsssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: name})
	require.NoError(t, err)
	require.Len(t, tags.TagList, 1)

	_, err = client.DeleteParameter(background, &awsssm.DeleteParameterInput{Name: name})
	require.NoError(t, err)
	_, err = client.GetParameter(background, &awsssm.GetParameterInput{Name: name})
	requireCode(t, "ParameterNotFound", err)
	_, err = client.DeleteParameter(background, &awsssm.DeleteParameterInput{Name: name})
	requireCode(t, "ParameterNotFound", err)
}

func TestSecureStringIsSealed(t *testing.T) {
	client := newClient(t)
	put(t, client, "secret", "hush", types.ParameterTypeSecureString)
	closed, err := client.GetParameter(background, &awsssm.GetParameterInput{Name: aws.String("secret")})
	require.NoError(t, err)
	assert.NotContains(t, *closed.Parameter.Value, "hush")
	open, err := client.GetParameter(background, &awsssm.GetParameterInput{Name: aws.String("secret"), WithDecryption: aws.Bool(true)})
	require.NoError(t, err)
	assert.Equal(t, "hush", *open.Parameter.Value)
	_, err = client.PutParameter(background, &awsssm.PutParameterInput{
		Name: aws.String("other"), Value: aws.String("x"), Type: types.ParameterTypeSecureString, KeyId: aws.String("alias/none"),
	})
	requireCode(t, "InvalidKeyId", err)
}

func TestPathsAndPages(t *testing.T) {
	client := newClient(t)
	for i := range 12 {
		put(t, client, fmt.Sprintf("/a/p%02d", i), "v", types.ParameterTypeString)
	}
	put(t, client, "/a/deep/er", "v", types.ParameterTypeString)
	put(t, client, "/ab/c", "v", types.ParameterTypeString)
	count := func(path string, recursive bool) (n int) {
		pages := awsssm.NewGetParametersByPathPaginator(client, &awsssm.GetParametersByPathInput{Path: &path, Recursive: &recursive})
		for pages.HasMorePages() {
			out, err := pages.NextPage(background)
			require.NoError(t, err)
			n += len(out.Parameters)
		}
		return n
	}
	assert.Equal(t, 12, count("/a", false))
	assert.Equal(t, 13, count("/a/", true))
	assert.Equal(t, 14, count("/", true))
	assert.Equal(t, 1, count("/aws/service/ami-amazon-linux-latest", true))
	several, err := client.GetParameters(background, &awsssm.GetParametersInput{Names: []string{"/a/p00", "/none", image}})
	require.NoError(t, err)
	assert.Len(t, several.Parameters, 2)
	assert.Equal(t, []string{"/none"}, several.InvalidParameters)
	_, err = client.DescribeParameters(background, &awsssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("Colour"), Values: []string{"x"}}}})
	requireCode(t, "InvalidFilterKey", err)
}

func TestLabels(t *testing.T) {
	client := newClient(t)
	put(t, client, "p", "1", types.ParameterTypeString)
	_, err := client.PutParameter(background, &awsssm.PutParameterInput{Name: aws.String("p"), Value: aws.String("2"), Overwrite: aws.Bool(true)})
	require.NoError(t, err)
	out, err := client.LabelParameterVersion(background, &awsssm.LabelParameterVersionInput{Name: aws.String("p"), ParameterVersion: aws.Int64(1), Labels: []string{"good", "aws-bad"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"aws-bad"}, out.InvalidLabels)
	got, err := client.GetParameter(background, &awsssm.GetParameterInput{Name: aws.String("p:good")})
	require.NoError(t, err)
	assert.Equal(t, "1", *got.Parameter.Value)
}

func TestBadParametersAreRefused(t *testing.T) {
	client := newClient(t)
	put(t, client, "/there", "x", types.ParameterTypeString)
	for code, in := range map[string]*awsssm.PutParameterInput{
		"ValidationException":               {Name: aws.String("a b"), Value: aws.String("x"), Type: types.ParameterTypeString},
		"AccessDeniedException":             {Name: aws.String("/aws/x"), Value: aws.String("x"), Type: types.ParameterTypeString},
		"ParameterPatternMismatchException": {Name: aws.String("n"), Value: aws.String("x"), Type: types.ParameterTypeString, AllowedPattern: aws.String(`\d+`)},
		"HierarchyTypeMismatchException":    {Name: aws.String("/there"), Value: aws.String("x"), Type: types.ParameterTypeSecureString, Overwrite: aws.Bool(true)},
		"InvalidAllowedPatternException":    {Name: aws.String("n"), Value: aws.String("x"), Type: types.ParameterTypeString, AllowedPattern: aws.String(`(`)},
	} {
		_, err := client.PutParameter(background, in)
		requireCode(t, code, err)
	}
	_, err := client.PutParameter(background, &awsssm.PutParameterInput{Name: aws.String("long"), Value: aws.String(strings.Repeat("x", 5000)), Type: types.ParameterTypeString})
	requireCode(t, "ValidationException", err)
	_, err = client.PutParameter(background, &awsssm.PutParameterInput{
		Name: aws.String("long"), Value: aws.String(strings.Repeat("x", 5000)), Type: types.ParameterTypeString, Tier: types.ParameterTierAdvanced,
	})
	require.NoError(t, err)
	_, err = client.PutParameter(background, &awsssm.PutParameterInput{Name: aws.String("n"), Value: aws.String("x")})
	requireCode(t, "ValidationException", err)
}
