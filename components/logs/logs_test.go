package logs_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/logs"
	"haven/components/recording"
)

func declare(args *logs.Args) recording.Declare {
	return func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		if args == nil {
			_, err := logs.New(ctx, name, nil, opts...)
			return err
		}
		own := *args
		own.Groups = map[string]string{}
		for role, group := range args.Groups {
			own.Groups[role] = group + "/" + name
		}
		_, err := logs.New(ctx, name, &own, opts...)
		return err
	}
}

func args() *logs.Args {
	return &logs.Args{
		Groups: map[string]string{"flow": "/haven/flow", "alert": "/haven/alert"}, RetentionDays: 30, Key: pulumi.String("key"),
	}
}

func TestComponent(t *testing.T) { recording.Component(t, declare(args())) }

func TestGroupsAreEncryptedAndForget(t *testing.T) {
	groups := recording.Must(t, declare(args()), "logs").Of("aws:cloudwatch/logGroup:LogGroup")
	require.Len(t, groups, 2)
	for role, name := range map[string]string{"logs-flow": "/haven/flow/logs", "logs-alert": "/haven/alert/logs"} {
		require.Equal(t, name, groups[role].Value("name"))
		require.Equal(t, 30.0, groups[role].Value("retentionInDays"))
		require.Equal(t, "key", groups[role].Value("kmsKeyId"))
	}
}

func TestNewRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args *logs.Args
		want []string
	}{
		"nothing": {nil, []string{"args are required"}},
		"empty":   {&logs.Args{RetentionDays: 2}, []string{"Groups is required", "RetentionDays is 2: expected one of", "Key is required"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := recording.Run(recording.Options{}, recording.With(declare(test.args), "logs"))
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}
