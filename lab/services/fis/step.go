package fis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"

	"haven/lab/cloud"
	"haven/lab/timeline"
)

// Error codes of experiments (https://docs.aws.amazon.com/fis/latest/userguide/troubleshooting.html).
const (
	codeConfiguration = "ConfigurationFailure"
	codeTarget        = "InvalidTarget"
	codePrecondition  = "PreconditionFailure"
	codeDependency    = "DependentServiceFailure"
)

// begin lets the experiment start, once its role, its stop conditions and its targets are as they have to be.
func (x *executor) begin(ctx context.Context) error {
	if over, err := x.prevented(); err != nil || over {
		return err
	}
	if err := x.assume(); err != nil {
		return x.fail(codeConfiguration, "role", "Unable to assume role: "+message(err))
	}
	ctx = x.inCall(ctx)
	resolved := map[string][]target{}
	for _, name := range slices.Sorted(maps.Keys(x.row.Experiment.Targets)) {
		if err := x.permitted(x.findNeeds(name)); err != nil {
			return x.fail(codeConfiguration, "targets/"+name, "Target resolution failed: "+message(err))
		}
		found, err := x.service.resolve(ctx, x.row.Experiment.Targets[name])
		if err != nil {
			return fmt.Errorf("resolving target %s: %w", name, err)
		}
		if len(found) == 0 && x.row.Experiment.ExperimentOptions.EmptyTargetResolutionMode == types.EmptyTargetResolutionModeFail {
			return x.fail(codeTarget, "targets/"+name, "Target resolution returned empty set")
		}
		resolved[name] = found
	}
	return x.change(func(tx *cloud.Tx, row *experimentRow) {
		row.Targets = resolved
		row.Experiment.StartTime = x.service.time()
		row.Experiment.State = &types.ExperimentState{Status: types.ExperimentStatusRunning, Reason: aws.String("Experiment is running.")}
		for name, a := range row.Experiment.Actions {
			switch {
			case row.Experiment.ExperimentOptions.ActionsMode == types.ActionsModeSkipAll:
				row.settle(x.service, name, types.ExperimentActionStatusSkipped, "Actions are skipped: actionsMode is skip-all.")
			case slices.ContainsFunc(slices.Collect(maps.Values(a.Targets)), func(t string) bool { return len(resolved[t]) == 0 }):
				row.settle(x.service, name, types.ExperimentActionStatusSkipped, "Target resolution returned empty set")
			}
		}
		row.recordStart(x.service)
		x.service.tellLater(tx, row, "runs by template "+*row.Experiment.ExperimentTemplateId, timeline.Warning)
	})
}

// prevented ends an experiment before it begins where the lever or an alarm says so.
func (x *executor) prevented() (over bool, err error) {
	var how *ending
	err = x.service.store.View(func(tx *cloud.Tx) error {
		state, err := lever(tx, x.region)
		if err == nil && state.Status != types.SafetyLeverStatusDisengaged {
			how = &ending{Status: types.ExperimentStatusCancelled, Reason: "Experiment cancelled by the safety lever."}
			return nil
		}
		if err != nil {
			return err
		}
		how, err = x.alarmed(tx)
		return err
	})
	if err != nil || how == nil {
		return false, err
	}
	return true, x.change(func(tx *cloud.Tx, row *experimentRow) { x.service.finish(tx, row, *how) })
}

// alarmed tells how an experiment has to end because of an alarm, if it has to.
func (x *executor) alarmed(tx *cloud.Tx) (*ending, error) {
	for _, c := range x.row.Experiment.StopConditions {
		if *c.Source != sourceAlarm {
			continue
		}
		if x.service.deps.Alarms == nil {
			return nil, errors.New("CloudWatch is not there to be asked for alarms")
		}
		state, found, err := x.service.deps.Alarms.AlarmState(tx, x.region, *c.Value)
		switch {
		case err != nil:
			return nil, err
		case !found:
			return &ending{types.ExperimentStatusFailed, "The alarm " + *c.Value + " of a stop condition was not found.", x.failure(codePrecondition, "stopConditions")}, nil
		case state == cwtypes.StateValueAlarm:
			return &ending{Status: types.ExperimentStatusStopped, Reason: "Experiment halted by stop condition."}, nil
		}
	}
	return nil, nil
}

func (x *executor) failure(code, location string) *types.ExperimentError {
	return &types.ExperimentError{AccountId: aws.String(cloud.Account), Code: aws.String(code), Location: aws.String(location)}
}

