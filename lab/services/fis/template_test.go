package fis

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	awsfis "github.com/aws/aws-sdk-go-v2/service/fis"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"
	"github.com/stretchr/testify/require"
)

// dying is an EC2 whose lab is killed when a subnet is to use another network ACL.
type dying struct{ instances }

func (dying) ReplaceNetworkAclAssociation(context.Context, *awsec2.ReplaceNetworkAclAssociationInput) (*awsec2.ReplaceNetworkAclAssociationOutput, error) {
	panic("killed")
}

func TestTemplatesThatCannotWorkAreRefused(t *testing.T) {
	f := newFixture(t)
	role := f.role("drills", servicePrincipal, everything)
	for want, change := range map[string]func(*awsfis.CreateExperimentTemplateInput){
		"does not implement this: the action aws:fis:inject-api-internal-error": func(in *awsfis.CreateExperimentTemplateInput) {
			in.Actions["stop"] = act("aws:fis:inject-api-internal-error", "", "")
		},
		"does not implement this: the action aws:arc:start-zonal-autoshift": func(in *awsfis.CreateExperimentTemplateInput) {
			in.Actions["stop"] = act("aws:arc:start-zonal-autoshift", "", "")
		},
		"does not implement this: the action aws:ssm:start-automation-execution": func(in *awsfis.CreateExperimentTemplateInput) {
			in.Actions["stop"] = act("aws:ssm:start-automation-execution", "", "")
		},
		"there is no action aws:made:up": func(in *awsfis.CreateExperimentTemplateInput) { in.Actions["stop"] = act("aws:made:up", "", "") },
		"several accounts": func(in *awsfis.CreateExperimentTemplateInput) {
			in.ExperimentOptions = &types.CreateExperimentTemplateExperimentOptionsInput{AccountTargeting: types.AccountTargetingMultiAccount}
		},
		"not from one minute": func(in *awsfis.CreateExperimentTemplateInput) {
			in.Actions["stop"].Parameters[parameterRestart] = "PT30S"
		},
		"not an ISO 8601 duration": func(in *awsfis.CreateExperimentTemplateInput) { in.Actions["stop"].Parameters[parameterRestart] = "1m" },
		"has no parameter speed":   func(in *awsfis.CreateExperimentTemplateInput) { in.Actions["stop"].Parameters["speed"] = "1" },
		"the target Instances is required": func(in *awsfis.CreateExperimentTemplateInput) {
			in.Actions["stop"] = act("aws:ec2:stop-instances", "", "")
		},
		"there is no target db": func(in *awsfis.CreateExperimentTemplateInput) {
			in.Actions["stop"] = act("aws:ec2:stop-instances", "Instances", "db")
		},
		"none of ALL, COUNT": func(in *awsfis.CreateExperimentTemplateInput) {
			in.Targets["web"] = tagged("aws:ec2:instance", "SOME", "role", "web")
		},
		"there is no attribute Colour": func(in *awsfis.CreateExperimentTemplateInput) { in.Targets["web"] = filtered("State.Colour", "red") },
		"starts after itself": func(in *awsfis.CreateExperimentTemplateInput) {
			a := act("aws:fis:wait", "", "", parameterDuration, "PT1M")
			a.StartAfter = []string{"b"}
			b := act("aws:fis:wait", "", "", parameterDuration, "PT1M")
			b.StartAfter = []string{"a"}
			in.Actions["a"], in.Actions["b"] = a, b
		},
		"not the ARN of an alarm": func(in *awsfis.CreateExperimentTemplateInput) {
			in.StopConditions = []types.CreateExperimentTemplateStopConditionInput{{Source: aws.String(sourceAlarm), Value: aws.String("the-alarm-of-the-errors")}}
		},
		"is not the ARN of a resource of type": func(in *awsfis.CreateExperimentTemplateInput) {
			in.Targets["web"] = types.CreateExperimentTemplateTargetInput{ResourceType: aws.String("aws:ec2:instance"), SelectionMode: aws.String("ALL"), ResourceArns: []string{"arn:aws:rds:us-east-1:000000000000:db:one"}}
		},
	} {
		in := &awsfis.CreateExperimentTemplateInput{
			ClientToken: aws.String(want), Description: aws.String("drill"), RoleArn: &role, StopConditions: []types.CreateExperimentTemplateStopConditionInput{{Source: aws.String("none")}},
			Actions: map[string]types.CreateExperimentTemplateActionInput{}, Targets: map[string]types.CreateExperimentTemplateTargetInput{},
		}
		stopTemplate(in)
		change(in)
		_, err := f.client.CreateExperimentTemplate(t.Context(), in)
		var refused *types.ValidationException
		require.ErrorAs(t, err, &refused, want)
		require.ErrorContains(t, err, want)
	}
}

