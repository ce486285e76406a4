package cloudwatch

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
)

// SetAlarmState sets an alarm's state by hand, with all that follows from it, until the alarm is evaluated next.
func (s *Service) SetAlarmState(ctx context.Context, in *cloudwatch.SetAlarmStateInput) (*cloudwatch.SetAlarmStateOutput, error) {
	data := aws.ToString(in.StateReasonData)
	if data != "" && !json.Valid([]byte(data)) {
		return nil, cloud.Errorf("InvalidFormat", "StateReasonData was not valid JSON.")
	}
	region := cloud.RegionOf(ctx)
	return &cloudwatch.SetAlarmStateOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		row, err := alarms.Get(tx, region, *in.AlarmName)
		if err != nil {
			return err
		}
		if row == nil {
			return notFound("The alarm %s does not exist.", *in.AlarmName)
		}
		if row.common().state == in.StateValue {
			row.setState(in.StateValue, *in.StateReason, data, s.now())
			return row.put(tx)
		}
		return s.transition(tx, row, in.StateValue, *in.StateReason, data)
	})
}

// EnableAlarmActions lets alarms act again.
func (s *Service) EnableAlarmActions(ctx context.Context, in *cloudwatch.EnableAlarmActionsInput) (*cloudwatch.EnableAlarmActionsOutput, error) {
	return &cloudwatch.EnableAlarmActionsOutput{}, s.setEnabled(cloud.RegionOf(ctx), in.AlarmNames, true)
}

// DisableAlarmActions keeps alarms from acting; they go on changing their state.
func (s *Service) DisableAlarmActions(ctx context.Context, in *cloudwatch.DisableAlarmActionsInput) (*cloudwatch.DisableAlarmActionsOutput, error) {
	return &cloudwatch.DisableAlarmActionsOutput{}, s.setEnabled(cloud.RegionOf(ctx), in.AlarmNames, false)
}

// setEnabled leaves out alarms that are not there, as CloudWatch does.
func (s *Service) setEnabled(region string, names []string, on bool) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		for _, name := range names {
			row, err := alarms.Get(tx, region, name)
			if err != nil {
				return err
			}
			if row == nil || row.common().enabled == on {
				continue
			}
			if row.Metric != nil {
				row.Metric.ActionsEnabled = &on
			} else {
				row.Composite.ActionsEnabled = &on
			}
			if err := s.note(tx, row, configured(row, "updated"), s.now()); err != nil {
				return err
			}
			if err := row.put(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// Change is an alarm's change of state, for people who watch.
type Change struct {
	Region, Alarm string
	Old, New      types.StateValue
	Reason        string
}

// OnChange has a function called for each change of an alarm's state, in the transaction that makes it; it must not
// block. Register before Run.
func (s *Service) OnChange(do func(Change)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers, do)
}

// transition changes an alarm's state with its history and the actions that follow, in one transaction.
func (s *Service) transition(tx *cloud.Tx, row *alarm, state types.StateValue, reason, data string) error {
	before := row.common()
	row.setState(state, reason, data, s.now())
	if err := s.note(tx, row, transitioned(before, row.common()), s.now()); err != nil {
		return err
	}
	if err := s.follow(tx, row, before.state); err != nil {
		return err
	}
	s.mu.Lock()
	watchers := s.watchers
	s.mu.Unlock()
	for _, watcher := range watchers {
		watcher(Change{row.Region, before.name, before.state, state, reason})
	}
	return row.put(tx)
}

// follow has the actions of a new state done, unless a suppressor holds them back.
func (s *Service) follow(tx *cloud.Tx, row *alarm, before types.StateValue) error {
	if row.Composite == nil || row.Composite.ActionsSuppressor == nil {
		return s.enqueue(tx, row, before)
	}
	suppressing, err := s.suppressing(tx, row)
	if err != nil {
		return err
	}
	acts := row.hold(before, suppressing, s.now())
	if !acts {
		return nil
	}
	return s.enqueue(tx, row, before)
}
