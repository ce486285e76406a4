package iam

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/wire"
)

const trust = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}`

func TestSessionsSurviveARestartAndEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	store, err := cloud.Open(path)
	require.NoError(t, err)
	before := New(store, nil)
	_, err = before.CreateRole(context.Background(), &iam.CreateRoleInput{RoleName: aws.String("web"), AssumeRolePolicyDocument: aws.String(trust)})
	require.NoError(t, err)
	credentials, err := before.Credentials(context.Background(), "web", "i-1")
	require.NoError(t, err)
	require.NoError(t, store.Close())

	store, err = cloud.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	after := New(store, nil)
	secret, principal, err := after.Authenticate(context.Background(), credentials.AccessKeyID, credentials.SessionToken)
	require.NoError(t, err)
	assert.Equal(t, credentials.SecretAccessKey, secret)
	assert.Equal(t, "i-1", principal.Session)

	after.now = func() time.Time { return credentials.Expires.Add(time.Second) }
	_, _, err = after.Authenticate(context.Background(), credentials.AccessKeyID, credentials.SessionToken)
	require.ErrorIs(t, err, wire.ErrExpiredToken)
}

func TestNothingSecretIsKeptOfSessions(t *testing.T) {
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	service := New(store, nil)
	_, err = service.CreateRole(context.Background(), &iam.CreateRoleInput{RoleName: aws.String("web"), AssumeRolePolicyDocument: aws.String(trust)})
	require.NoError(t, err)
	_, err = service.Credentials(context.Background(), "web", "i-1")
	require.NoError(t, err)
	require.NoError(t, store.View(func(tx *cloud.Tx) error {
		counts, err := cloud.Inventory(tx)
		for _, count := range counts {
			if count.Table != roles.Name() {
				assert.Zero(t, count.Live, count.Table)
			}
		}
		return err
	}))
}

func TestS3QuestionsNameBucketsKeysAndActions(t *testing.T) {
	ask := func(operation string, in any) (asked []string) {
		service := &Service{}
		for _, question := range service.questions(nil, &cloud.Call{Service: "s3", Operation: operation, Region: "us-east-1"}, in) {
			asked = append(asked, question.Action+" "+question.Resources[0])
		}
		return asked
	}
	type object struct{ Bucket, Key, VersionId, CopySource *string }
	bucket, key := aws.String("b"), aws.String("k/1")
	assert.Equal(t, []string{"s3:GetObject arn:aws:s3:::b/k/1"}, ask("HeadObject", &object{Bucket: bucket, Key: key}))
	assert.Equal(t, []string{"s3:GetObjectVersion arn:aws:s3:::b/k/1"}, ask("GetObject", &object{Bucket: bucket, Key: key, VersionId: aws.String("v")}))
	assert.Equal(t, []string{"s3:ListBucket arn:aws:s3:::b"}, ask("ListObjectsV2", &object{Bucket: bucket}))
	assert.Equal(t, []string{"s3:ListAllMyBuckets *"}, ask("ListBuckets", &object{}))
	assert.Equal(t, []string{"s3:PutObject arn:aws:s3:::b/k/1", "s3:GetObject arn:aws:s3:::c/d"}, ask("CopyObject", &object{Bucket: bucket, Key: key, CopySource: aws.String("/c/d")}))
}

func TestOtherQuestionsNameTheirResources(t *testing.T) {
	service := &Service{}
	ask := func(name, operation string, in any) (asked [][]string) {
		for _, question := range service.questions(nil, &cloud.Call{Service: name, Operation: operation, Region: "us-east-1"}, in) {
			asked = append(asked, append([]string{question.Action}, question.Resources...))
		}
		return asked
	}
	type input struct {
		SecretId, LogGroupName, LogStreamName, Path *string
		Names                                       []string
	}
	assert.Equal(t, [][]string{{"secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-??????"}},
		ask("secretsmanager", "GetSecretValue", &input{SecretId: aws.String("db")}))
	assert.Equal(t, [][]string{{"logs:PutLogEvents", "arn:aws:logs:us-east-1:000000000000:log-group:/g:log-stream:s", "arn:aws:logs:us-east-1:000000000000:log-group:/g:*"}},
		ask("cloudwatchlogs", "PutLogEvents", &input{LogGroupName: aws.String("/g"), LogStreamName: aws.String("s")}))
	assert.Equal(t, [][]string{{"ssm:GetParameters", "arn:aws:ssm:us-east-1:000000000000:parameter/a/b"}, {"ssm:GetParameters", "arn:aws:ssm:us-east-1:000000000000:parameter/c"}},
		ask("ssm", "GetParameters", &input{Names: []string{"/a/b", "c"}}))
	assert.Equal(t, [][]string{{"ssm:GetParametersByPath", "arn:aws:ssm:us-east-1:000000000000:parameter/a", "arn:aws:ssm:us-east-1:000000000000:parameter/a/"}},
		ask("ssm", "GetParametersByPath", &input{Path: aws.String("/a/")}))
	assert.Equal(t, [][]string{{"elasticloadbalancing:DescribeRules", "*"}}, ask("elasticloadbalancingv2", "DescribeRules", &input{}))
}
