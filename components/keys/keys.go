// Package keys declares one customer-managed, rotating KMS key a purpose.
package keys

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/components/internal/iampolicy"
)

// Type is the component's type token.
const Type = "haven:keys:Keys"

// KMS accepts a waiting period of 7 to 30 days before it destroys a key.
// https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html
const (
	ShortestDeletionDays = 7
	LongestDeletionDays  = 30
)

// Args configures the keys.
type Args struct {
	// Required.
	Region  string
	Account string
	Scope   string // makes the aliases unique in the Region, such as haven-production

	// Defaulted.
	DeletionDays int // 30 unless set

	// Optional.
	Protect bool // refuse to remove the keys: losing a key loses what it encrypts
}

// Keys holds the keys' ARNs.
type Keys struct {
	pulumi.ResourceState

	ARN map[Purpose]pulumi.StringOutput // every component that stores something
}

func (a *Args) setDefaults() {
	if a.DeletionDays == 0 {
		a.DeletionDays = LongestDeletionDays
	}
}

func (a *Args) validate() error {
	var problems []error
	if a.Region == "" || a.Account == "" || a.Scope == "" {
		problems = append(problems, errors.New("Region, Account and Scope are required"))
	}
	if a.DeletionDays < ShortestDeletionDays || a.DeletionDays > LongestDeletionDays {
		problems = append(problems, fmt.Errorf("DeletionDays is %d: expected %d to %d",
			a.DeletionDays, ShortestDeletionDays, LongestDeletionDays))
	}
	return errors.Join(problems...)
}

// New declares the keys of all purposes with their aliases.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Keys, error) {
	if args == nil {
		return nil, fmt.Errorf("creating keys %s: args are required", name)
	}
	checked := *args
	checked.setDefaults()
	if err := checked.validate(); err != nil {
		return nil, fmt.Errorf("creating keys %s: %w", name, err)
	}
	made := &Keys{ARN: map[Purpose]pulumi.StringOutput{}}
	if err := ctx.RegisterComponentResource(Type, name, made, opts...); err != nil {
		return nil, fmt.Errorf("registering keys %s: %w", name, err)
	}
	outputs := pulumi.Map{}
	for _, purpose := range Purposes() {
		key, err := one(ctx, name, purpose, &checked, pulumi.Parent(made))
		if err != nil {
			return nil, err
		}
		made.ARN[purpose] = key.Arn
		outputs[string(purpose)] = key.Arn
	}
	if err := ctx.RegisterResourceOutputs(made, outputs); err != nil {
		return nil, fmt.Errorf("registering the outputs of keys %s: %w", name, err)
	}
	return made, nil
}

func one(ctx *pulumi.Context, name string, purpose Purpose, args *Args, parent pulumi.ResourceOption) (*kms.Key, error) {
	logical := name + "-" + string(purpose)
	key, err := kms.NewKey(ctx, logical, &kms.KeyArgs{
		Description:          pulumi.String(args.Scope + ": " + string(purpose)),
		EnableKeyRotation:    pulumi.Bool(true),
		DeletionWindowInDays: pulumi.Int(args.DeletionDays),
		Policy:               iampolicy.JSON(policy(purpose, args.Region, args.Account)...),
		Tags:                 pulumi.StringMap{"Name": pulumi.String(logical), "haven:purpose": pulumi.String(purpose)},
	}, parent, pulumi.Protect(args.Protect))
	if err != nil {
		return nil, fmt.Errorf("creating key %s: %w", logical, err)
	}
	_, err = kms.NewAlias(ctx, logical, &kms.AliasArgs{
		Name:        pulumi.String("alias/" + args.Scope + "/" + logical),
		TargetKeyId: key.KeyId,
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("creating alias of key %s: %w", logical, err)
	}
	return key, nil
}
