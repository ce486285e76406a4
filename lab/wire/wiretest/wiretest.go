// Package wiretest serves services to Amazon's own clients in a test.
//
//	config := wiretest.New(t, map[string]any{"kms": kms.New(store)})
//	client := awskms.NewFromConfig(config)
//
// The server stands on loopback for the length of the test. Its API models are trimmed anew from the services'
// sources, so that a test needs no go generate.
package wiretest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/model"
	"haven/lab/model/trim"
	"haven/lab/wire"
)

// The operator's access key, and the region of the configuration that New returns.
const (
	AccessKeyID = "lab"
	Secret      = "lab"
	Region      = "us-east-1"
)

// New serves the services, by the names of their packages in aws-sdk-go-v2, and returns a client's configuration.
// Requests are not retried.
func New(t testing.TB, services map[string]any) aws.Config {
	return Serve(t, wire.Options{}, services)
}

// Serve is New with options for the server; without an Authenticator the operator's keys are known.
func Serve(t testing.TB, options wire.Options, services map[string]any) aws.Config {
	t.Helper()
	if options.Authenticator == nil {
		options.Authenticator = Operator{}
	}
	if options.Models == nil {
		options.Models = Models(t)
	}
	if options.Log == nil {
		options.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	handler, err := wire.NewServer(options, services)
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return Config(server.URL)
}

// Config returns a client's configuration for an endpoint.
func Config(endpoint string) aws.Config {
	return aws.Config{
		Region:       Region,
		BaseEndpoint: aws.String(endpoint),
		HTTPClient:   patient{awshttp.NewBuildableClient()},
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: AccessKeyID, SecretAccessKey: Secret}, nil
		}),
	}
}

// Operator is an authenticator that knows the operator's keys only.
type Operator struct{}

// Authenticate knows one key.
func (Operator) Authenticate(_ context.Context, accessKeyID, token string) (string, cloud.Principal, error) {
	if accessKeyID != AccessKeyID || token != "" {
		return "", cloud.Principal{}, wire.ErrUnknownKey
	}
	return Secret, cloud.Principal{AccessKeyID: AccessKeyID, ARN: "arn:aws:iam::" + cloud.Account + ":root"}, nil
}

// Models trims models from the sources of lab/services.
func Models(t testing.TB) func(string) (*model.Service, error) {
	return ModelsOf(t, filepath.Join(root(t), "lab", "services"))
}

// ModelsOf trims models from the sources of packages in a folder.
func ModelsOf(t testing.TB, folder string) func(string) (*model.Service, error) {
	t.Helper()
	source, err := trim.Source()
	require.NoError(t, err)
	return func(name string) (*model.Service, error) {
		return trim.Service(source, name, filepath.Join(folder, name))
	}
}

// root returns the folder of the module that the test belongs to.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		require.NotEqual(t, filepath.Dir(dir), dir, "no go.mod above the test's folder")
	}
}
