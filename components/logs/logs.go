// Package logs declares CloudWatch log groups that are encrypted with the
// account's own key and forget after a stated time.
package logs

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Type is the component's type token.
const Type = "haven:logs:Logs"

// RetentionDays are the periods, in days, that CloudWatch Logs accepts.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
func RetentionDays() []int {
	return []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
}

// Args configures the log groups.
type Args struct {
	// Required.
	Groups        map[string]string // role → the group's name, such as flow → /haven/production/flow
	RetentionDays int               // one of RetentionDays()
	Key           pulumi.StringInput
}

// Logs holds the groups by their role.
type Logs struct {
	pulumi.ResourceState

	ARN   map[string]pulumi.StringOutput // who writes logs
	Name  map[string]pulumi.StringOutput // who reads logs
	Group map[string]pulumi.Resource     // who must wait for a group
}

func (a *Args) validate() error {
	var problems []error
	if len(a.Groups) == 0 {
		problems = append(problems, errors.New("Groups is required"))
	}
	if !slices.Contains(RetentionDays(), a.RetentionDays) {
		problems = append(problems, fmt.Errorf("RetentionDays is %d: expected one of %v", a.RetentionDays, RetentionDays()))
	}
	if a.Key == nil {
		problems = append(problems, errors.New("Key is required"))
	}
	return errors.Join(problems...)
}

// New declares the log groups.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Logs, error) {
	if args == nil {
		return nil, fmt.Errorf("creating log groups %s: args are required", name)
	}
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("creating log groups %s: %w", name, err)
	}
	made := &Logs{
		ARN: map[string]pulumi.StringOutput{}, Name: map[string]pulumi.StringOutput{}, Group: map[string]pulumi.Resource{},
	}
	if err := ctx.RegisterComponentResource(Type, name, made, opts...); err != nil {
		return nil, fmt.Errorf("registering log groups %s: %w", name, err)
	}
	outputs := pulumi.Map{}
	for _, role := range slices.Sorted(maps.Keys(args.Groups)) {
		physical := args.Groups[role]
		group, err := cloudwatch.NewLogGroup(ctx, name+"-"+role, &cloudwatch.LogGroupArgs{
			Name:            pulumi.String(physical),
			RetentionInDays: pulumi.Int(args.RetentionDays),
			KmsKeyId:        args.Key.ToStringOutput(),
		}, pulumi.Parent(made))
		if err != nil {
			return nil, fmt.Errorf("creating log group %s: %w", physical, err)
		}
		made.ARN[role], made.Name[role], made.Group[role] = group.Arn, group.Name, group
		outputs[role] = group.Name
	}
	if err := ctx.RegisterResourceOutputs(made, outputs); err != nil {
		return nil, fmt.Errorf("registering the outputs of log groups %s: %w", name, err)
	}
	return made, nil
}
