// Package parameters publishes facts about the environment, never secrets, where
// a brokered session on a server can read them: host names, identifiers, the
// ARN (not the value) of a secret. Servers do not need them to boot.
package parameters

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Type is the component's type token.
const Type = "haven:parameters:Parameters"

// Args configures the parameters.
type Args struct {
	// Required.
	Path  string                        // begins with /, such as /haven/production
	Facts map[string]pulumi.StringInput // name below the path, such as database/writer
}

// Parameters are the published facts.
type Parameters struct {
	pulumi.ResourceState
}

// New publishes the facts.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Parameters, error) {
	if args == nil {
		return nil, fmt.Errorf("creating parameters %s: args are required", name)
	}
	if !strings.HasPrefix(args.Path, "/") || len(args.Facts) == 0 {
		return nil, fmt.Errorf("creating parameters %s: %w", name, errors.New("Path has to begin with / and Facts may not be empty"))
	}
	made := &Parameters{}
	if err := ctx.RegisterComponentResource(Type, name, made, opts...); err != nil {
		return nil, fmt.Errorf("registering parameters %s: %w", name, err)
	}
	for _, fact := range slices.Sorted(maps.Keys(args.Facts)) {
		_, err := ssm.NewParameter(ctx, name+"-"+strings.ReplaceAll(fact, "/", "-"), &ssm.ParameterArgs{
			Name:          pulumi.String(args.Path + "/" + fact),
			Type:          pulumi.String("String"),
			InsecureValue: args.Facts[fact].ToStringOutput(), // shown in plans: these are no secrets
		}, pulumi.Parent(made))
		if err != nil {
			return nil, fmt.Errorf("publishing %s: %w", fact, err)
		}
	}
	if err := ctx.RegisterResourceOutputs(made, pulumi.Map{}); err != nil {
		return nil, fmt.Errorf("registering the outputs of parameters %s: %w", name, err)
	}
	return made, nil
}
