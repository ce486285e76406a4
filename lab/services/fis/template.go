package fis

import (
	"cmp"
	"context"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/fis"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"

	"haven/lab/cloud"
)

// maxTemplates is AWS's default quota (https://docs.aws.amazon.com/fis/latest/userguide/fis-quotas.html).
const maxTemplates = 500

// CreateExperimentTemplate makes a template, once it is one that the lab can run.
func (s *Service) CreateExperimentTemplate(ctx context.Context, in *fis.CreateExperimentTemplateInput) (*fis.CreateExperimentTemplateOutput, error) {
	region := cloud.RegionOf(ctx)
	id := newID("EXT")
	made := types.ExperimentTemplate{
		Id: &id, Arn: aws.String(templateARN(region, id)), Description: in.Description, RoleArn: in.RoleArn, Tags: in.Tags,
		CreationTime: s.time(), LastUpdateTime: s.time(), Targets: map[string]types.ExperimentTemplateTarget{}, Actions: map[string]types.ExperimentTemplateAction{},
		LogConfiguration: createdLog(in.LogConfiguration), TargetAccountConfigurationsCount: aws.Int64(0),
		ExperimentOptions: &types.ExperimentTemplateExperimentOptions{AccountTargeting: types.AccountTargetingSingleAccount, EmptyTargetResolutionMode: types.EmptyTargetResolutionModeFail},
	}
	if options := in.ExperimentOptions; options != nil {
		made.ExperimentOptions.AccountTargeting = cmp.Or(options.AccountTargeting, types.AccountTargetingSingleAccount)
		made.ExperimentOptions.EmptyTargetResolutionMode = cmp.Or(options.EmptyTargetResolutionMode, types.EmptyTargetResolutionModeFail)
	}
	for name, t := range in.Targets {
		made.Targets[name] = types.ExperimentTemplateTarget{
			ResourceType: t.ResourceType, ResourceArns: t.ResourceArns, ResourceTags: t.ResourceTags, SelectionMode: t.SelectionMode, Parameters: t.Parameters, Filters: filters(t.Filters),
		}
	}
	for name, a := range in.Actions {
		made.Actions[name] = types.ExperimentTemplateAction{ActionId: a.ActionId, Description: a.Description, Parameters: a.Parameters, StartAfter: a.StartAfter, Targets: a.Targets}
	}
	for _, c := range in.StopConditions {
		made.StopConditions = append(made.StopConditions, types.ExperimentTemplateStopCondition{Source: c.Source, Value: c.Value})
	}
	sum, err := digest(in)
	if err != nil {
		return nil, err
	}
	row := &templateRow{Region: region, Template: made, Token: aws.ToString(in.ClientToken), Digest: sum}
	out := &fis.CreateExperimentTemplateOutput{}
	return out, s.store.Update(func(tx *cloud.Tx) error {
		all, err := templates.List(tx, region)
		if err != nil {
			return err
		}
		for _, other := range all {
			if other.Token != row.Token {
				continue
			}
			if other.Digest != row.Digest {
				return conflict(row.Token)
			}
			out.ExperimentTemplate = &other.Template
			return nil
		}
		if len(all) >= maxTemplates {
			return cloud.StatusErrorf(402, "ServiceQuotaExceededException", "There are %d experiment templates: that is the most there can be.", maxTemplates)
		}
		if err := s.check(&row.Template); err != nil {
			return err
		}
		out.ExperimentTemplate = &row.Template
		return templates.Put(tx, region, id, row)
	})
}

func conflict(token string) error {
	return cloud.StatusErrorf(409, "ConflictException", "The client token %s was used for another request.", token)
}

func filters(given []types.ExperimentTemplateTargetInputFilter) (all []types.ExperimentTemplateTargetFilter) {
	for _, f := range given {
		all = append(all, types.ExperimentTemplateTargetFilter{Path: f.Path, Values: f.Values})
	}
	return all
}

func createdLog(in *types.CreateExperimentTemplateLogConfigurationInput) *types.ExperimentTemplateLogConfiguration {
	if in == nil {
		return nil
	}
	return logConfiguration(in.CloudWatchLogsConfiguration, in.S3Configuration, in.LogSchemaVersion)
}

func logConfiguration(group *types.ExperimentTemplateCloudWatchLogsLogConfigurationInput, bucket *types.ExperimentTemplateS3LogConfigurationInput, version *int32) *types.ExperimentTemplateLogConfiguration {
	out := &types.ExperimentTemplateLogConfiguration{LogSchemaVersion: version}
	if group != nil {
		out.CloudWatchLogsConfiguration = &types.ExperimentTemplateCloudWatchLogsLogConfiguration{LogGroupArn: group.LogGroupArn}
	}
	if bucket != nil {
		out.S3Configuration = &types.ExperimentTemplateS3LogConfiguration{BucketName: bucket.BucketName, Prefix: bucket.Prefix}
	}
	return out
}

