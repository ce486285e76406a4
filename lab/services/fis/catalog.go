package fis

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/fis"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"

	"haven/lab/cloud"
)

// action is one kind of action (https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html).
type action struct {
	description string
	targets     map[string]string // the resource type, by the name of the target
	parameters  map[string]parameter
	available   func(*Service) bool // nil: always

	// needs are what the experiment's role must be allowed to do, all of it asked before anything is done.
	needs func(*deed) []need
	// begin does it. It may be called again when the lab was killed meanwhile. What it changes, it saves first.
	begin func(context.Context, *deed) error
	// look tells whether it is done; nil: as soon as it was begun. Done by its time over, it is put back.
	look func(context.Context, *deed) (bool, error)
	// back puts back what was changed; it may be called again. Nil: nothing is to be put back.
	back func(context.Context, *deed) error
}

type parameter struct {
	description string
	required    bool
	check       func(string) error
}

var durationParameter = parameter{"The duration, from one minute to 12 hours (ISO 8601)", true, checkDuration}

// actions are all that the lab has, by their ids.
var actions map[string]action

func init() { // they lead to functions that look actions up
	actions = map[string]action{
		"aws:ec2:stop-instances": stopInstances, "aws:ec2:terminate-instances": terminateInstances, "aws:ec2:reboot-instances": rebootInstances,
		"aws:network:disrupt-connectivity": disruptConnectivity,
		"aws:rds:failover-db-cluster":      failoverCluster, "aws:rds:reboot-db-instances": rebootDatabases,
		"aws:ssm:send-command": sendCommand, "aws:fis:wait": waiting, "aws:cloudwatch:assert-alarm-state": assertAlarmState,
	}
}

// refusedAction tells that AWS has an action which the lab has not.
func refusedAction(id string) bool {
	for _, prefix := range []string{
		"aws:fis:inject-api-", "aws:ssm:start-automation-execution", "aws:arc:start-zonal-autoshift", "aws:ec2:", "aws:ebs:", "aws:ecs:", "aws:eks:", "aws:elasticache:",
		"aws:network:", "aws:dynamodb:", "aws:s3:", "aws:lambda:", "aws:kinesis:", "aws:memorydb:", "aws:directconnect:", "aws:dsql:",
	} {
		if strings.HasPrefix(id, prefix) {
			return true
		}
	}
	return false
}

func actionARN(region, id string) string { return cloud.ARN("fis", region, "action/"+id) }

func actionTargets(a action) map[string]types.ActionTarget {
	all := map[string]types.ActionTarget{}
	for name, kind := range a.targets {
		all[name] = types.ActionTarget{ResourceType: aws.String(kind)}
	}
	return all
}

// ListActions lists the actions that the lab has.
func (s *Service) ListActions(ctx context.Context, in *fis.ListActionsInput) (*fis.ListActionsOutput, error) {
	ids, next, err := page(slices.Sorted(maps.Keys(actions)), func(id string) string { return id }, in.NextToken, in.MaxResults)
	out := &fis.ListActionsOutput{Actions: []types.ActionSummary{}, NextToken: next}
	for _, id := range ids {
		out.Actions = append(out.Actions, types.ActionSummary{
			Id: aws.String(id), Arn: aws.String(actionARN(cloud.RegionOf(ctx), id)), Description: aws.String(actions[id].description), Targets: actionTargets(actions[id]), Tags: map[string]string{},
		})
	}
	return out, err
}

// GetAction describes an action.
func (s *Service) GetAction(ctx context.Context, in *fis.GetActionInput) (*fis.GetActionOutput, error) {
	a, ok := actions[aws.ToString(in.Id)]
	if !ok {
		return nil, missing("action", aws.ToString(in.Id))
	}
	described := &types.Action{
		Id: in.Id, Arn: aws.String(actionARN(cloud.RegionOf(ctx), *in.Id)), Description: aws.String(a.description), Targets: actionTargets(a),
		Parameters: map[string]types.ActionParameter{}, Tags: map[string]string{},
	}
	for name, p := range a.parameters {
		described.Parameters[name] = types.ActionParameter{Description: aws.String(p.description), Required: aws.Bool(p.required)}
	}
	return &fis.GetActionOutput{Action: described}, nil
}

// ListTargetResourceTypes lists what experiments can act on.
func (s *Service) ListTargetResourceTypes(_ context.Context, in *fis.ListTargetResourceTypesInput) (*fis.ListTargetResourceTypesOutput, error) {
	names, next, err := page(slices.Sorted(maps.Keys(resourceTypes)), func(name string) string { return name }, in.NextToken, in.MaxResults)
	out := &fis.ListTargetResourceTypesOutput{TargetResourceTypes: []types.TargetResourceTypeSummary{}, NextToken: next}
	for _, name := range names {
		out.TargetResourceTypes = append(out.TargetResourceTypes, types.TargetResourceTypeSummary{
			ResourceType: aws.String(name), Description: aws.String(resourceTypes[name].description),
		})
	}
	return out, err
}

// GetTargetResourceType describes a type of resource.
func (s *Service) GetTargetResourceType(_ context.Context, in *fis.GetTargetResourceTypeInput) (*fis.GetTargetResourceTypeOutput, error) {
	kind, ok := resourceTypes[aws.ToString(in.ResourceType)]
	if !ok {
		return nil, missing("target resource type", aws.ToString(in.ResourceType))
	}
	described := &types.TargetResourceType{ResourceType: in.ResourceType, Description: aws.String(kind.description), Parameters: map[string]types.TargetResourceTypeParameter{}}
	for name, text := range kind.parameters {
		described.Parameters[name] = types.TargetResourceTypeParameter{Description: aws.String(text), Required: aws.Bool(false)}
	}
	return &fis.GetTargetResourceTypeOutput{TargetResourceType: described}, nil
}
