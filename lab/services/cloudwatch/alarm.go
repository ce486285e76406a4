package cloudwatch

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
)

// alarm is a metric alarm or a composite one.
type alarm struct {
	Region    string
	Metric    *types.MetricAlarm    `json:",omitempty"`
	Composite *types.CompositeAlarm `json:",omitempty"`
	Tags      map[string]string     `json:",omitempty"`
	Newest    float64               // the newest breaching datapoint, for actions
	Breaching []float64             `json:",omitempty"` // and those before it that count, oldest first
	Held      *held                 `json:",omitempty"` // of a composite alarm with a suppressor
}

var alarms = cloud.NewTable[alarm]("cloudwatch.alarms")

func alarmARN(region, name string) string { return cloud.ARN("cloudwatch", region, "alarm:"+name) }

// alarmName returns the name of an alarm that is given by its name or ARN.
func alarmName(region, nameOrARN string) string {
	return strings.TrimPrefix(nameOrARN, alarmARN(region, ""))
}

// common is what both kinds of alarms have.
type common struct {
	name, arn                             string
	description                           *string
	enabled                               bool
	state                                 types.StateValue
	reason, reasonData                    *string
	updated                               time.Time // of the state
	configured                            time.Time
	okActions, alarmActions, otherActions []string
}

func (a *alarm) common() common {
	if m := a.Metric; m != nil {
		return common{
			name: *m.AlarmName, arn: *m.AlarmArn, description: m.AlarmDescription, enabled: aws.ToBool(m.ActionsEnabled), state: m.StateValue,
			reason: m.StateReason, reasonData: m.StateReasonData, updated: *m.StateUpdatedTimestamp, configured: *m.AlarmConfigurationUpdatedTimestamp,
			okActions: m.OKActions, alarmActions: m.AlarmActions, otherActions: m.InsufficientDataActions,
		}
	}
	c := a.Composite
	return common{
		name: *c.AlarmName, arn: *c.AlarmArn, description: c.AlarmDescription, enabled: aws.ToBool(c.ActionsEnabled), state: c.StateValue,
		reason: c.StateReason, reasonData: c.StateReasonData, updated: *c.StateUpdatedTimestamp, configured: *c.AlarmConfigurationUpdatedTimestamp,
		okActions: c.OKActions, alarmActions: c.AlarmActions, otherActions: c.InsufficientDataActions,
	}
}

// actions returns the actions of a state.
func (c common) actions(state types.StateValue) []string {
	switch state {
	case types.StateValueOk:
		return c.okActions
	case types.StateValueAlarm:
		return c.alarmActions
	}
	return c.otherActions
}

func (a *alarm) kind() types.AlarmType {
	if a.Metric != nil {
		return types.AlarmTypeMetricAlarm
	}
	return types.AlarmTypeCompositeAlarm
}

// setState sets the state with its reason; the reason's data are JSON, or empty.
func (a *alarm) setState(state types.StateValue, reason, data string, at time.Time) {
	var given *string
	if data != "" {
		given = &data
	}
	changed := a.common().state != state
	if m := a.Metric; m != nil {
		m.StateValue, m.StateReason, m.StateReasonData, m.StateUpdatedTimestamp = state, &reason, given, &at
		if changed {
			m.StateTransitionedTimestamp = &at
		}
		return
	}
	c := a.Composite
	c.StateValue, c.StateReason, c.StateReasonData, c.StateUpdatedTimestamp = state, &reason, given, &at
	if changed {
		c.StateTransitionedTimestamp = &at
	}
}

func (a *alarm) put(tx *cloud.Tx) error { return alarms.Put(tx, a.Region, a.common().name, a) }

// find returns an alarm, or nil.
func find(tx *cloud.Tx, region, nameOrARN string) (*alarm, error) {
	return alarms.Get(tx, region, alarmName(region, nameOrARN))
}

// initialReason is what a new alarm says of its state.
const initialReason = "Unchecked: Initial alarm creation"

// PutMetricAlarm makes or changes an alarm on a metric or an expression.
func (s *Service) PutMetricAlarm(ctx context.Context, in *cloudwatch.PutMetricAlarmInput) (*cloudwatch.PutMetricAlarmOutput, error) {
	return &cloudwatch.PutMetricAlarmOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		_, err := s.PutAlarm(tx, cloud.RegionOf(ctx), in)
		return err
	})
}

