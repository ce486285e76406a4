package iam_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/realm/machine"
	"haven/lab/services/iam"
	"haven/lab/services/kms"
	"haven/lab/services/ssm"
	"haven/lab/services/sts"
	"haven/lab/wire"
	"haven/lab/wire/wiretest"
)

// account is an account with IAM in force.
type account struct {
	iam    *iam.Service
	config aws.Config // of the operator
}

func newAccount(t *testing.T) account {
	store := newStore(t)
	service := iam.New(store, kms.ResolveARN)
	return account{service, wiretest.Serve(t, wire.Options{Authenticator: service, Authorizer: service}, map[string]any{
		"iam": service, "sts": sts.New(service), "kms": kms.New(store), "ssm": ssm.New(store, nil),
	})}
}

func (a account) operator() *awsiam.Client { return awsiam.NewFromConfig(a.config) }

// as returns the configuration of a client with other credentials.
func (a account) as(id, secret, token string) aws.Config {
	config := a.config.Copy()
	config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token}, nil
	})
	return config
}

// instance returns the configuration of a client on an instance with a role that has a policy.
func (a account) instance(t *testing.T, document string) aws.Config {
	createRole(t, a.operator(), "web")
	_, err := a.operator().PutRolePolicy(background, &awsiam.PutRolePolicyInput{
		RoleName: aws.String("web"), PolicyName: aws.String("p"), PolicyDocument: &document,
	})
	require.NoError(t, err)
	credentials, err := a.iam.Credentials(background, "web", "i-1")
	require.NoError(t, err)
	return a.as(credentials.AccessKeyID, credentials.SecretAccessKey, credentials.SessionToken)
}

func TestInstanceActsAsItsRole(t *testing.T) {
	a := newAccount(t)
	key, err := awskms.NewFromConfig(a.config).CreateKey(background, &awskms.CreateKeyInput{})
	require.NoError(t, err)
	other, err := awskms.NewFromConfig(a.config).CreateKey(background, &awskms.CreateKeyInput{})
	require.NoError(t, err)
	config := a.instance(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"`+*key.KeyMetadata.Arn+`"}]}`)

	identity, err := awssts.NewFromConfig(config).GetCallerIdentity(background, &awssts.GetCallerIdentityInput{})
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:sts::000000000000:assumed-role/web/i-1", *identity.Arn)
	client := awskms.NewFromConfig(config)
	_, err = client.Encrypt(background, &awskms.EncryptInput{KeyId: key.KeyMetadata.KeyId, Plaintext: []byte("x")})
	require.NoError(t, err, "a key's id stands for its ARN")
	_, err = client.Encrypt(background, &awskms.EncryptInput{KeyId: other.KeyMetadata.KeyId, Plaintext: []byte("x")})
	requireCode(t, "AccessDeniedException", err)
	assert.ErrorContains(t, err, "User: arn:aws:sts::000000000000:assumed-role/web/i-1 is not authorized to perform: kms:Encrypt on resource: "+*other.KeyMetadata.Arn)
	_, err = awsiam.NewFromConfig(config).ListRoles(background, &awsiam.ListRolesInput{})
	requireCode(t, "AccessDenied", err)
}

// A command asks for its document and for each of its instances.
func TestCommandsNeedRightsForDocumentAndInstances(t *testing.T) {
	a := newAccount(t)
	client := awsssm.NewFromConfig(a.instance(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssm:SendCommand",
		"Resource":["arn:aws:ssm:*::document/AWS-RunShellScript","arn:aws:ec2:*:*:instance/i-mine"]}]}`))
	send := func(document string, ids ...string) error {
		_, err := client.SendCommand(background, &awsssm.SendCommandInput{DocumentName: &document, InstanceIds: ids, Parameters: map[string][]string{"commands": {"true"}}})
		return err
	}
	requireCode(t, "InvalidInstanceId", send("AWS-RunShellScript", "i-mine"))
	requireCode(t, "AccessDeniedException", send("AWS-RunShellScript", "i-mine", "i-other"))
	requireCode(t, "AccessDeniedException", send("other", "i-mine"))
}

func TestCredentialsThatDoNotHold(t *testing.T) {
	a := newAccount(t)
	createRole(t, a.operator(), "web")
	good, err := a.iam.Credentials(background, "web", "i-1")
	require.NoError(t, err)
	ask := func(c machine.Credentials) error {
		_, err := awssts.NewFromConfig(a.as(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)).GetCallerIdentity(background, &awssts.GetCallerIdentityInput{})
		return err
	}
	require.NoError(t, ask(good))
	wrongSecret, wrongToken, wrongID := good, good, good
	wrongSecret.SecretAccessKey = "guess"
	wrongToken.SessionToken = "AAAA" + good.SessionToken[4:]
	wrongID.AccessKeyID = "ASIAXXXXXXXXXXXXXXXX"
	requireCode(t, "SignatureDoesNotMatch", ask(wrongSecret))
	requireCode(t, "InvalidClientTokenId", ask(wrongToken))
	requireCode(t, "InvalidClientTokenId", ask(wrongID))
	requireCode(t, "InvalidClientTokenId", ask(machine.Credentials{AccessKeyID: "nobody", SecretAccessKey: "x"}))

	_, err = a.operator().DeleteRole(background, &awsiam.DeleteRoleInput{RoleName: aws.String("web")})
	require.NoError(t, err)
	createRole(t, a.operator(), "web")
	requireCode(t, "InvalidClientTokenId", ask(good))
	_, err = a.iam.Credentials(background, "none", "i-1")
	require.ErrorContains(t, err, "NoSuchEntity")
}

