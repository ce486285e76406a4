package s3_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/services/iam"
	"haven/lab/services/kms"
	"haven/lab/services/s3"
	"haven/lab/wire"
	"haven/lab/wire/wiretest"
)

// account is an account with S3, IAM and KMS in force, reached by a plain door and by one that counts as TLS.
type account struct {
	t             *testing.T
	iam           *iam.Service
	s3            *s3.Service
	plain, secure aws.Config
	url           string // of the plain door
}

func newAccount(t *testing.T) account {
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store.db"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	objects, err := s3.New(store, t.TempDir(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	identities := iam.New(store, kms.ResolveARN)
	identities.Ciphertexts, objects.Permissions = kms.ARNOf, identities
	identities.Guard("s3", s3.Guard)
	identities.Guard("kms", kms.Guard)
	server, err := wire.NewServer(wire.Options{Authenticator: identities, Authorizer: identities, Models: wiretest.Models(t)},
		map[string]any{"iam": identities, "kms": kms.New(store), "s3": objects})
	require.NoError(t, err)
	plain := httptest.NewServer(server)
	t.Cleanup(plain.Close)
	secure := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.ServeHTTP(w, r.WithContext(wire.WithDoor(r.Context(), wire.Door{Secure: true})))
	}))
	t.Cleanup(secure.Close)
	return account{t, identities, objects, wiretest.Config(plain.URL), wiretest.Config(secure.URL), plain.URL}
}

func client(config aws.Config) *awss3.Client {
	return awss3.NewFromConfig(config, func(o *awss3.Options) { o.UsePathStyle = true })
}

// as makes a role with a policy ("" is none) and returns a client on an instance that has it.
func (a account) as(role, document string) aws.Config {
	operator := awsiam.NewFromConfig(a.secure)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	_, err := operator.CreateRole(context.Background(), &awsiam.CreateRoleInput{RoleName: &role, AssumeRolePolicyDocument: &trust})
	require.NoError(a.t, err)
	if document != "" {
		_, err = operator.PutRolePolicy(context.Background(), &awsiam.PutRolePolicyInput{RoleName: &role, PolicyName: aws.String("p"), PolicyDocument: &document})
		require.NoError(a.t, err)
	}
	credentials, err := a.iam.Credentials(context.Background(), role, "i-1")
	require.NoError(a.t, err)
	config := a.secure.Copy()
	config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: credentials.AccessKeyID, SecretAccessKey: credentials.SecretAccessKey, SessionToken: credentials.SessionToken}, nil
	})
	return config
}

func (a account) bucket(name string) *awss3.Client {
	operator := client(a.secure)
	_, err := operator.CreateBucket(context.Background(), &awss3.CreateBucketInput{Bucket: &name})
	require.NoError(a.t, err)
	a.put(name, "k")
	return operator
}

func (a account) put(bucket, key string) {
	_, err := client(a.secure).PutObject(context.Background(), &awss3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("content")})
	require.NoError(a.t, err)
}

func (a account) policy(bucket, statements string) error {
	_, err := client(a.secure).PutBucketPolicy(context.Background(), &awss3.PutBucketPolicyInput{
		Bucket: &bucket, Policy: aws.String(`{"Version":"2012-10-17","Statement":[` + statements + `]}`),
	})
	return err
}

