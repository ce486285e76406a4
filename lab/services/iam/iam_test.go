package iam_test

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/services/iam"
	"haven/lab/wire/wiretest"
)

const (
	trustEC2 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	readAll  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}`
)

var background = context.Background()

func newStore(t *testing.T) *cloud.Store {
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	return store
}

func newClient(t *testing.T) *awsiam.Client {
	service := iam.New(newStore(t), nil)
	return awsiam.NewFromConfig(wiretest.New(t, map[string]any{"iam": service}))
}

func requireCode(t *testing.T, code string, err error) {
	t.Helper()
	var failure smithy.APIError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, code, failure.ErrorCode(), failure.ErrorMessage())
}

func decoded(t *testing.T, document *string) string {
	text, err := url.PathUnescape(aws.ToString(document))
	require.NoError(t, err)
	return text
}

func createRole(t *testing.T, client *awsiam.Client, name string) *types.Role {
	out, err := client.CreateRole(background, &awsiam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trustEC2)})
	require.NoError(t, err)
	return out.Role
}

func TestRoleLivesAsTheProviderUsesIt(t *testing.T) {
	client := newClient(t)
	created, err := client.CreateRole(background, &awsiam.CreateRoleInput{
		RoleName: aws.String("web"), AssumeRolePolicyDocument: aws.String(trustEC2), Description: aws.String("Servers"),
		Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("web")}},
	})
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:iam::000000000000:role/web", *created.Role.Arn)
	assert.Equal(t, trustEC2, decoded(t, created.Role.AssumeRolePolicyDocument))
	assert.NotNil(t, created.Role.CreateDate)
	_, err = client.CreateRole(background, &awsiam.CreateRoleInput{RoleName: aws.String("web"), AssumeRolePolicyDocument: aws.String(trustEC2)})
	requireCode(t, "EntityAlreadyExists", err)

	_, err = client.PutRolePolicy(background, &awsiam.PutRolePolicyInput{RoleName: aws.String("web"), PolicyName: aws.String("p"), PolicyDocument: aws.String(readAll)})
	require.NoError(t, err)
	own, err := client.GetRolePolicy(background, &awsiam.GetRolePolicyInput{RoleName: aws.String("web"), PolicyName: aws.String("p")})
	require.NoError(t, err)
	assert.Equal(t, readAll, decoded(t, own.PolicyDocument))
	_, err = client.GetRolePolicy(background, &awsiam.GetRolePolicyInput{RoleName: aws.String("web"), PolicyName: aws.String("q")})
	requireCode(t, "NoSuchEntity", err)

	core := aws.String("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")
	_, err = client.AttachRolePolicy(background, &awsiam.AttachRolePolicyInput{RoleName: aws.String("web"), PolicyArn: core})
	require.NoError(t, err)
	attached, err := client.ListAttachedRolePolicies(background, &awsiam.ListAttachedRolePoliciesInput{RoleName: aws.String("web")})
	require.NoError(t, err)
	require.Len(t, attached.AttachedPolicies, 1)
	assert.Equal(t, "AmazonSSMManagedInstanceCore", *attached.AttachedPolicies[0].PolicyName)

	_, err = client.UntagRole(background, &awsiam.UntagRoleInput{RoleName: aws.String("web"), TagKeys: []string{"Name"}})
	require.NoError(t, err)
	read, err := client.GetRole(background, &awsiam.GetRoleInput{RoleName: aws.String("web")})
	require.NoError(t, err)
	assert.Empty(t, read.Role.Tags)
	assert.Equal(t, "Servers", *read.Role.Description)

	_, err = client.DeleteRole(background, &awsiam.DeleteRoleInput{RoleName: aws.String("web")})
	requireCode(t, "DeleteConflict", err)
	_, err = client.DeleteRolePolicy(background, &awsiam.DeleteRolePolicyInput{RoleName: aws.String("web"), PolicyName: aws.String("p")})
	require.NoError(t, err)
	_, err = client.DetachRolePolicy(background, &awsiam.DetachRolePolicyInput{RoleName: aws.String("web"), PolicyArn: core})
	require.NoError(t, err)
	_, err = client.DeleteRole(background, &awsiam.DeleteRoleInput{RoleName: aws.String("web")})
	require.NoError(t, err)
	_, err = client.GetRole(background, &awsiam.GetRoleInput{RoleName: aws.String("web")})
	var gone *types.NoSuchEntityException
	require.ErrorAs(t, err, &gone)
}

func TestBadDocumentsAreRefused(t *testing.T) {
	client := newClient(t)
	createRole(t, client, "web")
	for name, document := range map[string]string{
		"no JSON":        `{`,
		"no statement":   `{"Version":"2012-10-17"}`,
		"wrong version":  `{"Version":"2013","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`,
		"unknown field":  `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Actions":"*","Resource":"*"}}`,
		"no action":      `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Resource":"*"}}`,
		"no resource":    `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*"}}`,
		"with principal": trustEC2,
		"wrong effect":   `{"Version":"2012-10-17","Statement":{"Effect":"Perhaps","Action":"*","Resource":"*"}}`,
	} {
		_, err := client.PutRolePolicy(background, &awsiam.PutRolePolicyInput{RoleName: aws.String("web"), PolicyName: aws.String("p"), PolicyDocument: &document})
		require.Error(t, err, name)
		requireCode(t, "MalformedPolicyDocument", err)
	}
	_, err := client.CreateRole(background, &awsiam.CreateRoleInput{RoleName: aws.String("x"), AssumeRolePolicyDocument: aws.String(readAll)})
	requireCode(t, "MalformedPolicyDocument", err)
}