// fail ends the experiment as failed, once what runs of it is put back.
func (x *executor) fail(code, location, why string) error {
	return x.change(func(tx *cloud.Tx, row *experimentRow) {
		x.service.halt(tx, row, ending{types.ExperimentStatusFailed, why, x.failure(code, location)})
	})
}

// advance goes through the actions: those that may begin do, those that are done end.
func (x *executor) advance(ctx context.Context) error {
	if stop, err := x.mustStop(); err != nil || stop {
		return err
	}
	if err := x.assume(); err != nil {
		return x.fail(codeConfiguration, "role", "Unable to assume role: "+message(err))
	}
	ctx = x.inCall(ctx)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(x.row.Experiment.Actions)) {
		if err := x.move(ctx, name); errors.Is(err, errHalted) {
			return nil
		} else if err != nil {
			errs = append(errs, fmt.Errorf("action %s: %w", name, err))
		}
		if x.row.Ending != nil {
			return errors.Join(errs...)
		}
	}
	if x.settled() {
		errs = append(errs, x.change(func(tx *cloud.Tx, row *experimentRow) {
			x.service.finish(tx, row, ending{Status: types.ExperimentStatusCompleted, Reason: "Experiment completed."})
		}))
	}
	return errors.Join(errs...)
}

// mustStop halts the experiment where an alarm or the lever says so.
func (x *executor) mustStop() (bool, error) {
	var how *ending
	err := x.service.store.View(func(tx *cloud.Tx) error {
		state, err := lever(tx, x.region)
		if err == nil && state.Status != types.SafetyLeverStatusDisengaged {
			how = &ending{Status: types.ExperimentStatusStopped, Reason: "Experiment stopped by the safety lever."}
			return nil
		}
		if err == nil {
			how, err = x.alarmed(tx)
		}
		return err
	})
	if err != nil || how == nil {
		return false, err
	}
	return true, x.change(func(tx *cloud.Tx, row *experimentRow) { x.service.halt(tx, row, *how) })
}

// settled tells that no action has anything to do any more.
func (x *executor) settled() bool {
	for _, a := range x.row.Experiment.Actions {
		if !actionOver(a.State.Status) {
			return false
		}
	}
	return true
}

// move takes one action a step on.
func (x *executor) move(ctx context.Context, name string) error {
	switch x.row.Experiment.Actions[name].State.Status {
	case types.ExperimentActionStatusPending:
		for _, before := range x.row.Experiment.Actions[name].StartAfter {
			if status := x.row.Experiment.Actions[before].State.Status; status != types.ExperimentActionStatusCompleted && status != types.ExperimentActionStatusSkipped {
				return nil
			}
		}
		return x.start(ctx, name)
	case types.ExperimentActionStatusInitiating: // the lab was killed, or it could not be done at once
		return x.do(ctx, name)
	case types.ExperimentActionStatusRunning:
		return x.look(ctx, name)
	}
	return nil
}

// start asks for permission and begins an action.
func (x *executor) start(ctx context.Context, name string) error {
	d := x.deed(name)
	if d.action.needs != nil {
		if err := x.permitted(d.action.needs(d)); err != nil {
			return x.failAction(name, codeConfiguration, "Unable to perform action: "+message(err))
		}
	}
	err := x.change(func(_ *cloud.Tx, row *experimentRow) {
		row.settle(x.service, name, types.ExperimentActionStatusInitiating, "Action is initiating.")
		if until := d.until(x.service.now()); !until.IsZero() {
			row.Runs[name].Until = until
		}
		row.recordAction(x.service, "action-start", name)
	})
	if err != nil {
		return err
	}
	return x.do(ctx, name)
}

func (x *executor) do(ctx context.Context, name string) error {
	d := x.deed(name)
	if err := d.action.begin(ctx, d); err != nil {
		return x.failAction(name, codeDependency, message(err))
	}
	if d.action.look == nil {
		return x.complete(name)
	}
	return x.change(func(_ *cloud.Tx, row *experimentRow) {
		row.settle(x.service, name, types.ExperimentActionStatusRunning, "Action is running.")
	})
}

func (x *executor) look(ctx context.Context, name string) error {
	d := x.deed(name)
	done, err := d.action.look(ctx, d)
	if err != nil {
		return x.failAction(name, codeDependency, message(err))
	}
	if !done {
		return nil
	}
	if d.action.back != nil {
		var lost lostError
		if err := d.action.back(ctx, d); errors.As(err, &lost) {
			return x.failAction(name, codeDependency, lost.Error())
		} else if err != nil {
			return err // tried again
		}
	}
	return x.complete(name)
}

