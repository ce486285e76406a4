package recording

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/zones"
)

// Declare declares one instance of a component under a name.
type Declare func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error

// With wraps declarations into a program with one explicit provider.
func With(declare Declare, names ...string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		provider, err := aws.NewProvider(ctx, "aws", &aws.ProviderArgs{Region: pulumi.String(Region)})
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := declare(ctx, name, pulumi.Providers(provider)); err != nil {
				return err
			}
		}
		return nil
	}
}

// Must runs a component once, for real, and returns the recording.
func Must(t *testing.T, declare Declare, name string) *Recording {
	t.Helper()
	recording, err := Run(Options{}, With(declare, name))
	require.NoError(t, err)
	return recording
}

// Component checks what every component owes its users: it works in a preview
// too, twice in one program, everything is under it and has the explicit
// provider, outputs are registered, nil arguments are refused by the caller's
// own test, and a failure of any resource comes out as an error.
func Component(t *testing.T, declare Declare) {
	t.Helper()
	once := Must(t, declare, "one")
	once.RequireOwned(t)

	t.Run("preview", func(t *testing.T) {
		preview, err := Run(Options{Preview: true}, With(declare, "one"))
		require.NoError(t, err)
		require.Equal(t, once.Types(), preview.Types(), "a preview shows what an update makes")
		preview.RequireOwned(t)
	})
	t.Run("twice in one program", func(t *testing.T) {
		twice, err := Run(Options{}, With(declare, "one", "two"))
		require.NoError(t, err)
		twice.RequireOwned(t)
		for typ, count := range once.Types() {
			require.Equal(t, 2*count, twice.Types()[typ], typ)
			require.Len(t, twice.Of(typ), 2*count, "logical names of %s collide", typ)
		}
		twice.requireDistinctPhysicalNames(t)
	})
	for _, typ := range slices.Sorted(maps.Keys(once.Types())) {
		t.Run("fails with "+typ, func(t *testing.T) {
			_, err := Run(Options{Fail: typ}, With(declare, "one"))
			require.ErrorContains(t, err, ErrInjected.Error())
		})
	}
}

// RequireOwned checks that every resource is under a component of ours, uses the
// explicit provider, and that every component has registered its outputs.
func (r *Recording) RequireOwned(t require.TestingT) {
	components := 0
	for _, resource := range r.All() {
		if resource.Component {
			components++
			continue
		}
		require.True(t, strings.HasPrefix(resource.parentType(), "haven:"),
			"%s %s is not under its component", resource.Type, resource.Name)
		require.NotEmpty(t, resource.Provider, "%s %s has no explicit provider", resource.Type, resource.Name)
	}
	require.Equal(t, components+1, r.Completed(), "components, and the stack, that registered their outputs")
}

// requireDistinctPhysicalNames looks at the inputs that name something in AWS.
func (r *Recording) requireDistinctPhysicalNames(t require.TestingT) {
	seen := map[string]string{}
	for _, resource := range r.All() {
		for _, input := range []string{"clusterIdentifier", "identifier", "name"} {
			name, given := resource.Value(input).(string)
			if !given || resource.Type == "aws:route53/record:Record" || resource.Type == "aws:route53/zone:Zone" ||
				strings.Contains(resource.Type, "ClusterInstance") && input == "clusterIdentifier" {
				continue
			}
			key := fmt.Sprintf("%s %s=%s", resource.Type, input, name)
			require.NotContains(t, seen, key, "%s and %s have one physical name", seen[key], resource.Name)
			seen[key] = resource.Name
		}
	}
}

// Zones returns the first zones of the recorded Region.
func Zones(t *testing.T, count int) []zones.Zone {
	t.Helper()
	spread, err := zones.Plan(Region, zones.First(count))
	require.NoError(t, err)
	return spread
}

// Subnets makes up one subnet id a zone, such as subnet-data-a.
func Subnets(spread []zones.Zone, tier string) map[string]pulumi.StringInput {
	ids := map[string]pulumi.StringInput{}
	for _, zone := range spread {
		ids[zone.Letter] = pulumi.String("subnet-" + tier + "-" + zone.Letter)
	}
	return ids
}