func TestInstanceProfileHoldsOneRole(t *testing.T) {
	client := newClient(t)
	createRole(t, client, "web")
	name := aws.String("servers")
	_, err := client.CreateInstanceProfile(background, &awsiam.CreateInstanceProfileInput{InstanceProfileName: name})
	require.NoError(t, err)
	add := &awsiam.AddRoleToInstanceProfileInput{InstanceProfileName: name, RoleName: aws.String("web")}
	_, err = client.AddRoleToInstanceProfile(background, add)
	require.NoError(t, err)
	_, err = client.AddRoleToInstanceProfile(background, add)
	requireCode(t, "LimitExceeded", err)
	read, err := client.GetInstanceProfile(background, &awsiam.GetInstanceProfileInput{InstanceProfileName: name})
	require.NoError(t, err)
	require.Len(t, read.InstanceProfile.Roles, 1)
	assert.Equal(t, "web", *read.InstanceProfile.Roles[0].RoleName)
	holding, err := client.ListInstanceProfilesForRole(background, &awsiam.ListInstanceProfilesForRoleInput{RoleName: aws.String("web")})
	require.NoError(t, err)
	assert.Len(t, holding.InstanceProfiles, 1)
	_, err = client.DeleteRole(background, &awsiam.DeleteRoleInput{RoleName: aws.String("web")})
	requireCode(t, "DeleteConflict", err)
	_, err = client.DeleteInstanceProfile(background, &awsiam.DeleteInstanceProfileInput{InstanceProfileName: name})
	requireCode(t, "DeleteConflict", err)
	_, err = client.RemoveRoleFromInstanceProfile(background, &awsiam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: name, RoleName: aws.String("web")})
	require.NoError(t, err)
	_, err = client.DeleteInstanceProfile(background, &awsiam.DeleteInstanceProfileInput{InstanceProfileName: name})
	require.NoError(t, err)
	_, err = client.GetInstanceProfile(background, &awsiam.GetInstanceProfileInput{InstanceProfileName: name})
	requireCode(t, "NoSuchEntity", err)
}

func TestManagedPolicyHasFiveVersions(t *testing.T) {
	client := newClient(t)
	created, err := client.CreatePolicy(background, &awsiam.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String(readAll)})
	require.NoError(t, err)
	name := created.Policy.Arn
	for i := range 4 {
		_, err = client.CreatePolicyVersion(background, &awsiam.CreatePolicyVersionInput{PolicyArn: name, PolicyDocument: aws.String(readAll), SetAsDefault: i == 3})
		require.NoError(t, err)
	}
	_, err = client.CreatePolicyVersion(background, &awsiam.CreatePolicyVersionInput{PolicyArn: name, PolicyDocument: aws.String(readAll)})
	requireCode(t, "LimitExceeded", err)
	read, err := client.GetPolicy(background, &awsiam.GetPolicyInput{PolicyArn: name})
	require.NoError(t, err)
	assert.Equal(t, "v5", *read.Policy.DefaultVersionId)
	version, err := client.GetPolicyVersion(background, &awsiam.GetPolicyVersionInput{PolicyArn: name, VersionId: aws.String("v1")})
	require.NoError(t, err)
	assert.Equal(t, readAll, decoded(t, version.PolicyVersion.Document))
	assert.False(t, version.PolicyVersion.IsDefaultVersion)
	_, err = client.DeletePolicyVersion(background, &awsiam.DeletePolicyVersionInput{PolicyArn: name, VersionId: aws.String("v5")})
	requireCode(t, "DeleteConflict", err)
	_, err = client.DeletePolicy(background, &awsiam.DeletePolicyInput{PolicyArn: name})
	requireCode(t, "DeleteConflict", err)
	for i := range 4 {
		_, err = client.DeletePolicyVersion(background, &awsiam.DeletePolicyVersionInput{PolicyArn: name, VersionId: aws.String(fmt.Sprintf("v%d", i+1))})
		require.NoError(t, err)
	}
	_, err = client.DeletePolicy(background, &awsiam.DeletePolicyInput{PolicyArn: name})
	require.NoError(t, err)
	_, err = client.GetPolicy(background, &awsiam.GetPolicyInput{PolicyArn: name})
	requireCode(t, "NoSuchEntity", err)
}

