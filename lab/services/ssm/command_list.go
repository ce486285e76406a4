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

// ListCommands lists commands, the newest first.
func (s *Service) ListCommands(ctx context.Context, in *ssm.ListCommandsInput) (*ssm.ListCommandsOutput, error) {
	region := cloud.RegionOf(ctx)
	out := &ssm.ListCommandsOutput{Commands: []types.Command{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		rows, err := commands.List(tx, region)
		if err != nil {
			return err
		}
		var kept []*command
		for _, c := range rows {
			passes, err := c.passes(in.Filters, string(c.Status))
			if err != nil {
				return err
			}
			if passes && (in.CommandId == nil || c.ID == *in.CommandId) && (in.InstanceId == nil || slices.Contains(c.Nodes, *in.InstanceId)) {
				kept = append(kept, c)
			}
		}
		if in.CommandId != nil && len(kept) == 0 {
			_, err := findCommand(tx, region, *in.CommandId)
			return err
		}
		slices.SortFunc(kept, func(a, b *command) int { return strings.Compare(a.age(), b.age()) })
		page, next, err := pageOf(kept, (*command).age, in.NextToken, in.MaxResults, 50)
		if err != nil {
			return err
		}
		out.NextToken = next
		for _, c := range page {
			all, err := invocationsOf(tx, region, c.ID)
			if err != nil {
				return err
			}
			out.Commands = append(out.Commands, c.show(all))
		}
		return nil
	})
}

// age sorts commands, the newest first.
func (c *command) age() string {
	const forever = 1 << 62
	left := forever - c.Requested.UnixNano()
	return time.Unix(0, left).UTC().Format("20060102150405.000000000") + c.ID
}

// passes tells whether a command, or an invocation of it in a status, passes the filters.
func (c *command) passes(filters []types.CommandFilter, status string) (bool, error) {
	for _, filter := range filters {
		value := aws.ToString(filter.Value)
		fits := false
		switch filter.Key {
		case types.CommandFilterKeyStatus:
			fits = status == value
		case types.CommandFilterKeyDocumentName:
			fits = c.Document == value
		case types.CommandFilterKeyInvokedAfter, types.CommandFilterKeyInvokedBefore:
			at, err := time.Parse(time.RFC3339, value)
			if err != nil {
				return false, cloud.Errorf("InvalidFilterKey", "The value %q of the filter %s is no time, such as 2026-01-31T00:00:00Z.", value, filter.Key)
			}
			fits = c.Requested.After(at) == (filter.Key == types.CommandFilterKeyInvokedAfter)
		default:
			return false, cloud.Unsupportedf("InvalidFilterKey", "the filter %s", filter.Key)
		}
		if !fits {
			return false, nil
		}
	}
	return true, nil
}

// ListCommandInvocations lists what became of commands at nodes, the newest first.
func (s *Service) ListCommandInvocations(ctx context.Context, in *ssm.ListCommandInvocationsInput) (*ssm.ListCommandInvocationsOutput, error) {
	region := cloud.RegionOf(ctx)
	out := &ssm.ListCommandInvocationsOutput{CommandInvocations: []types.CommandInvocation{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		all, err := invocations.List(tx, region)
		if in.CommandId != nil {
			if _, err := findCommand(tx, region, *in.CommandId); err != nil {
				return err
			}
			all, err = invocationsOf(tx, region, *in.CommandId)
		}
		if err != nil {
			return err
		}
		var kept []invoked
		for _, i := range all {
			c, err := commands.Get(tx, region, i.Command)
			if err != nil || c == nil {
				return err
			}
			passes, err := c.passes(in.Filters, string(i.Status))
			if err != nil {
				return err
			}
			if passes && (in.InstanceId == nil || i.Instance == *in.InstanceId) {
				kept = append(kept, invoked{c, i})
			}
		}
		slices.SortFunc(kept, func(a, b invoked) int { return strings.Compare(a.key(), b.key()) })
		page, next, err := pageOf(kept, invoked.key, in.NextToken, in.MaxResults, 50)
		out.NextToken = next
		for _, one := range page {
			out.CommandInvocations = append(out.CommandInvocations, one.show(region, in.Details))
		}
		return err
	})
}

// invoked is an invocation with its command.
type invoked struct {
	*command
	at *invocation
}

func (i invoked) key() string { return i.age() + "/" + i.at.Instance }

func (i invoked) show(region string, details bool) types.CommandInvocation {
	c := i.command
	shown := types.CommandInvocation{
		CommandId: aws.String(c.ID), InstanceId: aws.String(i.at.Instance), InstanceName: aws.String(""), Comment: aws.String(c.Comment),
		DocumentName: aws.String(c.Document), DocumentVersion: aws.String(c.Version), RequestedDateTime: aws.Time(c.Requested),
		Status: i.at.Status, StatusDetails: aws.String(i.at.Details), CloudWatchOutputConfig: c.logging(), CommandPlugins: []types.CommandPlugin{},
	}
	if !details {
		return shown
	}
	for n := range i.at.Plugins {
		p := &i.at.Plugins[n]
		one := types.CommandPlugin{
			Name: aws.String(p.Name), Status: p.Status, StatusDetails: aws.String(p.Details), ResponseCode: p.Code, Output: aws.String(p.output()),
			StandardOutputUrl: aws.String(c.url(region, i.at, p, "stdout")), StandardErrorUrl: aws.String(c.url(region, i.at, p, "stderr")),
			OutputS3BucketName: notEmpty(c.Output.Bucket), OutputS3KeyPrefix: notEmpty(c.Output.Prefix), OutputS3Region: aws.String(region),
		}
		if !p.Ended.IsZero() {
			one.ResponseStartDateTime, one.ResponseFinishDateTime = aws.Time(p.Started), aws.Time(p.Ended)
		}
		shown.CommandPlugins = append(shown.CommandPlugins, one)
	}
	return shown
}

// output is both outputs in one text, as the agent joins them.
func (p *plugin) output() string {
	text := p.Stdout
	if p.Stderr != "" {
		text += "\n----------ERROR-------\n" + p.Stderr
	}
	return cut([]byte(text), mostOutput)
}
