package parameters_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/parameters"
	"haven/components/recording"
)

func declare(args *parameters.Args) recording.Declare {
	return func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		if args == nil {
			_, err := parameters.New(ctx, name, nil, opts...)
			return err
		}
		own := *args
		own.Path += "/" + name
		_, err := parameters.New(ctx, name, &own, opts...)
		return err
	}
}

func args() *parameters.Args {
	return &parameters.Args{Path: "/haven", Facts: map[string]pulumi.StringInput{
		"database/writer": pulumi.String("host"), "site/url": pulumi.String("https://example.com"),
	}}
}

func TestComponent(t *testing.T) { recording.Component(t, declare(args())) }

func TestFactsArePublishedBelowThePath(t *testing.T) {
	made := recording.Must(t, declare(args()), "facts").Of("aws:ssm/parameter:Parameter")
	require.Len(t, made, 2)
	require.Equal(t, "/haven/facts/database/writer", made["facts-database-writer"].Value("name"))
	require.Equal(t, "host", made["facts-database-writer"].Value("insecureValue"))
	require.Equal(t, "String", made["facts-site-url"].Value("type"))
}

func TestNewRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args *parameters.Args
		want string
	}{
		"nothing": {nil, "args are required"},
		"empty":   {&parameters.Args{Path: "haven"}, "Path has to begin with / and Facts may not be empty"},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := recording.Run(recording.Options{}, recording.With(declare(test.args), "facts"))
			require.ErrorContains(t, err, test.want)
			require.Empty(t, made.All())
		})
	}
}
