package fis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"haven/lab/cloud"
)

var waiting = action{
	description: "Run the AWS FIS wait action.", parameters: map[string]parameter{parameterDuration: durationParameter},
	begin: func(context.Context, *deed) error { return nil },
	look:  func(_ context.Context, d *deed) (bool, error) { return d.timeOver(), nil },
}

var assertAlarmState = action{
	description: "Asserts that the specified alarms are in one of the specified alarm states.",
	parameters: map[string]parameter{
		"alarmArns":   {"The ARNs of the alarms, separated by commas (up to five)", true, checkAlarms},
		"alarmStates": {"The alarm states (OK, ALARM and INSUFFICIENT_DATA), separated by commas", true, checkStates},
	},
	available: func(s *Service) bool { return s.deps.Alarms != nil },
	needs:     func(*deed) []need { return anywhere("cloudwatch:DescribeAlarms") },
	begin: func(_ context.Context, d *deed) error {
		wanted := split(d.given.Parameters["alarmStates"])
		return d.service.store.View(func(tx *cloud.Tx) error {
			for _, arn := range split(d.given.Parameters["alarmArns"]) {
				state, found, err := d.service.deps.Alarms.AlarmState(tx, d.region, arn)
				if err != nil {
					return err
				}
				if !found {
					return fmt.Errorf("the alarm %s was not found", arn)
				}
				if !slices.Contains(wanted, string(state)) {
					return fmt.Errorf("the alarm %s is in state %s, not in %s", arn, state, strings.Join(wanted, " or "))
				}
			}
			return nil
		})
	},
}

func split(text string) (all []string) {
	for part := range strings.SplitSeq(text, ",") {
		all = append(all, strings.TrimSpace(part))
	}
	return all
}

func checkAlarms(text string) error {
	all := split(text)
	for _, arn := range all {
		if !strings.HasPrefix(arn, "arn:"+cloud.Partition+":cloudwatch:") {
			return fmt.Errorf("%q is not the ARN of an alarm", arn)
		}
	}
	if len(all) > 5 {
		return errors.New("there are more than five alarms")
	}
	return nil
}

func checkStates(text string) error {
	for _, state := range split(text) {
		if !slices.Contains(cwtypes.StateValue("").Values(), cwtypes.StateValue(state)) {
			return fmt.Errorf("%q is no alarm state", state)
		}
	}
	return nil
}

var sendCommand = action{
	description: "Run the Systems Manager API SendCommand on the target EC2 instances.", targets: instanceTarget,
	parameters: map[string]parameter{
		"documentArn":        {"The ARN of the document", true, checkDocument},
		"documentVersion":    {"The version of the document; the default version without it", false, nil},
		"documentParameters": {"The parameters of the document, as a JSON object", false, func(text string) error { _, err := documentParameters(text); return err }},
		parameterDuration:    durationParameter,
	},
	available: func(s *Service) bool { return s.deps.Commands != nil },
	needs: func(d *deed) []need {
		needs := append(anywhere("ssm:ListCommands", "ssm:CancelCommand"), need{action: "ssm:SendCommand", resource: d.given.Parameters["documentArn"]})
		return append(needs, each("ssm", "SendCommand")(d)...)
	},
	begin: beginCommand, look: lookCommand, back: cancelCommand,
}

func checkDocument(text string) error {
	if parts := strings.SplitN(text, ":", 6); len(parts) != 6 || parts[2] != "ssm" || !strings.HasPrefix(parts[5], "document/") {
		return fmt.Errorf("%q is not the ARN of a document", text)
	}
	return nil
}

// documentParameters reads parameters, each a text or a list of texts.
func documentParameters(text string) (map[string][]string, error) {
	if text == "" {
		return nil, nil
	}
	var raw map[string]any
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, errors.New("it is not a JSON object")
	}
	all := map[string][]string{}
	for name, value := range raw {
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, one := range list {
			all[name] = append(all[name], fmt.Sprint(one))
		}
	}
	return all, nil
}

// beginCommand sends the command once: what a killed lab had sent is not sent again.
func beginCommand(ctx context.Context, d *deed) error {
	if d.run.Command != "" {
		return nil
	}
	if d.run.Called {
		return errors.New("the command was being sent when the lab ended; whether it was is not known")
	}
	if err := d.note(func(r *run) { r.Called = true }); err != nil {
		return err
	}
	parameters, err := documentParameters(d.given.Parameters["documentParameters"])
	if err != nil {
		return err
	}
	document := d.given.Parameters["documentArn"]
	in := &ssm.SendCommandInput{DocumentName: aws.String(document[strings.IndexByte(document, '/')+1:]), InstanceIds: d.ids(), Parameters: parameters}
	if version := d.given.Parameters["documentVersion"]; version != "" {
		in.DocumentVersion = &version
	}
	out, err := d.service.deps.Commands.SendCommand(ctx, in)
	if err != nil {
		return err
	}
	return d.note(func(r *run) { r.Command = aws.ToString(out.Command.CommandId) })
}

// lookCommand is done when the command has ended on every instance, or the action's time is over.
func lookCommand(ctx context.Context, d *deed) (bool, error) {
	out, err := d.service.deps.Commands.ListCommandInvocations(ctx, &ssm.ListCommandInvocationsInput{CommandId: aws.String(d.run.Command)})
	if err != nil {
		return false, err
	}
	done := len(out.CommandInvocations) >= len(d.targets)
	for _, i := range out.CommandInvocations {
		switch i.Status {
		case ssmtypes.CommandInvocationStatusSuccess:
		case ssmtypes.CommandInvocationStatusFailed, ssmtypes.CommandInvocationStatusTimedOut, ssmtypes.CommandInvocationStatusCancelled:
			return false, fmt.Errorf("command %s on %s ended as %s", d.run.Command, aws.ToString(i.InstanceId), i.Status)
		default:
			done = false
		}
	}
	return done || d.timeOver(), nil
}

func commandOver(status ssmtypes.CommandInvocationStatus) bool {
	return slices.Contains([]ssmtypes.CommandInvocationStatus{
		ssmtypes.CommandInvocationStatusSuccess, ssmtypes.CommandInvocationStatusFailed, ssmtypes.CommandInvocationStatusTimedOut, ssmtypes.CommandInvocationStatusCancelled,
	}, status)
}

// cancelCommand cancels what still runs; a document's own way of putting back is the document's business.
func cancelCommand(ctx context.Context, d *deed) error {
	if d.run.Command == "" {
		return nil
	}
	out, err := d.service.deps.Commands.ListCommandInvocations(ctx, &ssm.ListCommandInvocationsInput{CommandId: aws.String(d.run.Command)})
	if err != nil || len(out.CommandInvocations) > 0 && !slices.ContainsFunc(out.CommandInvocations, func(i ssmtypes.CommandInvocation) bool { return !commandOver(i.Status) }) {
		return err
	}
	_, err = d.service.deps.Commands.CancelCommand(ctx, &ssm.CancelCommandInput{CommandId: aws.String(d.run.Command)})
	return err
}
