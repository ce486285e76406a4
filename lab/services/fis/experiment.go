package fis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/fis"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"

	"haven/lab/cloud"
)

// maxActive is AWS's default quota (https://docs.aws.amazon.com/fis/latest/userguide/fis-quotas.html).
const maxActive = 5

// StartExperiment begins an experiment by a template.
func (s *Service) StartExperiment(ctx context.Context, in *fis.StartExperimentInput) (*fis.StartExperimentOutput, error) {
	region := cloud.RegionOf(ctx)
	sum, err := digest(in)
	if err != nil {
		return nil, err
	}
	mode := types.ActionsModeRunAll
	if in.ExperimentOptions != nil && in.ExperimentOptions.ActionsMode != "" {
		mode = in.ExperimentOptions.ActionsMode
	}
	out := &fis.StartExperimentOutput{}
	return out, s.store.Update(func(tx *cloud.Tx) error {
		all, err := experiments.List(tx, region)
		if err != nil {
			return err
		}
		active := 0
		for _, other := range all {
			if other.Token == aws.ToString(in.ClientToken) {
				if other.Digest != sum {
					return conflict(other.Token)
				}
				out.Experiment = &other.Experiment
				return nil
			}
			if !other.over() {
				active++
			}
		}
		if active >= maxActive {
			return cloud.StatusErrorf(402, "ServiceQuotaExceededException", "There are %d active experiments: that is the most there can be.", active)
		}
		by, err := findTemplate(tx, region, in.ExperimentTemplateId)
		if err != nil {
			return err
		}
		row := s.newExperiment(region, &by.Template, mode, in.Tags)
		row.Token, row.Digest = aws.ToString(in.ClientToken), sum
		out.Experiment = &row.Experiment
		return experiments.Put(tx, region, row.id(), row)
	})
}

// newExperiment takes a picture of the template: what happens to it later changes no experiment.
func (s *Service) newExperiment(region string, t *types.ExperimentTemplate, mode types.ActionsMode, tags map[string]string) *experimentRow {
	id := newID("EXP")
	e := types.Experiment{
		Id: &id, Arn: aws.String(experimentARN(region, id)), ExperimentTemplateId: t.Id, RoleArn: t.RoleArn, CreationTime: s.time(), Tags: tags,
		State:   &types.ExperimentState{Status: types.ExperimentStatusPending, Reason: aws.String("Experiment is pending.")},
		Targets: map[string]types.ExperimentTarget{}, Actions: map[string]types.ExperimentAction{}, TargetAccountConfigurationsCount: aws.Int64(0),
		ExperimentOptions: &types.ExperimentOptions{
			AccountTargeting: t.ExperimentOptions.AccountTargeting, EmptyTargetResolutionMode: t.ExperimentOptions.EmptyTargetResolutionMode, ActionsMode: mode,
		},
	}
	row := &experimentRow{Region: region, Runs: map[string]*run{}}
	for name, one := range t.Targets {
		copied := types.ExperimentTarget{ResourceType: one.ResourceType, ResourceArns: one.ResourceArns, ResourceTags: one.ResourceTags, SelectionMode: one.SelectionMode, Parameters: one.Parameters}
		for _, f := range one.Filters {
			copied.Filters = append(copied.Filters, types.ExperimentTargetFilter{Path: f.Path, Values: f.Values})
		}
		e.Targets[name] = copied
	}
	for name, one := range t.Actions {
		e.Actions[name] = types.ExperimentAction{
			ActionId: one.ActionId, Description: one.Description, Parameters: one.Parameters, StartAfter: one.StartAfter, Targets: one.Targets,
			State: &types.ExperimentActionState{Status: types.ExperimentActionStatusPending, Reason: aws.String("Initial state")},
		}
		row.Runs[name] = &run{}
	}
	for _, c := range t.StopConditions {
		e.StopConditions = append(e.StopConditions, types.ExperimentStopCondition{Source: c.Source, Value: c.Value})
	}
	if log := t.LogConfiguration; log != nil {
		e.LogConfiguration = &types.ExperimentLogConfiguration{LogSchemaVersion: log.LogSchemaVersion}
		if log.CloudWatchLogsConfiguration != nil {
			e.LogConfiguration.CloudWatchLogsConfiguration = &types.ExperimentCloudWatchLogsLogConfiguration{LogGroupArn: log.CloudWatchLogsConfiguration.LogGroupArn}
		}
		if log.S3Configuration != nil {
			e.LogConfiguration.S3Configuration = &types.ExperimentS3LogConfiguration{BucketName: log.S3Configuration.BucketName, Prefix: log.S3Configuration.Prefix}
		}
	}
	row.Experiment = e
	return row
}

