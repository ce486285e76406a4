package cloudwatch

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatch/rule"
)

// PutCompositeAlarm makes or changes an alarm that stands on other alarms.
func (s *Service) PutCompositeAlarm(ctx context.Context, in *cloudwatch.PutCompositeAlarmInput) (*cloudwatch.PutCompositeAlarmOutput, error) {
	region := cloud.RegionOf(ctx)
	if err := checkComposite(region, in); err != nil {
		return nil, err
	}
	return &cloudwatch.PutCompositeAlarmOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		existing, err := alarms.Get(tx, region, *in.AlarmName)
		if err != nil {
			return err
		}
		if existing != nil && existing.Composite == nil {
			return validation("The alarm %s is a metric alarm; a composite alarm cannot have its name.", *in.AlarmName)
		}
		if err := checkChildren(tx, region, in); err != nil {
			return err
		}
		row := s.newComposite(region, in, existing)
		if err := checkTags(row.Tags); err != nil {
			return err
		}
		return s.configure(tx, row, existing)
	})
}

func (s *Service) newComposite(region string, in *cloudwatch.PutCompositeAlarmInput, existing *alarm) *alarm {
	now := s.now()
	made := &types.CompositeAlarm{
		AlarmName: in.AlarmName, AlarmArn: aws.String(alarmARN(region, *in.AlarmName)), AlarmDescription: in.AlarmDescription,
		AlarmRule: in.AlarmRule, ActionsEnabled: enabled(in.ActionsEnabled), OKActions: list(in.OKActions), AlarmActions: list(in.AlarmActions),
		InsufficientDataActions: list(in.InsufficientDataActions), AlarmConfigurationUpdatedTimestamp: &now,
		ActionsSuppressor: in.ActionsSuppressor, ActionsSuppressorWaitPeriod: in.ActionsSuppressorWaitPeriod,
		ActionsSuppressorExtensionPeriod: in.ActionsSuppressorExtensionPeriod,
		StateValue:                       types.StateValueInsufficientData, StateReason: aws.String(initialReason), StateUpdatedTimestamp: &now, StateTransitionedTimestamp: &now,
	}
	row := &alarm{Region: region, Composite: made, Tags: tagMap(in.Tags)}
	if existing != nil {
		old := existing.Composite
		made.StateValue, made.StateReason, made.StateReasonData = old.StateValue, old.StateReason, old.StateReasonData
		made.StateUpdatedTimestamp, made.StateTransitionedTimestamp = old.StateUpdatedTimestamp, old.StateTransitionedTimestamp
		row.Tags = existing.Tags
		if in.ActionsSuppressor != nil {
			row.Held = existing.Held
		}
	}
	return row
}

func checkComposite(region string, in *cloudwatch.PutCompositeAlarmInput) error {
	if err := checkName(*in.AlarmName); err != nil {
		return err
	}
	if _, err := rule.Parse(*in.AlarmRule); err != nil {
		return validation("Error in AlarmRule: %v.", err)
	}
	for _, actions := range [][]string{in.OKActions, in.AlarmActions, in.InsufficientDataActions} {
		if err := checkActions(region, actions); err != nil {
			return err
		}
		for _, arn := range actions {
			if actionService(arn) != "sns" {
				return validation("Invalid action %s: the lab's composite alarms notify SNS topics only.", arn)
			}
		}
	}
	if in.ActionsSuppressor == nil {
		if in.ActionsSuppressorWaitPeriod != nil || in.ActionsSuppressorExtensionPeriod != nil {
			return validation("ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod need an ActionsSuppressor.")
		}
		return nil
	}
	wait, extension := in.ActionsSuppressorWaitPeriod, in.ActionsSuppressorExtensionPeriod
	if wait == nil || extension == nil || *wait < 0 || *extension < 0 {
		return validation("An ActionsSuppressor needs ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod, in seconds.")
	}
	return nil
}

// checkChildren checks that the alarms that a composite alarm names are there.
func checkChildren(tx *cloud.Tx, region string, in *cloudwatch.PutCompositeAlarmInput) error {
	parsed, err := rule.Parse(*in.AlarmRule)
	if err != nil {
		return err
	}
	names := parsed.Alarms()
	if in.ActionsSuppressor != nil {
		names = append(names, *in.ActionsSuppressor)
	}
	for _, name := range names {
		child, err := find(tx, region, name)
		if err != nil {
			return err
		}
		if child == nil {
			return validation("The alarm %s, which the composite alarm %s names, does not exist in %s.", name, *in.AlarmName, region)
		}
		circle, err := standsOn(tx, child, *in.AlarmName, map[string]bool{})
		if err != nil {
			return err
		}
		if circle {
			return validation("The composite alarm %s would stand on itself, through %s: the lab refuses circles, which AWS would never evaluate.", *in.AlarmName, name)
		}
	}
	return nil
}

// standsOn tells whether an alarm is another one, or stands on it through any others.
func standsOn(tx *cloud.Tx, row *alarm, name string, seen map[string]bool) (bool, error) {
	is := row.common().name
	if is == name {
		return true, nil
	}
	if row.Composite == nil || seen[is] {
		return false, nil
	}
	seen[is] = true
	parsed, err := rule.Parse(*row.Composite.AlarmRule)
	if err != nil {
		return false, err
	}
	for _, child := range parsed.Alarms() {
		next, err := find(tx, row.Region, child)
		if err != nil {
			return false, err
		}
		if next == nil {
			continue
		}
		if found, err := standsOn(tx, next, name, seen); err != nil || found {
			return found, err
		}
	}
	return false, nil
}

// compositesOn returns the names of the composite alarms that stand on an alarm.
func compositesOn(tx *cloud.Tx, region, name string) (users []string, err error) {
	all, err := alarms.List(tx, region)
	if err != nil {
		return nil, err
	}
	for _, row := range all {
		c := row.Composite
		if c == nil || *c.AlarmName == name {
			continue
		}
		parsed, err := rule.Parse(*c.AlarmRule)
		if err != nil {
			return nil, err
		}
		on := parsed.Alarms()
		if c.ActionsSuppressor != nil {
			on = append(on, *c.ActionsSuppressor)
		}
		for _, child := range on {
			if alarmName(region, child) == name {
				users = append(users, *c.AlarmName)
				break
			}
		}
	}
	return users, nil
}

// compositeReason words a composite alarm's state: which of its alarms decided, and when.
func compositeReason(c *types.CompositeAlarm, state types.StateValue, deciding []*alarm) string {
	if len(deciding) == 0 {
		return *c.AlarmArn + " is " + string(state) + " by its rule alone"
	}
	var parts []string
	for _, child := range deciding {
		is := child.common()
		parts = append(parts, is.arn+" transitioned to "+string(is.state)+" at "+is.updated.UTC().Format("Monday 02 January, 2006 15:04:05 UTC"))
	}
	return strings.Join(parts, ", ")
}
