package conformance_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
)

func TestMetadataFromInside(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a")
	role := fmt.Sprintf("metadata-%d", time.Now().UnixNano())
	w.Profile(t, role, "")
	id := n.Instance(t, world.Instance{Zone: "a", Profile: role})
	const get = `curl -s -m 5 -o /dev/null -w '%{http_code}' `
	const token = `T=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token); `
	const at = `http://169.254.169.254/latest/meta-data/`
	assert.Equal(t, "401", w.MustShell(t, id, get+at+"instance-id"), "without a token")
	assert.Equal(t, id, w.MustShell(t, id, token+`curl -sf -H "X-aws-ec2-metadata-token: $T" `+at+"instance-id"))
	assert.Equal(t, "403", w.MustShell(t, id, get+`-X PUT -H 'X-Forwarded-For: 1.2.3.4' -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token`), "through a proxy")
	assert.Equal(t, role, w.MustShell(t, id, token+`curl -sf -H "X-aws-ec2-metadata-token: $T" `+at+"iam/security-credentials/"))
	assert.Contains(t, w.MustShell(t, id, token+`curl -sf -H "X-aws-ec2-metadata-token: $T" `+at+"iam/security-credentials/"+role), `"Code": "Success"`)
}

// The real aws command inside an instance may what its role may, and nothing else.
func TestARolesRightsHoldInsideAnInstance(t *testing.T) {
	if _, err := os.Stat("/usr/bin/aws"); err != nil {
		t.Skip("the aws command is not installed; type: scripts/setup")
	}
	t.Parallel()
	w := world.Open(t)
	ctx := context.Background()
	key, err := kms.NewFromConfig(w.Config).CreateKey(ctx, &kms.CreateKeyInput{})
	require.NoError(t, err)
	keyARN := *key.KeyMetadata.Arn
	role := fmt.Sprintf("roles-%d", time.Now().UnixNano()) // and everything else that has a name
	bucket := role
	objects := s3.NewFromConfig(w.Config, func(o *s3.Options) { o.UsePathStyle = true })
	_, err = objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
	require.NoError(t, err)
	for _, name := range []string{"mine/a", "others/a"} {
		_, err = objects.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: aws.String(name), Body: strings.NewReader("object of " + name)})
		require.NoError(t, err)
	}
	for _, name := range []string{"mine", "others"} {
		_, err = secretsmanager.NewFromConfig(w.Config).CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String(role + "/" + name), SecretString: aws.String("secret of " + name)})
		require.NoError(t, err)
		_, err = ssm.NewFromConfig(w.Config).PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/" + role + "/" + name), Value: aws.String("parameter of " + name), Type: ssmtypes.ParameterTypeString})
		require.NoError(t, err)
	}
	w.Profile(t, role, fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::%[1]s/mine/*"},
		{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:%[1]s/mine-*"},
		{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"arn:aws:ssm:*:*:parameter/%[1]s/mine"},
		{"Effect":"Allow","Action":"kms:Encrypt","Resource":"%[2]s"},
		{"Effect":"Allow","Action":"cloudwatch:PutMetricData","Resource":"*"}]}`, bucket, keyARN))
	id := w.Network(t, "a").Instance(t, world.Instance{Zone: "a", Profile: role})
	may := func(what, command, want string) {
		output, exit := w.Shell(t, id, command)
		assert.Zero(t, exit, "%s: %s", what, output)
		assert.Contains(t, output, want, what)
	}
	mayNot := func(what, command string) {
		output, exit := w.Shell(t, id, command)
		assert.NotZero(t, exit, what)
		assert.Contains(t, output, "AccessDenied", what)
		assert.Contains(t, output, "assumed-role/"+role+"/"+id, what)
	}
	may("its object", "aws s3api get-object --bucket "+bucket+" --key mine/a /dev/stdout", "object of mine/a")
	mayNot("another object", "aws s3api get-object --bucket "+bucket+" --key others/a /dev/stdout")
	mayNot("another secret", "aws secretsmanager get-secret-value --secret-id "+role+"/others")
	may("its parameter", "aws ssm get-parameter --name /"+role+"/mine", "parameter of mine")
	mayNot("another parameter", "aws ssm get-parameter --name /"+role+"/others")
	mayNot("a data key", "aws kms generate-data-key --key-id "+keyARN+" --key-spec AES_256")
	may("a metric", "aws cloudwatch put-metric-data --namespace Test --metric-name m --value 1", "")
}

// awaitNode waits until an instance is a managed node in a state.
func awaitNode(t *testing.T, client *ssm.Client, id string, ping ssmtypes.PingStatus) {
	t.Helper()
	world.Wait(t, fmt.Sprintf("%s to be %s", id, ping), upTo, func() error {
		out, err := client.DescribeInstanceInformation(context.Background(), &ssm.DescribeInstanceInformationInput{
			Filters: []ssmtypes.InstanceInformationStringFilter{{Key: aws.String("InstanceIds"), Values: []string{id}}},
		})
		if err != nil || len(out.InstanceInformationList) == 0 {
			return fmt.Errorf("it is no managed node (%v)", err)
		}
		if now := out.InstanceInformationList[0].PingStatus; now != ping {
			return fmt.Errorf("it is %s", now)
		}
		return nil
	})
}

// runCommand sends commands to an instance and waits for the end.
func runCommand(t *testing.T, client *ssm.Client, id string, change func(*ssm.SendCommandInput), lines ...string) *ssm.GetCommandInvocationOutput {
	t.Helper()
	in := &ssm.SendCommandInput{DocumentName: aws.String("AWS-RunShellScript"), InstanceIds: []string{id}, Parameters: map[string][]string{"commands": lines}}
	if change != nil {
		change(in)
	}
	sent, err := client.SendCommand(context.Background(), in)
	require.NoError(t, err)
	var out *ssm.GetCommandInvocationOutput
	world.Wait(t, "the command to end", upTo, func() (err error) {
		out, err = client.GetCommandInvocation(context.Background(), &ssm.GetCommandInvocationInput{CommandId: sent.Command.CommandId, InstanceId: &id})
		if err == nil && (out.Status == ssmtypes.CommandInvocationStatusPending || out.Status == ssmtypes.CommandInvocationStatusInProgress || out.Status == ssmtypes.CommandInvocationStatusDelayed) {
			err = fmt.Errorf("it is %s", out.Status)
		}
		return err
	})
	return out
}

func TestCommandsRunOnInstances(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	ctx := context.Background()
	client := ssm.NewFromConfig(w.Config)
	bucket := fmt.Sprintf("outputs-%d", time.Now().UnixNano())
	objects := s3.NewFromConfig(w.Config, func(o *s3.Options) { o.UsePathStyle = true })
	_, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
	require.NoError(t, err)
	role, rightlessRole := bucket, bucket+"-without"
	w.Profile(t, role, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::`+bucket+`/*"}]}`)
	_, err = w.IAM.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &role, PolicyArn: aws.String("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")})
	require.NoError(t, err)
	w.Profile(t, rightlessRole, "")
	n := w.Network(t, "a")
	id := n.Instance(t, world.Instance{Zone: "a", Profile: role})
	rightless := n.Instance(t, world.Instance{Zone: "a", Profile: rightlessRole})
	cutOff := n.Instance(t, world.Instance{Zone: "a", Profile: role, Private: true}) // no public address: no way out
	awaitNode(t, client, id, ssmtypes.PingStatusOnline)

	out := runCommand(t, client, id, func(in *ssm.SendCommandInput) {
		in.OutputS3BucketName, in.OutputS3KeyPrefix = &bucket, aws.String("logs")
	}, "hostname", "echo wrong >&2", "exit 3")
	assert.Equal(t, ssmtypes.CommandInvocationStatusFailed, out.Status)
	assert.EqualValues(t, 3, out.ResponseCode)
	assert.Equal(t, w.MustShell(t, id, "hostname")+"\n", *out.StandardOutputContent)
	assert.Equal(t, "wrong\n", *out.StandardErrorContent)
	kept, err := objects.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String("logs/" + *out.CommandId + "/" + id + "/")})
	require.NoError(t, err)
	assert.Len(t, kept.Contents, 2, "both outputs are in the bucket")

	out = runCommand(t, client, id, nil, "nohup sleep 1234 >/dev/null 2>&1 &", "echo left")
	assert.Equal(t, ssmtypes.CommandInvocationStatusSuccess, out.Status)
	w.MustShell(t, id, "pgrep -f 'sleep 1234'")
	out = runCommand(t, client, id, func(in *ssm.SendCommandInput) { in.Parameters["executionTimeout"] = []string{"1"} }, "sleep 1000")
	assert.Equal(t, "ExecutionTimedOut", *out.StatusDetails)

	for what, unmanaged := range map[string]string{"without the rights": rightless, "without a way to the service": cutOff} {
		_, err := client.SendCommand(ctx, &ssm.SendCommandInput{
			DocumentName: aws.String("AWS-RunShellScript"), InstanceIds: []string{unmanaged}, Parameters: map[string][]string{"commands": {"true"}},
		})
		t.Run(what, func(t *testing.T) { requireRefusal(t, "InvalidInstanceId", err) })
	}
	_, err = w.IAM.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &role, PolicyArn: aws.String("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")})
	require.NoError(t, err)
	awaitNode(t, client, id, ssmtypes.PingStatusConnectionLost)
}