func filtered(path string, values ...string) types.CreateExperimentTemplateTargetInput {
	return types.CreateExperimentTemplateTargetInput{
		ResourceType: aws.String("aws:ec2:instance"), SelectionMode: aws.String("ALL"), Filters: []types.ExperimentTemplateTargetInputFilter{{Path: &path, Values: values}},
	}
}

func TestTargetsAreFoundBySelectionFiltersAndParameters(t *testing.T) {
	f := newFixture(t)
	f.instance("i-1", "us-east-1a", ec2types.InstanceStateNameRunning, "role", "web")
	f.instance("i-2", "us-east-1b", ec2types.InstanceStateNameRunning, "role", "web")
	f.instance("i-3", "us-east-1b", ec2types.InstanceStateNameStopped, "role", "web")
	f.instance("i-4", "us-east-1b", ec2types.InstanceStateNameTerminated, "role", "web")
	target := func(mode string) types.ExperimentTarget {
		return types.ExperimentTarget{ResourceType: aws.String("aws:ec2:instance"), SelectionMode: &mode, ResourceTags: map[string]string{"role": "web"}}
	}
	x := &executor{service: f.service, region: region}
	count := func(t types.ExperimentTarget) int {
		found, err := f.service.resolve(x.inCall(f.Context()), t)
		require.NoError(f, err)
		return len(found)
	}
	for mode, want := range map[string]int{"ALL": 3, "COUNT(2)": 2, "COUNT(9)": 3, "PERCENT(50)": 1, "PERCENT(100)": 3, "PERCENT(33)": 0} {
		require.Equal(t, want, count(target(mode)), mode)
	}
	running := target("ALL")
	running.Filters = []types.ExperimentTargetFilter{{Path: aws.String("State.Name"), Values: []string{"running"}}, {Path: aws.String("Tags.Value"), Values: []string{"web"}}}
	require.Equal(t, 2, count(running))
	running.Parameters = map[string]string{parameterZone: "us-east-1b"}
	require.Equal(t, 1, count(running))
	running.Parameters = map[string]string{parameterZone: "use1-az2"}
	require.Equal(t, 1, count(running))
	running.Parameters = map[string]string{parameterZone: "use1-az6"}
	require.Zero(t, count(running))
	writer := types.ExperimentTarget{ResourceType: aws.String("aws:rds:cluster"), SelectionMode: aws.String("ALL"), Parameters: map[string]string{parameterWriterZones: "us-east-1a,us-east-1b"}}
	require.Equal(t, 1, count(writer))
	writer.Parameters[parameterWriterZones] = "us-east-1a"
	require.Zero(t, count(writer))
}