// UpdateExperimentTemplate replaces what is given; experiments that run go on as they were begun.
func (s *Service) UpdateExperimentTemplate(ctx context.Context, in *fis.UpdateExperimentTemplateInput) (*fis.UpdateExperimentTemplateOutput, error) {
	region := cloud.RegionOf(ctx)
	out := &fis.UpdateExperimentTemplateOutput{}
	return out, s.store.Update(func(tx *cloud.Tx) error {
		row, err := findTemplate(tx, region, in.Id)
		if err != nil {
			return err
		}
		t := &row.Template
		t.Description, t.RoleArn, t.LastUpdateTime = cmp.Or(in.Description, t.Description), cmp.Or(in.RoleArn, t.RoleArn), s.time()
		if in.ExperimentOptions != nil {
			t.ExperimentOptions.EmptyTargetResolutionMode = cmp.Or(in.ExperimentOptions.EmptyTargetResolutionMode, t.ExperimentOptions.EmptyTargetResolutionMode)
		}
		if in.LogConfiguration != nil {
			t.LogConfiguration = logConfiguration(in.LogConfiguration.CloudWatchLogsConfiguration, in.LogConfiguration.S3Configuration, in.LogConfiguration.LogSchemaVersion)
		}
		replaceParts(t, in.Targets, in.Actions, in.StopConditions)
		if err := s.check(t); err != nil {
			return err
		}
		out.ExperimentTemplate = t
		return templates.Put(tx, region, *in.Id, row)
	})
}

// replaceParts replaces targets, actions and stop conditions, each as a whole, where they are given.
func replaceParts(t *types.ExperimentTemplate, targets map[string]types.UpdateExperimentTemplateTargetInput, actions map[string]types.UpdateExperimentTemplateActionInputItem, conditions []types.UpdateExperimentTemplateStopConditionInput) {
	if targets != nil {
		t.Targets = map[string]types.ExperimentTemplateTarget{}
	}
	for name, one := range targets {
		t.Targets[name] = types.ExperimentTemplateTarget{
			ResourceType: one.ResourceType, ResourceArns: one.ResourceArns, ResourceTags: one.ResourceTags, SelectionMode: one.SelectionMode, Parameters: one.Parameters, Filters: filters(one.Filters),
		}
	}
	if actions != nil {
		t.Actions = map[string]types.ExperimentTemplateAction{}
	}
	for name, one := range actions {
		t.Actions[name] = types.ExperimentTemplateAction{ActionId: one.ActionId, Description: one.Description, Parameters: one.Parameters, StartAfter: one.StartAfter, Targets: one.Targets}
	}
	if conditions != nil {
		t.StopConditions = nil
	}
	for _, one := range conditions {
		t.StopConditions = append(t.StopConditions, types.ExperimentTemplateStopCondition{Source: one.Source, Value: one.Value})
	}
}

// GetExperimentTemplate returns a template.
func (s *Service) GetExperimentTemplate(ctx context.Context, in *fis.GetExperimentTemplateInput) (*fis.GetExperimentTemplateOutput, error) {
	out := &fis.GetExperimentTemplateOutput{}
	return out, s.store.View(func(tx *cloud.Tx) error {
		row, err := findTemplate(tx, cloud.RegionOf(ctx), in.Id)
		if err == nil {
			out.ExperimentTemplate = &row.Template
		}
		return err
	})
}

// ListExperimentTemplates lists templates.
func (s *Service) ListExperimentTemplates(ctx context.Context, in *fis.ListExperimentTemplatesInput) (*fis.ListExperimentTemplatesOutput, error) {
	out := &fis.ListExperimentTemplatesOutput{ExperimentTemplates: []types.ExperimentTemplateSummary{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		all, err := templates.List(tx, cloud.RegionOf(ctx))
		if err != nil {
			return err
		}
		rows, next, err := page(all, func(row *templateRow) string { return *row.Template.Id }, in.NextToken, in.MaxResults)
		out.NextToken = next
		for _, row := range rows {
			t := row.Template
			out.ExperimentTemplates = append(out.ExperimentTemplates, types.ExperimentTemplateSummary{
				Id: t.Id, Arn: t.Arn, Description: t.Description, CreationTime: t.CreationTime, LastUpdateTime: t.LastUpdateTime, Tags: maps.Clone(t.Tags),
			})
		}
		return err
	})
}

// DeleteExperimentTemplate deletes a template; its experiments stay.
func (s *Service) DeleteExperimentTemplate(ctx context.Context, in *fis.DeleteExperimentTemplateInput) (*fis.DeleteExperimentTemplateOutput, error) {
	out := &fis.DeleteExperimentTemplateOutput{}
	return out, s.store.Update(func(tx *cloud.Tx) error {
		row, err := findTemplate(tx, cloud.RegionOf(ctx), in.Id)
		if err != nil {
			return err
		}
		out.ExperimentTemplate = &row.Template
		return templates.Delete(tx, row.Region, *in.Id)
	})
}
