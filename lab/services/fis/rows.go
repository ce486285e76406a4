package fis

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"

	"haven/lab/cloud"
)

type templateRow struct {
	Region   string
	Template types.ExperimentTemplate
	Token    string // of its creation
	Digest   string // of what was asked for with it
}

// experimentRow is an experiment with all that is needed to go on with it, and to undo it, after the lab was killed.
type experimentRow struct {
	Region     string
	Experiment types.Experiment
	Token      string
	Digest     string

	Targets  map[string][]target // as they were resolved, by the target's name
	Runs     map[string]*run     // by the action's name
	Ending   *ending             // how it will have ended once everything is put back
	Records  []string            // for its log destinations
	Recorded int                 // how many of them were delivered
}

// target is a resource that an experiment acts on.
type target struct {
	ARN  string
	ID   string // as the API of its service names it
	Tags map[string]string
}

// run is what an action has done and has to put back.
type run struct {
	Until    time.Time         `json:",omitzero"`  // its time is over
	Changed  []string          `json:",omitempty"` // what is to be put back
	Original map[string]string `json:",omitempty"` // and to what
	Command  string            `json:",omitempty"` // of Systems Manager
	Called   bool              `json:",omitempty"` // it was being sent
	Done     []string          `json:",omitempty"` // what must not be done again
}

type ending struct {
	Status types.ExperimentStatus
	Reason string
	Error  *types.ExperimentError
}

// leverRow is a region's safety lever.
type leverRow struct{ State types.SafetyLeverState }

// Gone is always true: every account has a lever in every region.
func (*leverRow) Gone() bool { return true }

var (
	templates   = cloud.NewTable[templateRow]("fis.templates")
	experiments = cloud.NewTable[experimentRow]("fis.experiments")
	levers      = cloud.NewTable[leverRow]("fis.levers")
)

// keptFor is how long FIS tells of experiments (https://docs.aws.amazon.com/fis/latest/userguide/fis-quotas.html).
const keptFor = 120 * 24 * time.Hour

// Gone tells that an experiment is a record of the past.
func (e *experimentRow) Gone() bool { return e.over() }

func (e *experimentRow) over() bool {
	return slices.Contains([]types.ExperimentStatus{
		types.ExperimentStatusCompleted, types.ExperimentStatusStopped, types.ExperimentStatusFailed, types.ExperimentStatusCancelled,
	}, e.Experiment.State.Status)
}

func (e *experimentRow) id() string { return aws.ToString(e.Experiment.Id) }

func templateARN(region, id string) string {
	return cloud.ARN("fis", region, "experiment-template/"+id)
}

func experimentARN(region, id string) string { return cloud.ARN("fis", region, "experiment/"+id) }

func findTemplate(tx *cloud.Tx, region string, id *string) (*templateRow, error) {
	row, err := templates.Get(tx, region, aws.ToString(id))
	if err == nil && row == nil {
		err = missing("experiment template", aws.ToString(id))
	}
	return row, err
}

func findExperiment(tx *cloud.Tx, region string, id *string) (*experimentRow, error) {
	row, err := experiments.Get(tx, region, aws.ToString(id))
	if err == nil && row == nil {
		err = missing("experiment", aws.ToString(id))
	}
	return row, err
}

// actionOver tells that an action will not change any more.
func actionOver(status types.ExperimentActionStatus) bool {
	return slices.Contains([]types.ExperimentActionStatus{
		types.ExperimentActionStatusCompleted, types.ExperimentActionStatusCancelled, types.ExperimentActionStatusStopped,
		types.ExperimentActionStatusFailed, types.ExperimentActionStatusSkipped,
	}, status)
}