// StopExperiment ends an experiment: what runs of it is put back, what has not begun never does.
func (s *Service) StopExperiment(ctx context.Context, in *fis.StopExperimentInput) (*fis.StopExperimentOutput, error) {
	out := &fis.StopExperimentOutput{}
	return out, s.store.Update(func(tx *cloud.Tx) error {
		row, err := findExperiment(tx, cloud.RegionOf(ctx), in.Id)
		if err != nil {
			return err
		}
		if row.over() {
			return invalid("The experiment %s is already %s.", row.id(), row.Experiment.State.Status)
		}
		s.halt(tx, row, ending{Status: types.ExperimentStatusStopped, Reason: "Experiment halted by user."})
		out.Experiment = &row.Experiment
		return experiments.Put(tx, row.Region, row.id(), row)
	})
}

// GetExperiment returns an experiment as it stands.
func (s *Service) GetExperiment(ctx context.Context, in *fis.GetExperimentInput) (*fis.GetExperimentOutput, error) {
	out := &fis.GetExperimentOutput{}
	return out, s.store.View(func(tx *cloud.Tx) error {
		row, err := findExperiment(tx, cloud.RegionOf(ctx), in.Id)
		if err == nil {
			out.Experiment = &row.Experiment
		}
		return err
	})
}

// ListExperiments lists experiments, of a template or all.
func (s *Service) ListExperiments(ctx context.Context, in *fis.ListExperimentsInput) (*fis.ListExperimentsOutput, error) {
	out := &fis.ListExperimentsOutput{Experiments: []types.ExperimentSummary{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		all, err := experiments.List(tx, cloud.RegionOf(ctx))
		if err != nil {
			return err
		}
		if in.ExperimentTemplateId != nil {
			all = slices.DeleteFunc(all, func(row *experimentRow) bool { return *row.Experiment.ExperimentTemplateId != *in.ExperimentTemplateId })
		}
		rows, next, err := page(all, (*experimentRow).id, in.NextToken, in.MaxResults)
		out.NextToken = next
		for _, row := range rows {
			e := row.Experiment
			out.Experiments = append(out.Experiments, types.ExperimentSummary{
				Id: e.Id, Arn: e.Arn, ExperimentTemplateId: e.ExperimentTemplateId, State: e.State, CreationTime: e.CreationTime, Tags: maps.Clone(e.Tags), ExperimentOptions: e.ExperimentOptions,
			})
		}
		return err
	})
}

// ListExperimentResolvedTargets tells what an experiment's targets were resolved to.
func (s *Service) ListExperimentResolvedTargets(ctx context.Context, in *fis.ListExperimentResolvedTargetsInput) (*fis.ListExperimentResolvedTargetsOutput, error) {
	out := &fis.ListExperimentResolvedTargetsOutput{}
	return out, s.store.View(func(tx *cloud.Tx) error {
		row, err := findExperiment(tx, cloud.RegionOf(ctx), in.ExperimentId)
		if err != nil {
			return err
		}
		key := func(t types.ResolvedTarget) string { return *t.TargetName + " " + t.TargetInformation["arn"] }
		all := row.resolvedTargets(aws.ToString(in.TargetName))
		slices.SortFunc(all, func(a, b types.ResolvedTarget) int { return strings.Compare(key(a), key(b)) })
		out.ResolvedTargets, out.NextToken, err = page(all, key, in.NextToken, in.MaxResults)
		return err
	})
}

// session is the name under which the experiment's role acts.
func (e *experimentRow) session() string { return fmt.Sprintf("FIS-%s", e.id()) }
