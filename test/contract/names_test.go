package contract

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/structpb"
)

// TestAutomaticNames asks the plugin for the inputs of resources that the program gives no name. The forms are the
// official plugin's, the limits those of the services' API references.
func TestAutomaticNames(t *testing.T) {
	plugin := startPlugin(t)
	tests := map[string]struct {
		token, logical, property string
		inputs                   map[string]any
		want                     string // a regular expression
	}{
		"by the rule":        {"aws:ec2/securityGroup:SecurityGroup", "web", "name", nil, `^web-[0-9a-f]{7}$`},
		"described":          {"aws:ec2/securityGroup:SecurityGroup", "web", "description", nil, `^Managed by Pulumi$`},
		"balancer":           {"aws:lb/loadBalancer:LoadBalancer", "web", "name", map[string]any{"subnets": []any{"subnet-1"}}, `^web-[0-9a-f]{7}$`},
		"lower-case bucket":  {"aws:s3/bucketV2:BucketV2", "Logs", "bucket", nil, `^logs-[0-9a-f]{7}$`},
		"alias":              {"aws:kms/alias:Alias", "data", "name", map[string]any{"targetKeyId": "k"}, `^alias/data-[0-9a-f]{7}$`},
		"alarm":              {"aws:cloudwatch/metricAlarm:MetricAlarm", "cpu", "name", map[string]any{"comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 1}, `^cpu-[0-9a-f]{7}$`},
		"file system":        {"aws:efs/fileSystem:FileSystem", "shared", "creationToken", nil, `^shared-[0-9a-f]{7}$`},
		"ordered topic":      {"aws:sns/topic:Topic", "events", "name", map[string]any{"fifoTopic": true}, `^events-[0-9a-f]{7}\.fifo$`},
		"ordered queue":      {"aws:sqs/queue:Queue", "jobs", "name", map[string]any{"fifoQueue": true}, `^jobs-[0-9a-f]{7}\.fifo$`},
		"object key":         {"aws:s3/bucketObjectv2:BucketObjectv2", "app/haven", "key", map[string]any{"bucket": "b", "content": "x"}, `^app/haven$`},
		"a given name stays": {"aws:sns/topic:Topic", "events", "name", map[string]any{"name": "mine"}, `^mine$`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inputs, err := check(t, plugin, test.token, test.logical, test.inputs)
			require.NoError(t, err)
			assert.Regexp(t, test.want, inputs[test.property].GetStringValue())
		})
	}
}

// TestNamesTooLongAreRefused gives resources logical names that leave no room for the suffix.
func TestNamesTooLongAreRefused(t *testing.T) {
	plugin := startPlugin(t)
	for token, limit := range map[string]int{
		"aws:lb/loadBalancer:LoadBalancer":      32,
		"aws:lb/targetGroup:TargetGroup":        32,
		"aws:s3/bucketV2:BucketV2":              63,
		"aws:cloudwatch/eventRule:EventRule":    64,
		"aws:iam/role:Role":                     64,
		"aws:sns/topic:Topic":                   80,
		"aws:sqs/queue:Queue":                   80,
		"aws:ec2/securityGroup:SecurityGroup":   255,
		"aws:ec2/launchTemplate:LaunchTemplate": 255,
	} {
		t.Run(token, func(t *testing.T) {
			const suffix = 8 // a dash and seven digits
			_, err := check(t, plugin, token, strings.Repeat("n", limit-suffix+1), nil)
			assert.ErrorContains(t, err, fmt.Sprintf("longer than maximum length %d", limit))
		})
	}
}

func startPlugin(t *testing.T) *Plugin {
	t.Helper()
	if _, err := os.Stat(builtPlugin); err != nil {
		t.Skipf("the provider is not built (%v): run scripts/setup", err)
	}
	binary, err := filepath.Abs(builtPlugin)
	require.NoError(t, err)
	plugin, err := StartPlugin(t.Context(), binary)
	require.NoError(t, err)
	t.Cleanup(plugin.Stop)
	return plugin
}

// check asks the plugin what the inputs of a new resource come to.
func check(
	t *testing.T, plugin *Plugin, token, logical string, inputs map[string]any,
) (map[string]*structpb.Value, error) {
	t.Helper()
	news, err := structpb.NewStruct(inputs)
	require.NoError(t, err)
	answer, err := plugin.Check(t.Context(), &pulumirpc.CheckRequest{
		Urn:  "urn:pulumi:lab::haven::" + token + "::" + logical,
		News: news, RandomSeed: []byte("0123456789abcdef0123456789abcdef"),
	})
	if err != nil {
		return nil, err
	}
	require.Empty(t, answer.GetFailures())
	return answer.GetInputs().GetFields(), nil
}