// PutAlarm is PutMetricAlarm for services that make alarms of their own, as target tracking does, in their transaction.
func (s *Service) PutAlarm(tx *cloud.Tx, region string, in *cloudwatch.PutMetricAlarmInput) (arn string, err error) {
	if err := checkAlarm(region, in); err != nil {
		return "", err
	}
	existing, err := alarms.Get(tx, region, *in.AlarmName)
	if err != nil {
		return "", err
	}
	if existing != nil && existing.Metric == nil {
		return "", validation("The alarm %s is a composite alarm; a metric alarm cannot have its name.", *in.AlarmName)
	}
	now := s.now()
	made := &types.MetricAlarm{
		AlarmName: in.AlarmName, AlarmArn: aws.String(alarmARN(region, *in.AlarmName)), AlarmDescription: in.AlarmDescription,
		ActionsEnabled: enabled(in.ActionsEnabled), OKActions: list(in.OKActions), AlarmActions: list(in.AlarmActions),
		InsufficientDataActions: list(in.InsufficientDataActions), AlarmConfigurationUpdatedTimestamp: &now,
		MetricName: in.MetricName, Namespace: in.Namespace, Statistic: in.Statistic, ExtendedStatistic: in.ExtendedStatistic,
		Dimensions: list(in.Dimensions), Period: in.Period, Unit: in.Unit, EvaluationPeriods: in.EvaluationPeriods,
		DatapointsToAlarm: in.DatapointsToAlarm, Threshold: in.Threshold, ComparisonOperator: in.ComparisonOperator,
		TreatMissingData: in.TreatMissingData, EvaluateLowSampleCountPercentile: in.EvaluateLowSampleCountPercentile, Metrics: in.Metrics,
		StateValue: types.StateValueInsufficientData, StateReason: aws.String(initialReason), StateUpdatedTimestamp: &now, StateTransitionedTimestamp: &now,
	}
	row := &alarm{Region: region, Metric: made, Tags: tagMap(in.Tags)}
	if existing != nil {
		old := existing.Metric
		made.StateValue, made.StateReason, made.StateReasonData = old.StateValue, old.StateReason, old.StateReasonData
		made.StateUpdatedTimestamp, made.StateTransitionedTimestamp = old.StateUpdatedTimestamp, old.StateTransitionedTimestamp
		row.Tags, row.Newest, row.Breaching = existing.Tags, existing.Newest, existing.Breaching
	}
	if err := checkTags(row.Tags); err != nil {
		return "", err
	}
	return *made.AlarmArn, s.configure(tx, row, existing)
}

// configure puts an alarm and notes the change in its history.
func (s *Service) configure(tx *cloud.Tx, row, existing *alarm) error {
	what := "created"
	if existing != nil {
		what = "updated"
	}
	if err := s.note(tx, row, configured(row, what), s.now()); err != nil {
		return err
	}
	return row.put(tx)
}

func enabled(given *bool) *bool { return aws.Bool(given == nil || *given) }

func list[E any](given []E) []E { return append([]E{}, given...) }

// DeleteAlarms deletes alarms, all or none: not one that a composite alarm stands on.
func (s *Service) DeleteAlarms(ctx context.Context, in *cloudwatch.DeleteAlarmsInput) (*cloudwatch.DeleteAlarmsOutput, error) {
	if len(in.AlarmNames) > 100 {
		return nil, validation("The collection AlarmNames must not have a size greater than 100.")
	}
	region := cloud.RegionOf(ctx)
	return &cloudwatch.DeleteAlarmsOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		composites := 0
		for _, name := range in.AlarmNames {
			row, err := alarms.Get(tx, region, name)
			if err != nil {
				return err
			}
			if row == nil {
				return notFound("The alarm %s does not exist.", name)
			}
			if row.Composite != nil {
				composites++
			}
		}
		if composites > 1 {
			return validation("One call deletes one composite alarm at most.")
		}
		for _, name := range in.AlarmNames {
			if err := s.deleteAlarm(tx, region, name, in.AlarmNames); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteAlarm deletes an alarm in another service's transaction; one that is not there is no error.
func (s *Service) DeleteAlarm(tx *cloud.Tx, region, name string) error {
	return s.deleteAlarm(tx, region, name, []string{name})
}

func (s *Service) deleteAlarm(tx *cloud.Tx, region, name string, together []string) error {
	row, err := alarms.Get(tx, region, name)
	if err != nil || row == nil {
		return err
	}
	users, err := compositesOn(tx, region, name)
	if err != nil {
		return err
	}
	users = slices.DeleteFunc(users, func(user string) bool { return slices.Contains(together, user) })
	if len(users) > 0 {
		return validation("Cannot delete %s as there are composite alarm(s) depending on it: %s. Update or delete them first.", name, strings.Join(users, ", "))
	}
	if err := s.note(tx, row, configured(row, "deleted"), s.now()); err != nil {
		return err
	}
	return alarms.Delete(tx, region, name)
}

// AlarmState returns the state of an alarm, by its name or ARN.
func (s *Service) AlarmState(tx *cloud.Tx, region, nameOrARN string) (state types.StateValue, found bool, err error) {
	row, err := find(tx, region, nameOrARN)
	if err != nil || row == nil {
		return "", false, err
	}
	return row.common().state, true, nil
}
