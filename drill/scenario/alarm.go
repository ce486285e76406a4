package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/target"
)

// alarms returns the declared alarms by their roles.
func (s Stage) alarms(ctx context.Context) (map[string]cwtypes.MetricAlarm, error) {
	var names []string
	for _, name := range s.Outputs.Monitoring.Alarms {
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, errors.New("the stack declares no alarms; type: pulumi up")
	}
	out, err := cloudwatch.NewFromConfig(s.Config).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: names})
	if err != nil {
		return nil, fmt.Errorf("looking at the alarms: %w", err)
	}
	alarms := map[string]cwtypes.MetricAlarm{}
	for role, name := range s.Outputs.Monitoring.Alarms {
		i := slices.IndexFunc(out.MetricAlarms, func(a cwtypes.MetricAlarm) bool { return aws.ToString(a.AlarmName) == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no alarm %s, which the stack declares as %s; type: pulumi up --refresh", name, role)
		}
		alarms[role] = out.MetricAlarms[i]
	}
	return alarms, nil
}

// alarmOf returns the alarm of a role and how long it may take from a cause until everyone is told of it.
func (s Stage) alarmOf(ctx context.Context, role string) (alarm cwtypes.MetricAlarm, limit budget.Budget, err error) {
	alarms, err := s.alarms(ctx)
	if err != nil {
		return alarm, limit, err
	}
	alarm, ok := alarms[role]
	if !ok {
		return alarm, limit, fmt.Errorf("the stack declares no alarm %s; type: pulumi up", role)
	}
	limit, err = budget.ForAlarm(budget.Alarm{Period: periodOf(alarm), Datapoints: int(aws.ToInt32(alarm.EvaluationPeriods))})
	return alarm, limit, err
}

// periodOf is the period of the alarm's metric, or the longest of those that it computes with.
func periodOf(alarm cwtypes.MetricAlarm) time.Duration {
	seconds := aws.ToInt32(alarm.Period)
	for _, query := range alarm.Metrics {
		if query.MetricStat != nil {
			seconds = max(seconds, aws.ToInt32(query.MetricStat.Period))
		}
	}
	return time.Duration(seconds) * time.Second
}

// awaitChanges waits until all alarms are in a state.
func (s Stage) awaitChanges(ctx context.Context, state cwtypes.StateValue, limit time.Duration) error {
	return target.Await(ctx, fmt.Sprintf("all alarms to be %s", state), limit, func(ctx context.Context) error {
		alarms, err := s.alarms(ctx)
		if err != nil {
			return err
		}
		for role, alarm := range alarms {
			if alarm.StateValue != state {
				return fmt.Errorf("%s is %s: %s", role, alarm.StateValue, aws.ToString(alarm.StateReason))
			}
		}
		return nil
	})
}

// change is an alarm's change to a state, not before since, which its cause at a moment should bring about.
type change struct {
	to           cwtypes.StateValue
	since, cause time.Time
}

// alarmTold says that the alarm of a role changed as it should have, in its declared time after each cause, and that everyone was told.
func (s Stage) alarmTold(ctx context.Context, role string, changes ...change) (found []check.Finding, err error) {
	alarm, limit, err := s.alarmOf(ctx, role)
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		more, err := s.changedInTime(ctx, *alarm.AlarmName, c.to, c.since, c.cause, limit)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// changedInTime says that an alarm came into a state after since, and no later than its limit after the cause, and that everyone was told.
func (s Stage) changedInTime(ctx context.Context, alarm string, state cwtypes.StateValue, since, cause time.Time, limit budget.Budget) ([]check.Finding, error) {
	var at time.Time
	err := target.Await(ctx, fmt.Sprintf("alarm %s to be %s", alarm, state), time.Until(cause.Add(limit.Total()))+delivering(), func(ctx context.Context) (err error) {
		at, err = s.changed(ctx, alarm, state, since)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return nil, err
	case err != nil:
		return []check.Finding{{Promise: check.ErrAlarm, Text: err.Error()}}, nil
	case at.Sub(cause) > limit.Total():
		return []check.Finding{{Promise: check.ErrAlarm, Text: fmt.Sprintf("alarm %s was %s after %s, the limit is %s", alarm, state, at.Sub(cause).Round(time.Second), limit)}}, nil
	}
	s.Mark("alarm "+string(state), alarm)
	return s.toldOfAlarm(ctx, alarm, state, since, at.Sub(since)+budget.Delivery().Total(), delivering())
}

// awaitAlarm waits until the alarm of a role is in a state, for as long as it may take. That it is not breaks a promise.
func (s Stage) awaitAlarm(ctx context.Context, role string, state cwtypes.StateValue) error {
	alarm, limit, err := s.alarmOf(ctx, role)
	if err != nil {
		return err
	}
	err = target.Await(ctx, fmt.Sprintf("alarm %s to be %s", aws.ToString(alarm.AlarmName), state), limit.Total()+delivering(), func(ctx context.Context) error {
		alarms, err := s.alarms(ctx)
		if err != nil {
			return err
		}
		if now := alarms[role]; now.StateValue != state {
			return fmt.Errorf("it is %s: %s", now.StateValue, aws.ToString(now.StateReason))
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		return check.Finding{Promise: check.ErrAlarm, Text: err.Error()}
	}
	return err
}

// changed returns when an alarm first came into a state since a moment. An error says that it has not.
func (s Stage) changed(ctx context.Context, alarm string, state cwtypes.StateValue, since time.Time) (first time.Time, err error) {
	pages := cloudwatch.NewDescribeAlarmHistoryPaginator(cloudwatch.NewFromConfig(s.Config), &cloudwatch.DescribeAlarmHistoryInput{
		AlarmName: &alarm, HistoryItemType: cwtypes.HistoryItemTypeStateUpdate, StartDate: aws.Time(since.Add(-clockSkew)),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return first, err
		}
		for _, item := range page.AlarmHistoryItems {
			var data struct {
				New struct {
					State cwtypes.StateValue `json:"stateValue"`
				} `json:"newState"`
			}
			if err := json.Unmarshal([]byte(aws.ToString(item.HistoryData)), &data); err != nil {
				return first, fmt.Errorf("the history of alarm %s: %w", alarm, err)
			}
			if at := aws.ToTime(item.Timestamp); data.New.State == state && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
	}
	if first.IsZero() {
		return first, fmt.Errorf("it has not been so since %s", since.UTC().Format(time.TimeOnly))
	}
	return first, nil
}
