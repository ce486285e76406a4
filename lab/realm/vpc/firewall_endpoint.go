package vpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"haven/lab/realm/host"
)

// firewallEndpoint is what a firewall endpoint has beside its ruleset: who looks into connections, and who reads what
// was logged.
type firewallEndpoint struct {
	ns        *host.Namespace
	log       *slog.Logger
	plan      atomic.Pointer[firewallPlan]
	events    *eventReader
	queue     chan FirewallEvent
	lost      atomic.Int64
	inspector *inspector // nil until a policy needs it

	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup
}

const eventQueue = 4096

// setFirewall keeps the inspector and the log reader of a firewall endpoint as its plan wants them.
func (n *Network) setFirewall(live *liveSpace, s space) error {
	if s.Firewall == nil {
		return nil // a namespace does not change its role: it goes with its interface
	}
	if live.firewall == nil {
		endpoint, err := newFirewallEndpoint(live.ns, n.log, s.Firewall)
		if err != nil {
			return err
		}
		live.firewall = endpoint
	}
	live.firewall.plan.Store(s.Firewall)
	if s.Firewall.Inspects && live.firewall.inspector == nil {
		return live.firewall.inspect()
	}
	return nil
}

func newFirewallEndpoint(ns *host.Namespace, log *slog.Logger, plan *firewallPlan) (*firewallEndpoint, error) {
	ctx, cancel := context.WithCancel(context.Background())
	e := &firewallEndpoint{ns: ns, log: log, ctx: ctx, cancel: cancel, queue: make(chan FirewallEvent, eventQueue)}
	e.plan.Store(plan)
	events, err := readEvents(ctx, ns, e.logged)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("reading the log of firewall endpoint %s: %w", plan.Endpoint, err)
	}
	e.events = events
	e.group.Go(e.deliver)
	return e, nil
}

// inspect begins to look into connections.
func (e *firewallEndpoint) inspect() error {
	i, err := openInspector(e.ns)
	if err != nil {
		return fmt.Errorf("looking into the connections of firewall endpoint %s: %w", e.plan.Load().Endpoint, err)
	}
	e.inspector = i
	decide := func(c *connection) (verdict, []int) { return e.plan.Load().Policy.decide(c) }
	e.group.Go(func() {
		if err := i.run(decide, e.report); err != nil && e.ctx.Err() == nil {
			e.log.Error("a firewall endpoint looks into connections no more: new ones are dropped", "endpoint", e.plan.Load().Endpoint, "error", err)
		}
	})
	return nil
}

// Close stops looking and waits for its end.
func (e *firewallEndpoint) Close() error {
	e.cancel()
	var err error
	if e.inspector != nil {
		err = e.inspector.Close()
	}
	e.group.Wait()
	return errors.Join(err, e.events.Close())
}
