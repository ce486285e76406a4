package adopt

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/recording"
	"haven/components/webtier"
	"haven/infra/environment"
	"haven/infra/settings"
	"haven/infra/settings/settingstest"
)

// What the program declares and nobody can look up would be made twice after a killed Pulumi.
func TestEverythingThatIsDeclaredCanBeAdopted(t *testing.T) {
	for _, stack := range settingstest.StackNames(t) {
		loaded, err := settings.Load(settingstest.StackConfig(t, stack))
		require.NoError(t, err)
		some := webtier.File{Path: "/some/file", SHA256: strings.Repeat("ab", 32)}
		made, err := recording.Run(recording.Options{Stack: stack}, func(ctx *pulumi.Context) error {
			_, err := environment.Deploy(ctx, loaded, environment.Files{App: some, Trust: &some, Certificate: "leaf", PrivateKey: "private", Chain: "chain"})
			return err
		})
		require.NoError(t, err)
		require.Empty(t, unknown(made.All()), stack)
	}
}

// unknown are the types that are neither looked up nor repeated.
func unknown(made []recording.Resource) []string {
	types := map[string]bool{}
	for _, one := range made {
		if !one.Component && !repeatable[one.Type] && finders[one.Type] == nil {
			types[one.Type] = true
		}
	}
	return slices.Sorted(maps.Keys(types))
}

func TestATypeThatNobodyKnowsIsSeen(t *testing.T) {
	require.Equal(t, []string{"aws:x/y:Y"}, unknown([]recording.Resource{
		{Type: "aws:x/y:Y"}, {Type: "aws:ec2/vpc:Vpc"}, {Type: "aws:sns/topicPolicy:TopicPolicy"}, {Type: "haven:network:Network", Component: true},
	}))
}

func TestNoTypeIsBothLookedUpAndRepeated(t *testing.T) {
	for kind := range repeatable {
		require.NotContains(t, finders, kind)
	}
	for kind := range settlers {
		require.Contains(t, finders, kind, "what nobody finds nobody waits for")
	}
}
