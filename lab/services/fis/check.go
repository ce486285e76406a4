package fis

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"

	"haven/lab/cloud"
)

// Sources of stop conditions.
const (
	sourceNone  = "none"
	sourceAlarm = "aws:cloudwatch:alarm"
)

// check finds what is wrong with a template before anything runs by it.
func (s *Service) check(t *types.ExperimentTemplate) error {
	if t.ExperimentOptions.AccountTargeting == types.AccountTargetingMultiAccount {
		return unsupported("experiments in several accounts (accountTargeting multi-account)")
	}
	if parts := strings.Split(aws.ToString(t.RoleArn), ":"); len(parts) != 6 || parts[2] != "iam" || !strings.HasPrefix(parts[5], "role/") {
		return invalid("The role ARN %s is not valid.", aws.ToString(t.RoleArn))
	}
	if len(t.Actions) == 0 {
		return invalid("An experiment template must have at least one action.")
	}
	for _, name := range slices.Sorted(maps.Keys(t.Targets)) {
		if err := checkTarget(name, t.Targets[name]); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Actions)) {
		if err := s.checkAction(t, name); err != nil {
			return err
		}
	}
	if err := checkOrder(t.Actions); err != nil {
		return err
	}
	if err := s.checkConditions(t.StopConditions); err != nil {
		return err
	}
	return checkLog(t.LogConfiguration)
}

func checkTarget(name string, t types.ExperimentTemplateTarget) error {
	kind, ok := resourceTypes[aws.ToString(t.ResourceType)]
	if !ok {
		return unsupported("the resource type %s of target %s; it has %s", aws.ToString(t.ResourceType), name, strings.Join(slices.Sorted(maps.Keys(resourceTypes)), ", "))
	}
	if len(t.ResourceArns) > 0 && (len(t.ResourceTags) > 0 || len(t.Filters) > 0 || len(t.Parameters) > 0) {
		return invalid("Target %s: resource ARNs can't be combined with tags, filters or parameters.", name)
	}
	if len(t.ResourceArns)+len(t.ResourceTags)+len(t.Filters)+len(t.Parameters) == 0 {
		return invalid("Target %s needs resource ARNs, tags, filters or parameters.", name)
	}
	for _, arn := range t.ResourceArns {
		parts := strings.SplitN(arn, ":", 6)
		if len(parts) != 6 || parts[0] != "arn" || parts[2] != kind.service || !strings.HasPrefix(parts[5], kind.prefix) {
			return invalid("Target %s: %s is not the ARN of a resource of type %s.", name, arn, *t.ResourceType)
		}
	}
	for parameter := range t.Parameters {
		if _, ok := kind.parameters[parameter]; !ok {
			return invalid("Target %s: resource type %s has no parameter %s.", name, *t.ResourceType, parameter)
		}
	}
	for _, f := range t.Filters {
		if aws.ToString(f.Path) == "" || len(f.Values) == 0 {
			return invalid("Target %s: a filter needs a path and values.", name)
		}
		if err := kind.knows(*f.Path); err != nil {
			return invalid("Target %s: %v", name, err)
		}
	}
	_, err := selected(aws.ToString(t.SelectionMode), 1)
	if err != nil {
		return invalid("Target %s: %v", name, err)
	}
	return nil
}

func (s *Service) checkAction(t *types.ExperimentTemplate, name string) error {
	given := t.Actions[name]
	id := aws.ToString(given.ActionId)
	a, ok := actions[id]
	switch {
	case !ok && refusedAction(id):
		return unsupported("the action %s (of %s)", id, name)
	case !ok:
		return invalid("Action %s: there is no action %s. The lab has %s.", name, id, strings.Join(slices.Sorted(maps.Keys(actions)), ", "))
	case a.available != nil && !a.available(s):
		return unsupported("the action %s: the service behind it is not there", id)
	}
	for key, parameter := range a.parameters {
		value, there := given.Parameters[key]
		if !there && parameter.required {
			return invalid("Action %s: the parameter %s is required.", name, key)
		}
		if there && parameter.check != nil {
			if err := parameter.check(value); err != nil {
				return invalid("Action %s: parameter %s: %v", name, key, err)
			}
		}
	}
	for key := range given.Parameters {
		if _, ok := a.parameters[key]; !ok {
			return invalid("Action %s: %s has no parameter %s.", name, id, key)
		}
	}
	for key, kind := range a.targets {
		wanted, ok := given.Targets[key]
		if !ok {
			return invalid("Action %s: the target %s is required.", name, key)
		}
		found, ok := t.Targets[wanted]
		if !ok {
			return invalid("Action %s: there is no target %s in the template.", name, wanted)
		}
		if aws.ToString(found.ResourceType) != kind {
			return invalid("Action %s: target %s is of type %s, not %s.", name, wanted, aws.ToString(found.ResourceType), kind)
		}
	}
	for key := range given.Targets {
		if _, ok := a.targets[key]; !ok {
			return invalid("Action %s: %s has no target %s.", name, id, key)
		}
	}
	return nil
}

// checkOrder finds actions that wait for what is not there, or in a circle for themselves.
func checkOrder(all map[string]types.ExperimentTemplateAction) error {
	state := map[string]int{} // 1: being looked at, 2: sound
	var visit func(name string) error
	visit = func(name string) error {
		switch state[name] {
		case 1:
			return invalid("Action %s starts after itself.", name)
		case 2:
			return nil
		}
		state[name] = 1
		for _, before := range all[name].StartAfter {
			if _, ok := all[before]; !ok {
				return invalid("Action %s starts after %s, which is not there.", name, before)
			}
			if err := visit(before); err != nil {
				return err
			}
		}
		state[name] = 2
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := visit(name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) checkConditions(all []types.ExperimentTemplateStopCondition) error {
	if len(all) == 0 {
		return invalid("An experiment template needs a stop condition, which may be \"none\".")
	}
	for _, c := range all {
		switch aws.ToString(c.Source) {
		case sourceNone:
			if c.Value != nil || len(all) > 1 {
				return invalid("The stop condition \"none\" stands alone and has no value.")
			}
		case sourceAlarm:
			if !strings.HasPrefix(aws.ToString(c.Value), "arn:"+cloud.Partition+":cloudwatch:") {
				return invalid("The stop condition's value %q is not the ARN of an alarm.", aws.ToString(c.Value))
			}
			if s.deps.Alarms == nil {
				return unsupported("stop conditions by alarm: CloudWatch is not there")
			}
		default:
			return invalid("The stop condition's source %q is neither %s nor %s.", aws.ToString(c.Source), sourceNone, sourceAlarm)
		}
	}
	return nil
}

func checkLog(log *types.ExperimentTemplateLogConfiguration) error {
	if log == nil {
		return nil
	}
	if version := aws.ToInt32(log.LogSchemaVersion); version != 1 && version != 2 {
		return invalid("The log schema version %d is neither 1 nor 2.", version)
	}
	if log.CloudWatchLogsConfiguration == nil && log.S3Configuration == nil {
		return invalid("A log configuration needs a log group or a bucket.")
	}
	if log.CloudWatchLogsConfiguration != nil {
		if _, ok := logGroup(log.CloudWatchLogsConfiguration.LogGroupArn); !ok {
			return invalid("%s is not the ARN of a log group.", aws.ToString(log.CloudWatchLogsConfiguration.LogGroupArn))
		}
	}
	return nil
}

// Durations that actions may have (https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html).
const (
	minDuration = time.Minute
	maxDuration = 12 * time.Hour
)