func (x *executor) complete(name string) error {
	return x.change(func(_ *cloud.Tx, row *experimentRow) {
		row.settle(x.service, name, types.ExperimentActionStatusCompleted, "Action was completed.")
		row.recordAction(x.service, "action-end", name)
	})
}

// failAction ends an action, and with it the experiment.
func (x *executor) failAction(name, code, why string) error {
	return x.change(func(tx *cloud.Tx, row *experimentRow) {
		row.settle(x.service, name, types.ExperimentActionStatusFailed, why)
		row.recordAction(x.service, "action-error", name)
		x.service.halt(tx, row, ending{types.ExperimentStatusFailed, "Action " + name + " failed: " + why, x.failure(code, "actions/"+name)})
	})
}

// unwind puts back what the actions changed, also the one that failed, and then ends the experiment.
func (x *executor) unwind(ctx context.Context) error {
	if err := x.assume(); err != nil { // what was changed is put back all the same
		x.who = cloud.Principal{ARN: aws.ToString(x.row.Experiment.RoleArn)}
	}
	ctx = x.inCall(ctx)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(x.row.Experiment.Actions)) {
		if err := x.undo(ctx, name); err != nil {
			errs = append(errs, fmt.Errorf("putting back what action %s changed: %w", name, err))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return x.change(func(tx *cloud.Tx, row *experimentRow) { x.service.finish(tx, row, *row.Ending) })
}

func (x *executor) undo(ctx context.Context, name string) error {
	state := x.row.Experiment.Actions[name].State
	after := types.ExperimentActionStatusStopped
	switch {
	case state.Status == types.ExperimentActionStatusPending:
		return x.change(func(_ *cloud.Tx, row *experimentRow) {
			row.settle(x.service, name, types.ExperimentActionStatusCancelled, "Action was cancelled.")
		})
	case state.Status == types.ExperimentActionStatusFailed:
		after = types.ExperimentActionStatusFailed
	case actionOver(state.Status):
		return nil
	case state.Status != types.ExperimentActionStatusStopping:
		err := x.change(func(_ *cloud.Tx, row *experimentRow) {
			row.settle(x.service, name, types.ExperimentActionStatusStopping, "Action is being stopped.")
		})
		if err != nil {
			return err
		}
	}
	why := "Action was stopped."
	d := x.deed(name)
	if d.action.back != nil && !d.run.nothing() {
		var lost lostError
		if err := d.action.back(ctx, d); errors.As(err, &lost) {
			why = "Action was stopped: " + lost.Error()
		} else if err != nil {
			return err
		}
	}
	if after == types.ExperimentActionStatusFailed {
		return nil
	}
	return x.change(func(_ *cloud.Tx, row *experimentRow) {
		row.settle(x.service, name, after, why)
		row.recordAction(x.service, "action-end", name)
	})
}

// finish ends an experiment for good.
func (s *Service) finish(tx *cloud.Tx, row *experimentRow, how ending) {
	row.Ending = &how
	row.Experiment.EndTime = s.time()
	row.Experiment.State = &types.ExperimentState{Status: how.Status, Reason: aws.String(how.Reason), Error: how.Error}
	for name, a := range row.Experiment.Actions {
		if !actionOver(a.State.Status) {
			row.settle(s, name, types.ExperimentActionStatusCancelled, "Action was cancelled.")
		}
	}
	row.recordEnd(s)
	severity := timeline.Good
	if how.Status == types.ExperimentStatusFailed {
		severity = timeline.Warning
	}
	s.tellLater(tx, row, "is "+string(how.Status)+": "+strings.TrimSuffix(how.Reason, "."), severity)
}

// settle gives an action another state, with the times that go with it.
func (e *experimentRow) settle(s *Service, name string, status types.ExperimentActionStatus, why string) {
	a := e.Experiment.Actions[name]
	if a.StartTime == nil && status == types.ExperimentActionStatusInitiating {
		a.StartTime = s.time()
	}
	if actionOver(status) && a.StartTime != nil {
		a.EndTime = s.time()
	}
	a.State = &types.ExperimentActionState{Status: status, Reason: aws.String(why)}
	e.Experiment.Actions[name] = a
}

// message is the text of an API's error, without its code.
func message(err error) string {
	var e *cloud.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}
