package ssm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"haven/lab/cloud"
)

const (
	busyTick = 500 * time.Millisecond // while commands wait for something
	calmTick = 5 * time.Second
	remember = 30 * 24 * time.Hour // how long commands are shown
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
