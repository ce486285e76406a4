package ssm

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"haven/lab/cloud"
)

// show shows a command with its counts; all are its invocations.
func (c *command) show(all []*invocation) types.Command {
	shown := types.Command{
		CommandId: aws.String(c.ID), DocumentName: aws.String(c.Document), DocumentVersion: aws.String(c.Version), Comment: aws.String(c.Comment),
		Parameters: c.Parameters, InstanceIds: c.Instances, Targets: c.Targets, MaxConcurrency: aws.String(c.MaxConcurrency), MaxErrors: aws.String(c.MaxErrors),
		TimeoutSeconds: aws.Int32(int32(c.Timeout / time.Second)), RequestedDateTime: aws.Time(c.Requested), ExpiresAfter: aws.Time(c.expires()),
		Status: c.Status, StatusDetails: aws.String(c.Details), TargetCount: int32(len(all)),
		OutputS3BucketName: notEmpty(c.Output.Bucket), OutputS3KeyPrefix: notEmpty(c.Output.Prefix), CloudWatchOutputConfig: c.logging(),
	}
	for _, i := range all {
		if i.over() {
			shown.CompletedCount++
		}
		if i.countsAsError() {
			shown.ErrorCount++
		}
		if i.Details == deliveryTimedOut {
			shown.DeliveryTimedOutCount++
		}
	}
	return shown
}

func (c *command) logging() *types.CloudWatchOutputConfig {
	if c.Output.Group == "" {
		return &types.CloudWatchOutputConfig{}
	}
	return &types.CloudWatchOutputConfig{CloudWatchOutputEnabled: true, CloudWatchLogGroupName: aws.String(c.Output.Group)}
}

// expires is when the command is over at the latest: delivered in time, and then run to the end of its own time.
func (c *command) expires() time.Time {
	at := c.Requested.Add(c.Timeout)
	for _, step := range c.Work {
		at = at.Add(step.Timeout)
	}
	return at
}

func findCommand(tx *cloud.Tx, region, id string) (*command, error) {
	c, err := commands.Get(tx, region, id)
	if err == nil && c == nil {
		err = cloud.Errorf("InvalidCommandId", "There is no command %s.", id)
	}
	return c, err
}

// GetCommandInvocation tells how a command went at one node.
func (s *Service) GetCommandInvocation(ctx context.Context, in *ssm.GetCommandInvocationInput) (*ssm.GetCommandInvocationOutput, error) {
	region := cloud.RegionOf(ctx)
	out := &ssm.GetCommandInvocationOutput{}
	return out, s.store.View(func(tx *cloud.Tx) error {
		c, err := findCommand(tx, region, *in.CommandId)
		if err != nil {
			return err
		}
		i, err := invocations.Get(tx, region, c.ID+"/"+*in.InstanceId)
		if err != nil {
			return err
		}
		if i == nil {
			return cloud.Errorf("InvocationDoesNotExist", "The command %s has no invocation for %s.", c.ID, *in.InstanceId)
		}
		p, err := i.plugin(aws.ToString(in.PluginName))
		if err != nil {
			return err
		}
		c.fill(out, region, i, p)
		return nil
	})
}

// plugin returns the one that is named; a command with one plugin needs no name.
func (i *invocation) plugin(name string) (*plugin, error) {
	if name == "" && len(i.Plugins) == 1 {
		return &i.Plugins[0], nil
	}
	at := slices.IndexFunc(i.Plugins, func(p plugin) bool { return p.Name == name })
	if at < 0 {
		return nil, cloud.Errorf("InvalidPluginName", "The command has several plugins, or none named %q: %s.", name, strings.Join(i.pluginNames(), ", "))
	}
	return &i.Plugins[at], nil
}

func (i *invocation) pluginNames() (names []string) {
	for _, p := range i.Plugins {
		names = append(names, p.Name)
	}
	return names
}

func (c *command) fill(out *ssm.GetCommandInvocationOutput, region string, i *invocation, p *plugin) {
	const format = "2006-01-02T15:04:05.000Z"
	out.CommandId, out.InstanceId, out.Comment = aws.String(c.ID), aws.String(i.Instance), aws.String(c.Comment)
	out.DocumentName, out.DocumentVersion, out.PluginName = aws.String(c.Document), aws.String(c.Version), aws.String(p.Name)
	out.Status, out.StatusDetails, out.ResponseCode = i.Status, aws.String(i.Details), p.Code
	out.StandardOutputContent, out.StandardErrorContent = aws.String(p.Stdout), aws.String(p.Stderr)
	out.StandardOutputUrl, out.StandardErrorUrl = aws.String(c.url(region, i, p, "stdout")), aws.String(c.url(region, i, p, "stderr"))
	out.CloudWatchOutputConfig = c.logging()
	out.ExecutionStartDateTime, out.ExecutionEndDateTime, out.ExecutionElapsedTime = aws.String(""), aws.String(""), aws.String("")
	if !p.Started.IsZero() {
		out.ExecutionStartDateTime = aws.String(p.Started.UTC().Format(format))
	}
	if !p.Ended.IsZero() {
		out.ExecutionEndDateTime = aws.String(p.Ended.UTC().Format(format))
		out.ExecutionElapsedTime = aws.String("PT" + strings.ToUpper(p.Ended.Sub(p.Started).Truncate(time.Millisecond).String()))
	}
}

func (c *command) url(region string, i *invocation, p *plugin, name string) string {
	if c.Output.Bucket == "" {
		return ""
	}
	return "https://s3." + region + ".amazonaws.com/" + c.Output.Bucket + "/" + c.prefixOf(i.Instance, p.Name) + "/" + name
}

// CancelCommand ends a command at some of its nodes, or all: what runs is killed, what waits never begins.
func (s *Service) CancelCommand(ctx context.Context, in *ssm.CancelCommandInput) (*ssm.CancelCommandOutput, error) {
	region := cloud.RegionOf(ctx)
	return &ssm.CancelCommandOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		c, err := findCommand(tx, region, *in.CommandId)
		if err != nil || c.over() {
			return err
		}
		for _, id := range in.InstanceIds {
			if !slices.Contains(c.Nodes, id) {
				return cloud.Errorf("InvalidInstanceId", "The command %s is not for instance %s.", c.ID, id)
			}
		}
		all, err := invocationsOf(tx, region, c.ID)
		if err != nil {
			return err
		}
		c.Cancelled = true
		for _, i := range all {
			if i.over() || len(in.InstanceIds) > 0 && !slices.Contains(in.InstanceIds, i.Instance) {
				continue
			}
			i.Cancelled = true
			if err := invocations.Put(tx, region, i.key(), i); err != nil {
				return err
			}
		}
		c.sum(all)
		return commands.Put(tx, region, c.ID, c)
	})
}
