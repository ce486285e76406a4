package ssm

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"haven/lab/cloud"
	"haven/lab/realm/machine"
	"haven/lab/services/ec2"
	"haven/lab/services/ssm/document"
)

const keepBytes = 1 << 20 // of each output, for S3 and CloudWatch Logs

// begin has a node's agent do its work, step by step.
func (a *agents) begin(ctx context.Context, region string, c *command, i *invocation, n ec2.ManagedNode) {
	ctx, cancel := context.WithCancel(ctx)
	a.mu.Lock()
	a.working[i.key()] = cancel
	a.mu.Unlock()
	a.group.Go(func() {
		defer func() {
			a.mu.Lock()
			delete(a.working, i.key())
			a.mu.Unlock()
			cancel()
			select {
			case a.done <- struct{}{}:
			default:
			}
		}()
		if err := a.work(ctx, region, c, i, n); err != nil {
			a.service.log.Warn("running a command", "command", c.ID, "instance", i.Instance, "error", err)
		}
	})
}

// work runs the steps. Those after a failed one run, too, as AWS's do.
func (a *agents) work(ctx context.Context, region string, c *command, i *invocation, n ec2.ManagedNode) error {
	status, details := types.CommandInvocationStatusSuccess, "Success"
	for number, step := range c.Work {
		p, result := a.step(ctx, region, c, n, step)
		switch {
		case ctx.Err() != nil:
			status, details = types.CommandInvocationStatusCancelled, "Cancelled"
			p.Status, p.Details = types.CommandPluginStatusCancelled, "Cancelled"
		case p.Details == executionTimedOut:
			status, details = types.CommandInvocationStatusTimedOut, executionTimedOut
		case p.Status != types.CommandPluginStatusSuccess && status == types.CommandInvocationStatusSuccess:
			status, details = types.CommandInvocationStatusFailed, "Failed"
		}
		a.service.deliver(region, c, n, step, &p, result)
		if err := a.service.note(region, i, func(row *invocation) { row.Plugins[number] = p }); err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return a.service.note(region, i, func(row *invocation) {
		if details == "Cancelled" && !row.Cancelled {
			row.lose(a.service.now()) // the lab ends
			return
		}
		row.end(status, details, a.service.now())
	})
}

func (a *agents) step(ctx context.Context, region string, c *command, n ec2.ManagedNode, step document.Work) (plugin, machine.ScriptResult) {
	p := plugin{Name: step.Plugin, Status: types.CommandPluginStatusSuccess, Details: "Success", Started: a.service.now()}
	if step.Skip {
		p.Ended = p.Started
		return p, machine.ScriptResult{}
	}
	result, err := a.service.machines.RunScript(ctx, n.ID, machine.Script{
		Folder: fmt.Sprintf("/var/lib/amazon/ssm/%s/document/orchestration/%s/%s", n.ID, c.ID, folderOf(step.Plugin)),
		Text:   step.Script, Dir: step.Dir, Timeout: step.Timeout, Keep: keepBytes,
		Environ: []string{"AWS_SSM_INSTANCE_ID=" + n.ID, "AWS_SSM_REGION_NAME=" + region},
	})
	switch p.Ended, p.Code = a.service.now(), int32(result.Exit); {
	case err != nil:
		p.Status, p.Details, p.Code = types.CommandPluginStatusFailed, "Failed", -1
		result.Stderr = []byte("the agent was lost: " + err.Error())
	case result.Error != "":
		p.Status, p.Details, p.Code = types.CommandPluginStatusFailed, "Failed", -1
		result.Stderr = []byte(result.Error)
	case result.TimedOut:
		p.Status, p.Details, p.Code = types.CommandPluginStatusTimedOut, executionTimedOut, -1
	case result.Exit != 0:
		p.Status, p.Details = types.CommandPluginStatusFailed, "Failed"
	}
	p.Stdout, p.Stderr = cut(result.Stdout, mostStdout), cut(result.Stderr, mostStderr)
	return p, result
}

// note changes an invocation, unless the command has been forgotten.
func (s *Service) note(region string, i *invocation, change func(*invocation)) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		row, err := invocations.Get(tx, region, i.key())
		if err != nil || row == nil {
			return err
		}
		change(row)
		return invocations.Put(tx, region, row.key(), row)
	})
}
