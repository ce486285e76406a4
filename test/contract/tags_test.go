package contract

import (
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/structpb"
)

// TestDefaultTagsReachResources gives the provider default tags other than those that a resource was created with:
// each half of the provider must plan an update in place. Planning calls no API.
func TestDefaultTagsReachResources(t *testing.T) {
	plugin := startPlugin(t)
	configure(t, plugin, `{"tags":{"stack":"new"}}`)
	tests := map[string]struct {
		token  string
		inputs map[string]any
	}{
		"older SDK": {"aws:sns/topic:Topic", map[string]any{"name": "alarms"}},
		"plugin framework": {"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", map[string]any{
			"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "cidrIpv4": "10.0.0.0/8",
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for tag, want := range map[string]pulumirpc.DiffResponse_DiffChanges{
				"old": pulumirpc.DiffResponse_DIFF_SOME,
				"new": pulumirpc.DiffResponse_DIFF_NONE,
			} {
				answer := diff(t, plugin, test.token, test.inputs, map[string]any{"stack": tag})
				assert.Equal(t, want, answer.GetChanges(), "created with the tag %q: %v", tag, answer)
				assert.Empty(t, answer.GetReplaces(), "created with the tag %q", tag)
			}
		})
	}
}

// configure sets the provider up as the program does for the lab, on an endpoint where nothing listens.
func configure(t *testing.T, plugin *Plugin, defaultTags string) {
	t.Helper()
	settings := map[string]any{
		"region": "eu-central-1", "accessKey": "AKIAIOSFODNN7EXAMPLE", "secretKey": "secret",
		"skipCredentialsValidation": "true", "skipRequestingAccountId": "true", "skipMetadataApiCheck": "true",
		"defaultTags": defaultTags, "endpoints": `[{"sns":"http://127.0.0.1:1","ec2":"http://127.0.0.1:1"}]`,
	}
	args, err := structpb.NewStruct(settings)
	require.NoError(t, err)
	_, err = plugin.Configure(t.Context(), &pulumirpc.ConfigureRequest{Args: args, AcceptSecrets: true})
	require.NoError(t, err)
}

// diff asks for the changes to a resource that was created from the same inputs.
func diff(
	t *testing.T, plugin *Plugin, token string, inputs, tagsAll map[string]any,
) *pulumirpc.DiffResponse {
	t.Helper()
	checked, err := check(t, plugin, token, "tagged", inputs)
	require.NoError(t, err)
	news := &structpb.Struct{Fields: checked}
	state := map[string]any{"id": "tagged-1", "tagsAll": tagsAll}
	for key, value := range news.AsMap() {
		state[key] = value
	}
	olds, err := structpb.NewStruct(state)
	require.NoError(t, err)
	answer, err := plugin.Diff(t.Context(), &pulumirpc.DiffRequest{
		Id: "tagged-1", Urn: "urn:pulumi:lab::haven::" + token + "::tagged",
		Olds: olds, News: news, OldInputs: news,
	})
	require.NoError(t, err)
	return answer
}
