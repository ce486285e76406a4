package wire_test

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatchlogs"
	"haven/lab/services/ec2"
	"haven/lab/services/iam"
	"haven/lab/services/kms"
	"haven/lab/services/ssm"
	"haven/lab/services/sts"
	"haven/lab/wire"
	fakecw "haven/lab/wire/internal/fakes/cloudwatch"
	fakes3 "haven/lab/wire/internal/fakes/s3"
	"haven/lab/wire/wiretest"
)

// TestCommandLine uses Amazon's command line, with nothing but an endpoint, a region and keys set.
func TestCommandLine(t *testing.T) {
	if testing.Short() {
		t.Skip("the command line takes a second a call")
	}
	command, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the aws command line is not installed")
	}
	dir := t.TempDir()
	store, err := cloud.Open(filepath.Join(dir, "store"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	identities := iam.New(store, kms.ResolveARN)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	ours, fakes := wiretest.Models(t), wiretest.ModelsOf(t, "internal/fakes")
	own := serveWith(t, wire.Options{Authenticator: identities, Authorizer: identities, Models: ours}, map[string]any{
		"iam": identities, "sts": sts.New(identities), "kms": kms.New(store), "ssm": ssm.New(store, ec2.PublicImageParameters()),
		"cloudwatchlogs": cloudwatchlogs.New(store, filepath.Join(dir, "logs"), kms.ResolveARN, log),
	})
	other := serveWith(t, wire.Options{Authenticator: identities, Models: fakes}, map[string]any{"s3": fakes3.New(), "cloudwatch": &fakecw.Service{}})
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, make([]byte, 300_000), 0o600))

	for _, c := range []struct {
		endpoint string
		args     []string
		want     string // in the output
		fails    bool
	}{
		{own, []string{"sts", "get-caller-identity"}, `"Account": "000000000000"`, false},
		{own, []string{"iam", "list-roles"}, `"Roles": []`, false},
		{own, []string{"iam", "get-role", "--role-name", "none"}, "(NoSuchEntity)", true},
		{own, []string{"kms", "create-key", "--description", "mine"}, `"KeyState": "Enabled"`, false},
		{own, []string{"ssm", "get-parameters-by-path", "--path", "/aws/service/ami-amazon-linux-latest", "--recursive"}, `"ami-`, false},
		{own, []string{"logs", "describe-log-groups"}, `"logGroups": []`, false},
		{own, []string{"sqs", "list-queues"}, "The lab does not implement the service sqs", true},
		{own, []string{"iam", "list-virtual-mfa-devices"}, "The lab does not implement the operation", true},
		{own, []string{"kms", "list-keys", "--region", "mars-north-1"}, "the lab has no region", true},
		{other, []string{"s3", "cp", file, "s3://bucket/a/b"}, "upload:", false},
		{other, []string{"s3api", "head-object", "--bucket", "bucket", "--key", "none"}, "404", true},
		{other, []string{"cloudwatch", "put-metric-data", "--namespace", "n", "--metric-name", "m", "--value", "1"}, "", false},
		{other, []string{"cloudwatch", "get-dashboard", "--dashboard-name", "d"}, "(ResourceNotFound)", true},
	} {
		t.Run(c.args[0]+"_"+c.args[1], func(t *testing.T) {
			t.Parallel()
			run := exec.Command(command, append(c.args, "--endpoint-url", c.endpoint, "--output", "json")...)
			run.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=lab", "AWS_SECRET_ACCESS_KEY=lab", "AWS_DEFAULT_REGION=us-east-1",
				"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", "AWS_CONFIG_FILE="+filepath.Join(dir, "none"), "AWS_PAGER=")
			out, err := run.CombinedOutput()
			assert.Equal(t, c.fails, err != nil, "%s", out)
			assert.Contains(t, string(out), c.want)
		})
	}
}

// serveWith serves and returns the endpoint.
func serveWith(t *testing.T, options wire.Options, services map[string]any) string {
	return *wiretest.Serve(t, options, services).BaseEndpoint
}