func read(config aws.Config, bucket, key string) error {
	out, err := client(config).GetObject(context.Background(), &awss3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err == nil {
		out.Body.Close()
	}
	return err
}

const tlsOnly = `{"Sid":"TLSOnly","Effect":"Deny","Principal":{"AWS":"*"},"Action":"s3:*","Resource":["arn:aws:s3:::store","arn:aws:s3:::store/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}`

func TestAPlainRequestIsDeniedAlsoToTheOperator(t *testing.T) {
	a := newAccount(t)
	a.bucket("store")
	require.NoError(t, read(a.plain, "store", "k"))
	require.NoError(t, a.policy("store", tlsOnly))
	err := read(a.plain, "store", "k")
	requireCode(t, "AccessDenied", err)
	require.ErrorContains(t, err, "explicit deny in a resource-based policy")
	require.NoError(t, read(a.secure, "store", "k"), "the host's loopback stands for TLS")
	_, err = client(a.plain).DeleteBucketPolicy(context.Background(), &awss3.DeleteBucketPolicyInput{Bucket: aws.String("store")})
	require.NoError(t, err, "the account's root can always remove a policy")
	require.NoError(t, read(a.plain, "store", "k"))
}

func TestIdentityAndBucketPoliciesDecide(t *testing.T) {
	a := newAccount(t)
	a.bucket("store")
	without, with := a.as("without", ""), a.as("with", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::store/*"}]}`)
	requireCode(t, "AccessDenied", read(without, "store", "k"))
	require.NoError(t, read(with, "store", "k"))
	requireCode(t, "AccessDenied", read(with, "store", "none"))
	requireCode(t, "NoSuchKey", read(a.secure, "store", "none"))

	require.NoError(t, a.policy("store", `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:role/without"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::store/*"},
		{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::000000000000:role/with"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::store/k"}`))
	require.NoError(t, read(without, "store", "k"), "the bucket's policy alone is enough in one account")
	requireCode(t, "AccessDenied", read(with, "store", "k"))
	requireCode(t, "AccessDenied", read(with, "store", "none"))
	_, err := client(without).ListObjectsV2(context.Background(), &awss3.ListObjectsV2Input{Bucket: aws.String("store")})
	requireCode(t, "AccessDenied", err)
	require.NoError(t, a.policy("store", `{"Effect":"Allow","Principal":"*","Action":"s3:ListBucket","Resource":"arn:aws:s3:::store","Condition":{"StringLike":{"s3:prefix":"open/*"},"StringEquals":{"aws:PrincipalAccount":"000000000000"}}}`))
	_, err = client(without).ListObjectsV2(context.Background(), &awss3.ListObjectsV2Input{Bucket: aws.String("store"), Prefix: aws.String("open/x")})
	require.NoError(t, err)
	_, err = client(without).ListObjectsV2(context.Background(), &awss3.ListObjectsV2Input{Bucket: aws.String("store")})
	requireCode(t, "AccessDenied", err)
}

func (a account) anonymous(path string) int {
	response, err := http.Get(a.url + path)
	require.NoError(a.t, err)
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

func TestThePublicSeesWhatAPublicPolicyAllowsUnlessBlocked(t *testing.T) {
	a := newAccount(t)
	operator := a.bucket("store")
	public := `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::store/*"}`
	require.Equal(t, 403, a.anonymous("/store/k"))
	require.Equal(t, 403, a.anonymous("/"))
	err := a.policy("store", public)
	requireCode(t, "AccessDenied", err)
	require.ErrorContains(t, err, "BlockPublicPolicy")
	set := func(restrict bool) {
		_, err := operator.PutPublicAccessBlock(context.Background(), &awss3.PutPublicAccessBlockInput{
			Bucket: aws.String("store"), PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{RestrictPublicBuckets: &restrict},
		})
		require.NoError(t, err)
	}
	set(false)
	require.NoError(t, a.policy("store", public))
	status, err := operator.GetBucketPolicyStatus(context.Background(), &awss3.GetBucketPolicyStatusInput{Bucket: aws.String("store")})
	require.NoError(t, err)
	require.True(t, *status.PolicyStatus.IsPublic)
	require.Equal(t, 200, a.anonymous("/store/k"))
	require.Equal(t, 403, a.anonymous("/store/none"))
	require.Equal(t, 403, a.anonymous("/store"))
	set(true)
	require.Equal(t, 403, a.anonymous("/store/k"))
	require.NoError(t, read(a.as("web", ""), "store", "k"), "the account's own are no public")
}

func TestPoliciesThatNoBucketTakes(t *testing.T) {
	a := newAccount(t)
	a.bucket("store")
	for _, statement := range []string{
		`{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*"}`,
		`{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sns:Publish","Resource":"arn:aws:s3:::store/*"}`,
		`{"Effect":"Allow","Principal":{"AWS":"web"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::store/*"}`,
		`{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::store"}`,
		`{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"s3:ListBucket","Resource":"arn:aws:s3:::store/*"}`,
		`{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"s3:GetObject"}`,
		`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::store/*"}`,
	} {
		requireCode(t, "MalformedPolicy", a.policy("store", statement))
	}
}

func TestAnObjectsKeyIsAskedFor(t *testing.T) {
	a := newAccount(t)
	operator := a.bucket("store")
	keys := awskms.NewFromConfig(a.secure)
	made, err := keys.CreateKey(context.Background(), &awskms.CreateKeyInput{})
	require.NoError(t, err)
	put := func(config aws.Config) error {
		_, err := client(config).PutObject(context.Background(), &awss3.PutObjectInput{
			Bucket: aws.String("store"), Key: aws.String("sealed"), Body: strings.NewReader("x"), ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: made.KeyMetadata.KeyId,
		})
		return err
	}
	require.NoError(t, put(a.secure))
	const s3Only = `{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"*"}`
	bare := a.as("bare", `{"Version":"2012-10-17","Statement":[`+s3Only+`]}`)
	require.NoError(t, read(bare, "store", "k"))
	err = read(bare, "store", "sealed")
	requireCode(t, "AccessDenied", err)
	require.ErrorContains(t, err, "kms:Decrypt")
	requireCode(t, "AccessDenied", put(bare))
	full := a.as("full", `{"Version":"2012-10-17","Statement":[`+s3Only+`,{"Effect":"Allow","Action":"kms:Decrypt","Resource":"`+*made.KeyMetadata.Arn+`",
		"Condition":{"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com"},"StringLike":{"kms:EncryptionContext:aws:s3:arn":"arn:aws:s3:::store*"}}}]}`)
	require.NoError(t, read(full, "store", "sealed"))
	requireCode(t, "AccessDenied", put(full))
	_, err = awskms.NewFromConfig(full).DescribeKey(context.Background(), &awskms.DescribeKeyInput{KeyId: made.KeyMetadata.KeyId})
	require.Error(t, err, "the right is for S3 alone")

	_, err = keys.DisableKey(context.Background(), &awskms.DisableKeyInput{KeyId: made.KeyMetadata.KeyId})
	require.NoError(t, err)
	_, err = operator.GetObject(context.Background(), &awss3.GetObjectInput{Bucket: aws.String("store"), Key: aws.String("sealed")})
	requireCode(t, "KMS.DisabledException", err)
}

func TestAccessControlListsAreOff(t *testing.T) {
	a := newAccount(t)
	operator := a.bucket("store")
	upload := func(acl types.ObjectCannedACL) error {
		_, err := operator.PutObject(context.Background(), &awss3.PutObjectInput{Bucket: aws.String("store"), Key: aws.String("x"), Body: strings.NewReader(""), ACL: acl})
		return err
	}
	require.NoError(t, upload(types.ObjectCannedACLBucketOwnerFullControl))
	requireCode(t, "AccessControlListNotSupported", upload(types.ObjectCannedACLPublicRead))
	_, err := operator.PutBucketAcl(context.Background(), &awss3.PutBucketAclInput{Bucket: aws.String("store"), ACL: types.BucketCannedACLPrivate})
	requireCode(t, "AccessControlListNotSupported", err)
	_, err = operator.PutBucketOwnershipControls(context.Background(), &awss3.PutBucketOwnershipControlsInput{Bucket: aws.String("store"), OwnershipControls: &types.OwnershipControls{
		Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipBucketOwnerPreferred}},
	}})
	require.NoError(t, err)
	requireCode(t, "AccessDenied", upload(types.ObjectCannedACLPublicRead))
	require.NoError(t, upload(types.ObjectCannedACLPrivate))
	grants, err := operator.GetObjectAcl(context.Background(), &awss3.GetObjectAclInput{Bucket: aws.String("store"), Key: aws.String("x")})
	require.NoError(t, err)
	require.Equal(t, types.PermissionFullControl, grants.Grants[0].Permission)
}

func TestBalancersDeliverLogsWhereThePolicyLetsThem(t *testing.T) {
	a := newAccount(t)
	a.bucket("store")
	deliver := func() error {
		return a.s3.PutLog(context.Background(), "us-east-1", "store", "AWSLogs/000000000000/elasticloadbalancing/us-east-1/2026/01/01/000000000000_elasticloadbalancing_us-east-1_app.web.0123456789abcdef_x.log.gz", []byte("x"))
	}
	require.ErrorContains(t, deliver(), "Access Denied for bucket: store")
	require.NoError(t, a.policy("store", tlsOnly+`,{"Effect":"Allow","Principal":{"Service":"logdelivery.elasticloadbalancing.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::store/*",
		"Condition":{"StringEquals":{"aws:SourceAccount":"000000000000"},"ArnLike":{"aws:SourceArn":"arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/*"}}}`))
	require.NoError(t, deliver())
}

func requireCode(t *testing.T, code string, err error) {
	t.Helper()
	var failure smithy.APIError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, code, failure.ErrorCode(), "%v", err)
}