func TestInstanceCredentialsNeedARoleThatTrustsEC2(t *testing.T) {
	a := newAccount(t)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"rds.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	_, err := a.operator().CreateRole(background, &awsiam.CreateRoleInput{RoleName: aws.String("db"), AssumeRolePolicyDocument: &trust})
	require.NoError(t, err)
	_, err = a.iam.Credentials(background, "db", "i-1")
	require.ErrorContains(t, err, "AccessDenied")
}

func TestAssumeRoleAsksBothSides(t *testing.T) {
	a := newAccount(t)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:role/web"},"Action":"sts:AssumeRole",
		"Condition":{"StringEquals":{"sts:ExternalId":"secret"}}}]}`
	_, err := a.operator().CreateRole(background, &awsiam.CreateRoleInput{RoleName: aws.String("backup"), AssumeRolePolicyDocument: &trust})
	require.NoError(t, err)
	client := awssts.NewFromConfig(a.instance(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`))
	wish := func(external *string) *awssts.AssumeRoleInput {
		return &awssts.AssumeRoleInput{
			RoleArn: aws.String("arn:aws:iam::000000000000:role/backup"), RoleSessionName: aws.String("session"), ExternalId: external,
		}
	}
	out, err := client.AssumeRole(background, wish(aws.String("secret")))
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:sts::000000000000:assumed-role/backup/session", *out.AssumedRoleUser.Arn)
	assert.WithinDuration(t, time.Now().Add(time.Hour), *out.Credentials.Expiration, time.Minute)
	_, err = client.AssumeRole(background, wish(nil))
	requireCode(t, "AccessDenied", err)
	assumed := awssts.NewFromConfig(a.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken))
	_, err = assumed.AssumeRole(background, wish(aws.String("secret")))
	requireCode(t, "AccessDenied", err)
}

func TestUserActsWithAKey(t *testing.T) {
	a := newAccount(t)
	name := aws.String("ann")
	_, err := a.operator().CreateUser(background, &awsiam.CreateUserInput{UserName: name})
	require.NoError(t, err)
	key, err := a.operator().CreateAccessKey(background, &awsiam.CreateAccessKeyInput{UserName: name})
	require.NoError(t, err)
	client := awsiam.NewFromConfig(a.as(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, ""))
	_, err = client.GetUser(background, &awsiam.GetUserInput{})
	requireCode(t, "AccessDenied", err)
	_, err = a.operator().AttachUserPolicy(background, &awsiam.AttachUserPolicyInput{UserName: name, PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")})
	require.NoError(t, err)
	own, err := client.GetUser(background, &awsiam.GetUserInput{})
	require.NoError(t, err)
	assert.Equal(t, "ann", *own.User.UserName)
	_, err = client.CreateUser(background, &awsiam.CreateUserInput{UserName: aws.String("bob")})
	requireCode(t, "AccessDenied", err)
	_, err = a.operator().UpdateAccessKey(background, &awsiam.UpdateAccessKeyInput{UserName: name, AccessKeyId: key.AccessKey.AccessKeyId, Status: "Inactive"})
	require.NoError(t, err)
	_, err = client.GetUser(background, &awsiam.GetUserInput{})
	requireCode(t, "InvalidClientTokenId", err)
}

func TestBoundariesAndSessionsNarrowARole(t *testing.T) {
	a := newAccount(t)
	config := a.instance(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:Get*","iam:List*","sts:AssumeRole"],"Resource":"*"}]}`)
	list, get := func(c aws.Config) error {
		_, err := awsiam.NewFromConfig(c).ListRoles(background, &awsiam.ListRolesInput{})
		return err
	}, func(c aws.Config) error {
		_, err := awsiam.NewFromConfig(c).GetRole(background, &awsiam.GetRoleInput{RoleName: aws.String("web")})
		return err
	}
	require.NoError(t, list(config))
	limit, err := a.operator().CreatePolicy(background, &awsiam.CreatePolicyInput{PolicyName: aws.String("limit"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:GetRole","sts:*"],"Resource":"*"}]}`)})
	require.NoError(t, err)
	_, err = a.operator().PutRolePermissionsBoundary(background, &awsiam.PutRolePermissionsBoundaryInput{RoleName: aws.String("web"), PermissionsBoundary: limit.Policy.Arn})
	require.NoError(t, err)
	require.ErrorContains(t, list(config), "no permissions boundary allows the iam:ListRoles action")
	require.NoError(t, get(config))
	_, err = a.operator().DeleteRolePermissionsBoundary(background, &awsiam.DeleteRolePermissionsBoundaryInput{RoleName: aws.String("web")})
	require.NoError(t, err)

	_, err = a.operator().UpdateAssumeRolePolicy(background, &awsiam.UpdateAssumeRolePolicyInput{RoleName: aws.String("web"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"sts:AssumeRole"}]}`)})
	require.NoError(t, err)
	out, err := awssts.NewFromConfig(a.config).AssumeRole(background, &awssts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::000000000000:role/web"), RoleSessionName: aws.String("narrow"), Policy: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ListRoles","Resource":"*"}]}`),
	})
	require.NoError(t, err)
	narrow := a.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	require.NoError(t, list(narrow))
	require.ErrorContains(t, get(narrow), "no session policy allows the iam:GetRole action")
}