func TestUsersAndGroups(t *testing.T) {
	client := newClient(t)
	ann, ops := aws.String("ann"), aws.String("ops")
	_, err := client.CreateUser(background, &awsiam.CreateUserInput{UserName: ann})
	require.NoError(t, err)
	_, err = client.CreateGroup(background, &awsiam.CreateGroupInput{GroupName: ops})
	require.NoError(t, err)
	_, err = client.AddUserToGroup(background, &awsiam.AddUserToGroupInput{GroupName: ops, UserName: ann})
	require.NoError(t, err)
	read, err := client.GetGroup(background, &awsiam.GetGroupInput{GroupName: ops})
	require.NoError(t, err)
	require.Len(t, read.Users, 1)
	_, err = client.UpdateUser(background, &awsiam.UpdateUserInput{UserName: ann, NewUserName: aws.String("anna")})
	require.NoError(t, err)
	member, err := client.ListGroupsForUser(background, &awsiam.ListGroupsForUserInput{UserName: aws.String("anna")})
	require.NoError(t, err)
	assert.Len(t, member.Groups, 1)
	_, err = client.DeleteUser(background, &awsiam.DeleteUserInput{UserName: aws.String("anna")})
	requireCode(t, "DeleteConflict", err)
	_, err = client.RemoveUserFromGroup(background, &awsiam.RemoveUserFromGroupInput{GroupName: ops, UserName: aws.String("anna")})
	require.NoError(t, err)
	_, err = client.DeleteUser(background, &awsiam.DeleteUserInput{UserName: aws.String("anna")})
	require.NoError(t, err)
	_, err = client.DeleteGroup(background, &awsiam.DeleteGroupInput{GroupName: ops})
	require.NoError(t, err)
}

func TestListsAreCutIntoPages(t *testing.T) {
	client := newClient(t)
	for i := range 7 {
		createRole(t, client, fmt.Sprintf("role-%d", i))
	}
	var names []string
	pages := awsiam.NewListRolesPaginator(client, &awsiam.ListRolesInput{MaxItems: aws.Int32(3)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(background)
		require.NoError(t, err)
		for _, role := range out.Roles {
			names = append(names, *role.RoleName)
		}
	}
	assert.Len(t, names, 7)
	_, err := client.ListRoles(background, &awsiam.ListRolesInput{Marker: aws.String("!!!")})
	requireCode(t, "ValidationError", err)
}

func TestOperatorIsTheAccountsRoot(t *testing.T) {
	out, err := newClient(t).GetUser(background, &awsiam.GetUserInput{})
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:iam::000000000000:root", *out.User.Arn)
}

func TestPasswordPolicyAndServiceLinkedRole(t *testing.T) {
	client := newClient(t)
	_, err := client.GetAccountPasswordPolicy(background, &awsiam.GetAccountPasswordPolicyInput{})
	requireCode(t, "NoSuchEntity", err)
	_, err = client.UpdateAccountPasswordPolicy(background, &awsiam.UpdateAccountPasswordPolicyInput{MinimumPasswordLength: aws.Int32(14), RequireNumbers: true})
	require.NoError(t, err)
	kept, err := client.GetAccountPasswordPolicy(background, &awsiam.GetAccountPasswordPolicyInput{})
	require.NoError(t, err)
	assert.Equal(t, int32(14), *kept.PasswordPolicy.MinimumPasswordLength)
	assert.True(t, kept.PasswordPolicy.RequireNumbers)

	made, err := client.CreateServiceLinkedRole(background, &awsiam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("autoscaling.amazonaws.com")})
	require.NoError(t, err)
	_, err = client.DeleteRole(background, &awsiam.DeleteRoleInput{RoleName: made.Role.RoleName})
	requireCode(t, "UnmodifiableEntity", err)
	_, err = client.CreateServiceLinkedRole(background, &awsiam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("autoscaling.amazonaws.com")})
	requireCode(t, "InvalidInput", err)
	_, err = client.DeleteServiceLinkedRole(background, &awsiam.DeleteServiceLinkedRoleInput{RoleName: made.Role.RoleName})
	require.NoError(t, err)
}
