package vpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"haven/lab/realm/host"
)

// firewallProxy looks into the connections that a firewall endpoint steers to it. It stands between both ends with
// their own addresses (IP_TRANSPARENT): neither sees it.
type firewallProxy struct {
	ns       *host.Namespace
	log      *slog.Logger
	plan     atomic.Pointer[firewallPlan]
	events   *eventReader
	queue    chan FirewallEvent
	lost     atomic.Int64
	dropped  atomic.Uint64 // connections that were dropped for what they said
	rejected atomic.Uint64
	listener net.Listener // nil until a policy needs it

	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup
	slots  chan struct{} // one for each connection
	held   chan struct{} // one for each dropped connection that is kept silent
}

const (
	proxyConnections = 4096
	proxyHeld        = 512
	eventQueue       = 4096
	// holdTime is how long a dropped connection hears nothing before both ends are reset, which bounds what is kept.
	holdTime    = 60 * time.Second
	dialTimeout = 30 * time.Second
)

// setFirewall keeps the proxy and the log reader of a firewall endpoint as its plan wants them.
func (n *Network) setFirewall(ctx context.Context, live *liveSpace, s space) error {
	if s.Firewall == nil {
		return nil // a namespace does not change its role: it goes with its interface
	}
	if live.firewall == nil {
		proxy, err := newFirewallProxy(live.ns, n.log, s.Firewall)
		if err != nil {
			return err
		}
		live.firewall = proxy
	}
	live.firewall.plan.Store(s.Firewall)
	if s.Firewall.Proxied && live.firewall.listener == nil {
		return live.firewall.listen(ctx)
	}
	return nil
}

func newFirewallProxy(ns *host.Namespace, log *slog.Logger, plan *firewallPlan) (*firewallProxy, error) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &firewallProxy{
		ns: ns, log: log, ctx: ctx, cancel: cancel, queue: make(chan FirewallEvent, eventQueue),
		slots: make(chan struct{}, proxyConnections), held: make(chan struct{}, proxyHeld),
	}
	p.plan.Store(plan)
	events, err := readEvents(ctx, ns, p.logged)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("reading the log of firewall endpoint %s: %w", plan.Endpoint, err)
	}
	p.events = events
	p.group.Go(p.deliver)
	return p, nil
}

func (p *firewallProxy) listen(ctx context.Context) error {
	config := net.ListenConfig{Control: transparent}
	err := p.ns.Do(func() error {
		l, err := config.Listen(ctx, "tcp4", proxyAddress.String())
		p.listener = l
		return err
	})
	if err != nil {
		p.listener = nil
		return fmt.Errorf("listening for connections to look into at %s: %w", p.ns.Name(), err)
	}
	p.group.Go(p.accept)
	return nil
}

func (p *firewallProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			if p.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			p.log.Warn("accepting at a firewall endpoint", "endpoint", p.plan.Load().Endpoint, "error", err)
			time.Sleep(10 * time.Millisecond) // such as too many open files
			continue
		}
		select {
		case p.slots <- struct{}{}:
			p.group.Go(func() {
				p.handle(client.(*net.TCPConn))
				<-p.slots
			})
		default:
			reset(client.(*net.TCPConn))
		}
	}
}

// handle carries one connection. Its local address is where the client wanted to go.
func (p *firewallProxy) handle(client *net.TCPConn) {
	defer client.Close()
	stop := context.AfterFunc(p.ctx, func() { reset(client) })
	defer stop()
	source := client.RemoteAddr().(*net.TCPAddr).AddrPort()
	destination := client.LocalAddr().(*net.TCPAddr).AddrPort()
	server, err := p.dial(source, destination)
	if err != nil {
		reset(client)
		return
	}
	defer server.Close()
	stopServer := context.AfterFunc(p.ctx, func() { reset(server) })
	defer stopServer()
	p.carry(client, server, &connection{source: source, destination: destination})
}

// carry copies both ways. What the client sends is held back until the policy lets it through.
func (p *firewallProxy) carry(client, server *net.TCPConn, c *connection) {
	var back sync.WaitGroup
	back.Go(func() { splice(client, server) })
	defer back.Wait()
	switch p.inspect(client, server, c) {
	case verdictPass:
		splice(server, client)
	case verdictDrop:
		p.hold(client, server)
	default:
		reset(client)
		reset(server)
	}
}

// inspect reads the beginning of what the client sends, forwards what may pass, and returns what shall become of the rest.
func (p *firewallProxy) inspect(client, server *net.TCPConn, c *connection) verdict {
	told := map[int]bool{}
	chunk := make([]byte, inspected)
	sent := 0
	for {
		n, err := client.Read(chunk)
		c.begin = append(c.begin, chunk[:n]...)
		c.whole = err != nil || len(c.begin) >= inspected
		v, events := p.plan.Load().Policy.decide(c)
		for _, e := range events {
			if v != verdictMore && !told[e] {
				told[e] = true
				p.report(e, c.source, c.destination, unix.IPPROTO_TCP)
			}
		}
		switch v {
		case verdictDrop:
			p.dropped.Add(1)
			return v
		case verdictReject:
			p.rejected.Add(1)
			return v
		}
		if v != verdictMore {
			if _, werr := server.Write(c.begin[sent:]); werr != nil {
				return verdictReject
			}
			sent = len(c.begin)
		}
		if v == verdictPass || c.whole {
			return verdictPass // at the end of file, splicing passes the end on
		}
	}
}

// hold keeps both ends of a dropped connection silent for a while, then resets them.
func (p *firewallProxy) hold(client, server *net.TCPConn) {
	defer reset(server)
	defer reset(client)
	select {
	case p.held <- struct{}{}:
		defer func() { <-p.held }()
	default:
		return // too many: the reset tells more than a drop would
	}
	select {
	case <-time.After(holdTime):
	case <-p.ctx.Done():
	}
}

// Close resets what is being carried and waits for its end.
func (p *firewallProxy) Close() error {
	p.cancel()
	var err error
	if p.listener != nil {
		err = p.listener.Close()
	}
	p.group.Wait()
	return errors.Join(err, p.events.Close())
}

// reset closes a connection with a TCP reset.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0) // closed already
	_ = conn.Close()
}
