package target

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/fis"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"
)

// ExperimentNeeds are the IAM actions that experiments need, from their start until everything is put back.
var ExperimentNeeds = []string{"fis:StartExperiment", "fis:GetExperiment", "fis:ListExperiments", "fis:StopExperiment"}

const experimentLimit = 2 * time.Minute // until an experiment runs, or has put back what it changed

// ExperimentTemplate returns the id of one of the stack's experiment templates, by its name (disrupt-zone-a).
func (e *Environment) ExperimentTemplate(name string) (string, error) {
	id, declared := e.Outputs.Drills[name]
	if !declared {
		return "", fmt.Errorf("the stack declares no experiment template %s; type: pulumi config set haven:drills true, then pulumi up", name)
	}
	return id, nil
}

// StartExperiment starts an experiment from a template and returns when it runs.
func (e *Environment) StartExperiment(ctx context.Context, template string) error {
	client := fis.NewFromConfig(e.Config)
	started, err := client.StartExperiment(ctx, &fis.StartExperimentInput{ExperimentTemplateId: &template})
	if err != nil {
		return fmt.Errorf("starting an experiment from %s: %w", template, err)
	}
	id := aws.ToString(started.Experiment.Id)
	return Await(ctx, "experiment "+id+" to run", experimentLimit, func(ctx context.Context) error {
		out, err := client.GetExperiment(ctx, &fis.GetExperimentInput{Id: &id})
		if err != nil {
			return err
		}
		if state := out.Experiment.State; state.Status != types.ExperimentStatusRunning {
			return fmt.Errorf("it is %s: %s", state.Status, aws.ToString(state.Reason))
		}
		return nil
	})
}

// StopExperiments stops all of a template's experiments, and returns when they have put back what they changed. None is no error.
func (e *Environment) StopExperiments(ctx context.Context, template string) error {
	client := fis.NewFromConfig(e.Config)
	under, err := underWay(ctx, client, template)
	if err != nil {
		return err
	}
	var errs []error
	for _, one := range under {
		if one.State.Status == types.ExperimentStatusStopping {
			continue
		}
		if _, err := client.StopExperiment(ctx, &fis.StopExperimentInput{Id: one.Id}); err != nil {
			errs = append(errs, fmt.Errorf("stopping experiment %s: %w", aws.ToString(one.Id), err))
		}
	}
	ended := e.AwaitExperimentsEnd(ctx, template)
	if ended == nil {
		return nil // one that ended by itself meanwhile could not be stopped
	}
	return errors.Join(append(errs, ended)...)
}

// AwaitExperimentsEnd waits until none of a template's experiments is under way.
func (e *Environment) AwaitExperimentsEnd(ctx context.Context, template string) error {
	client := fis.NewFromConfig(e.Config)
	return Await(ctx, "experiments of "+template+" to end", experimentLimit, func(ctx context.Context) error {
		under, err := underWay(ctx, client, template)
		if err == nil && len(under) > 0 {
			err = fmt.Errorf("%s is %s", aws.ToString(under[0].Id), under[0].State.Status)
		}
		return err
	})
}

// underWay lists a template's experiments that have not ended: what they changed may not be put back yet.
func underWay(ctx context.Context, client *fis.Client, template string) (under []types.ExperimentSummary, err error) {
	pages := fis.NewListExperimentsPaginator(client, &fis.ListExperimentsInput{ExperimentTemplateId: &template})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing the experiments of %s: %w", template, err)
		}
		for _, one := range page.Experiments {
			switch one.State.Status {
			case types.ExperimentStatusPending, types.ExperimentStatusInitiating, types.ExperimentStatusRunning, types.ExperimentStatusStopping:
				under = append(under, one)
			}
		}
	}
	return under, nil
}
