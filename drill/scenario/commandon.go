package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"haven/drill/target"
)

const commandLimit = time.Minute

// commandOn runs a shell script on a web server by Run Command, and returns when it has ended well.
func (s Stage) commandOn(ctx context.Context, server, script string) error {
	client := ssm.NewFromConfig(s.Config)
	sent, err := client.SendCommand(ctx, &ssm.SendCommandInput{
		DocumentName: aws.String("AWS-RunShellScript"), InstanceIds: []string{server}, Parameters: map[string][]string{"commands": {script}},
	})
	if err != nil {
		return fmt.Errorf("sending a command to %s: %w", server, err)
	}
	return target.Await(ctx, "a command on "+server, commandLimit, func(ctx context.Context) error {
		out, err := client.GetCommandInvocation(ctx, &ssm.GetCommandInvocationInput{CommandId: sent.Command.CommandId, InstanceId: &server})
		var early *types.InvocationDoesNotExist
		switch {
		case errors.As(err, &early):
			return errors.New("it has not begun")
		case err != nil:
			return err
		case out.Status != types.CommandInvocationStatusSuccess:
			return fmt.Errorf("it is %s: %s%s", out.Status, aws.ToString(out.StandardOutputContent), aws.ToString(out.StandardErrorContent))
		}
		return nil
	})
}
