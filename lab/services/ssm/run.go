package ssm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"haven/lab/cloud"
	"haven/lab/realm/machine"
	"haven/lab/services/ec2"
	"haven/lab/services/ssm/document"
)

const (
	busyTick  = 500 * time.Millisecond // while commands wait for something
	calmTick  = 5 * time.Second
	remember  = 30 * 24 * time.Hour // how long commands are shown
	keepBytes = 1 << 20             // of each output, for S3 and CloudWatch Logs
)

// agents are the agents' work that is under way, by the keys of invocations.
type agents struct {
	service *Service
	done    chan struct{}
	group   sync.WaitGroup

	mu      sync.Mutex
	working map[string]context.CancelFunc
}

// Run delivers commands to nodes until the context ends.
func (s *Service) Run(ctx context.Context) error {
	if s.machines == nil {
		<-ctx.Done()
		return nil
	}
	a := &agents{service: s, done: make(chan struct{}, 1), working: map[string]context.CancelFunc{}}
	defer a.group.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wake, stop := s.store.Watch(commands.Name(), invocations.Name())
	defer stop()
	if err := s.abandon(); err != nil {
		return err
	}
	for {
		busy, err := a.pass(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("delivering commands to nodes", "error", err)
		}
		wait := calmTick
		if busy {
			wait = busyTick
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-a.done:
		case <-time.After(wait):
		}
	}
}

// abandon ends what was under way when the lab ended: the nodes have lost it with their processes.
func (s *Service) abandon() error {
	return s.store.Update(func(tx *cloud.Tx) error {
		for _, region := range cloud.Regions() {
			rows, err := invocations.List(tx, region.Name)
			if err != nil {
				return err
			}
			for _, i := range rows {
				if !i.runs() {
					continue
				}
				i.lose(s.now())
				if err := invocations.Put(tx, region.Name, i.key(), i); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// lose ends an invocation whose node went away under it.
func (i *invocation) lose(now time.Time) {
	i.end(types.CommandInvocationStatusFailed, "Failed", now)
	for n := range i.Plugins {
		if p := &i.Plugins[n]; p.Status == types.CommandPluginStatusPending || p.Status == types.CommandPluginStatusInProgress {
			p.Status, p.Details, p.Code, p.Ended = types.CommandPluginStatusFailed, "Failed", -1, now
		}
	}
}

// pass looks at every node and every command once; busy tells that something waits.
func (a *agents) pass(ctx context.Context) (busy bool, err error) {
	for _, region := range cloud.Regions() {
		if err := a.service.register(region.Name); err != nil {
			return false, err
		}
		open, err := a.service.open(region.Name)
		if err != nil {
			return false, err
		}
		for _, id := range open {
			busy = true
			if err := a.advance(ctx, region.Name, id); err != nil {
				return busy, fmt.Errorf("delivering command %s: %w", id, err)
			}
		}
	}
	return busy, nil
}

// open returns the commands that are not over, and forgets those that are too old to be shown.
func (s *Service) open(region string) (open []string, err error) {
	var old []*command
	err = s.store.View(func(tx *cloud.Tx) error {
		rows, err := commands.List(tx, region)
		for _, c := range rows {
			if !c.over() {
				open = append(open, c.ID)
			} else if s.now().Sub(c.Requested) > remember {
				old = append(old, c)
			}
		}
		return err
	})
	if err != nil || len(old) == 0 {
		return open, err
	}
	return open, s.store.Update(func(tx *cloud.Tx) error {
		var errs []error
		for _, c := range old {
			errs = append(errs, commands.Delete(tx, region, c.ID))
			for _, id := range c.Nodes {
				errs = append(errs, invocations.Delete(tx, region, c.ID+"/"+id))
			}
		}
		return errors.Join(errs...)
	})
}

// advance plans a command anew, writes down what came of it and has agents begin and end.
func (a *agents) advance(ctx context.Context, region, id string) error {
	var c *command
	var all, start []*invocation
	nodes := map[string]*node{}
	err := a.service.store.Update(func(tx *cloud.Tx) (err error) {
		if c, err = commands.Get(tx, region, id); err != nil || c == nil {
			return err
		}
		if all, err = invocationsOf(tx, region, id); err != nil {
			return err
		}
		managed, err := a.service.nodes(tx, region)
		if err != nil {
			return err
		}
		for _, n := range managed {
			nodes[n.ID] = n
		}
		start = c.plan(all, func(instance string) reach { return reachOf(nodes[instance]) }, a.service.now())
		for _, i := range all {
			if err := invocations.Put(tx, region, i.key(), i); err != nil {
				return err
			}
		}
		return commands.Put(tx, region, c.ID, c)
	})
	if err != nil || c == nil {
		return err
	}
	for _, i := range start {
		a.begin(ctx, region, c, i, nodes[i.Instance].ManagedNode)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, i := range all {
		if cancel := a.working[i.key()]; cancel != nil && i.Cancelled {
			cancel()
		}
	}
	return nil
}

func reachOf(n *node) reach {
	switch {
	case n == nil:
		return unknown
	case n.online:
		return here
	}
	return away
}

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