func TestATemplateLivesWithItsTagsAndTokens(t *testing.T) {
	f := newFixture(t)
	role := f.role("drills", servicePrincipal, everything)
	ctx := t.Context()
	in := &awsfis.CreateExperimentTemplateInput{
		ClientToken: aws.String("once"), Description: aws.String("drill"), RoleArn: &role, StopConditions: []types.CreateExperimentTemplateStopConditionInput{{Source: aws.String("none")}},
		Actions: map[string]types.CreateExperimentTemplateActionInput{}, Targets: map[string]types.CreateExperimentTemplateTargetInput{}, Tags: map[string]string{"a": "1"},
	}
	stopTemplate(in)
	made, err := f.client.CreateExperimentTemplate(ctx, in)
	require.NoError(t, err)
	again, err := f.client.CreateExperimentTemplate(ctx, in)
	require.NoError(t, err)
	require.Equal(t, made.ExperimentTemplate.Id, again.ExperimentTemplate.Id)
	in.Description = aws.String("another")
	var conflicting *types.ConflictException
	_, err = f.client.CreateExperimentTemplate(ctx, in)
	require.ErrorAs(t, err, &conflicting)

	arn := made.ExperimentTemplate.Arn
	_, err = f.client.TagResource(ctx, &awsfis.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"b": "2"}})
	require.NoError(t, err)
	_, err = f.client.UntagResource(ctx, &awsfis.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a"}})
	require.NoError(t, err)
	tags, err := f.client.ListTagsForResource(ctx, &awsfis.ListTagsForResourceInput{ResourceArn: arn})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"b": "2"}, tags.Tags)

	updated, err := f.client.UpdateExperimentTemplate(ctx, &awsfis.UpdateExperimentTemplateInput{Id: made.ExperimentTemplate.Id, Description: aws.String("new")})
	require.NoError(t, err)
	require.Equal(t, "new", *updated.ExperimentTemplate.Description)
	require.Len(t, updated.ExperimentTemplate.Actions, 1)
	listed, err := f.client.ListExperimentTemplates(ctx, &awsfis.ListExperimentTemplatesInput{})
	require.NoError(t, err)
	require.Len(t, listed.ExperimentTemplates, 1)
	got, err := f.client.GetExperimentTemplate(ctx, &awsfis.GetExperimentTemplateInput{Id: made.ExperimentTemplate.Id})
	require.NoError(t, err)
	require.Equal(t, "new", *got.ExperimentTemplate.Description)

	first, err := f.client.StartExperiment(ctx, &awsfis.StartExperimentInput{ExperimentTemplateId: made.ExperimentTemplate.Id, ClientToken: aws.String("run")})
	require.NoError(t, err)
	second, err := f.client.StartExperiment(ctx, &awsfis.StartExperimentInput{ExperimentTemplateId: made.ExperimentTemplate.Id, ClientToken: aws.String("run")})
	require.NoError(t, err)
	require.Equal(t, first.Experiment.Id, second.Experiment.Id)
	experiments, err := f.client.ListExperiments(ctx, &awsfis.ListExperimentsInput{ExperimentTemplateId: made.ExperimentTemplate.Id})
	require.NoError(t, err)
	require.Len(t, experiments.Experiments, 1)

	_, err = f.client.DeleteExperimentTemplate(ctx, &awsfis.DeleteExperimentTemplateInput{Id: made.ExperimentTemplate.Id})
	require.NoError(t, err)
	var gone *types.ResourceNotFoundException
	_, err = f.client.GetExperimentTemplate(ctx, &awsfis.GetExperimentTemplateInput{Id: made.ExperimentTemplate.Id})
	require.ErrorAs(t, err, &gone)
}

func TestActionsAndResourceTypesAreDescribed(t *testing.T) {
	f := newFixture(t)
	listed, err := f.client.ListActions(t.Context(), &awsfis.ListActionsInput{})
	require.NoError(t, err)
	require.Len(t, listed.Actions, len(actions))
	for _, one := range listed.Actions {
		got, err := f.client.GetAction(t.Context(), &awsfis.GetActionInput{Id: one.Id})
		require.NoError(t, err)
		for _, target := range got.Action.Targets {
			_, err := f.client.GetTargetResourceType(t.Context(), &awsfis.GetTargetResourceTypeInput{ResourceType: target.ResourceType})
			require.NoError(t, err)
		}
	}
	kinds, err := f.client.ListTargetResourceTypes(t.Context(), &awsfis.ListTargetResourceTypesInput{})
	require.NoError(t, err)
	require.Len(t, kinds.TargetResourceTypes, len(resourceTypes))
	lever, err := f.client.GetSafetyLever(t.Context(), &awsfis.GetSafetyLeverInput{Id: aws.String("default")})
	require.NoError(t, err)
	require.Equal(t, types.SafetyLeverStatusDisengaged, lever.SafetyLever.State.Status)
}
