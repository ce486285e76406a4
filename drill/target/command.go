package target

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// CommandNeeds are the IAM actions that Command calls.
var CommandNeeds = []string{"ssm:SendCommand", "ssm:GetCommandInvocation"}

const (
	commandLimit  = time.Minute
	leastDelivery = 30 // seconds: the least that Run Command takes as its time to reach a node
)

// ErrCommand says that a script ran on a server and ended badly.
var ErrCommand = errors.New("the script failed on the server")

// Command runs a shell script as root on a server, by Systems Manager's Run Command, and returns what it printed. A server that
// has just started may not be a managed node yet, and is waited for.
func (e *Environment) Command(ctx context.Context, instance, script string) (output string, err error) {
	client := ssm.NewFromConfig(e.Config)
	var id *string
	err = Await(ctx, "Systems Manager to reach "+instance, commandLimit, func(ctx context.Context) error {
		sent, err := client.SendCommand(ctx, &ssm.SendCommandInput{
			DocumentName: aws.String("AWS-RunShellScript"), InstanceIds: []string{instance}, TimeoutSeconds: aws.Int32(leastDelivery),
			Parameters: map[string][]string{"commands": {script}},
		})
		if err == nil {
			id = sent.Command.CommandId
		}
		return err
	})
	if err != nil {
		return "", err
	}
	var ended *ssm.GetCommandInvocationOutput
	err = Await(ctx, "the script on "+instance+" to end", commandLimit, func(ctx context.Context) error {
		ended, err = client.GetCommandInvocation(ctx, &ssm.GetCommandInvocationInput{CommandId: id, InstanceId: &instance})
		if err == nil && notOver(ended.Status) {
			err = fmt.Errorf("it is %s", ended.Status)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if ended.Status != ssmtypes.CommandInvocationStatusSuccess {
		return "", fmt.Errorf("%w %s (%s, exit code %d): %s", ErrCommand, instance, ended.Status, ended.ResponseCode, strings.TrimSpace(aws.ToString(ended.StandardErrorContent)))
	}
	return strings.TrimSpace(aws.ToString(ended.StandardOutputContent)), nil
}

func notOver(status ssmtypes.CommandInvocationStatus) bool {
	return slices.Contains([]ssmtypes.CommandInvocationStatus{
		ssmtypes.CommandInvocationStatusPending, ssmtypes.CommandInvocationStatusInProgress, ssmtypes.CommandInvocationStatusDelayed, ssmtypes.CommandInvocationStatusCancelling,
	}, status)
}

// CommandUnlessGone runs a script that puts something right on a server. A server that the group has replaced meanwhile, or is
// replacing, needs nothing put right.
func (e *Environment) CommandUnlessGone(ctx context.Context, instance, script string) error {
	there := func() (bool, error) {
		group, err := e.Group(ctx)
		return slices.ContainsFunc(group.Instances, func(i astypes.Instance) bool {
			return *i.InstanceId == instance && !strings.HasPrefix(string(i.LifecycleState), "Terminat")
		}), err
	}
	if is, err := there(); err != nil || !is {
		return err
	}
	_, failed := e.Command(ctx, instance, script)
	if failed == nil {
		return nil
	}
	if is, err := there(); err == nil && !is { // it went while the script was on its way
		return nil
	}
	return failed
}
