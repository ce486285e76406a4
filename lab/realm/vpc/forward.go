package vpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// Forwarder carries TCP connections from an address of the host's loopback to a public address of the lab, as a
// client outside would reach it: through the internet gateway and whatever the routes put behind it.
type Forwarder struct {
	network  *Network
	listener net.Listener
	target   netip.AddrPort

	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup
	slots  chan struct{}
}

// forwardedConnections is how many connections one forwarder carries at a time; more are reset.
const forwardedConnections = 8192

const dialTimeout = 30 * time.Second

// Forward listens on an address of the host's loopback and carries what connects there to the target, a public
// address, until the context ends or the Forwarder is closed. A port in use is an error that names who has it.
func (n *Network) Forward(ctx context.Context, listen, target netip.AddrPort) (*Forwarder, error) {
	if !listen.Addr().IsLoopback() {
		return nil, fmt.Errorf("forwarding %s to %s: the lab listens on loopback addresses only", listen, target)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", listen.String())
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("forwarding %s to %s: %w", listen, target, InUse(listen))
	}
	if err != nil {
		return nil, fmt.Errorf("forwarding %s to %s: %w", listen, target, err)
	}
	f := &Forwarder{network: n, listener: listener, target: target, slots: make(chan struct{}, forwardedConnections)}
	f.ctx, f.cancel = context.WithCancel(ctx)
	context.AfterFunc(f.ctx, func() { listener.Close() })
	f.group.Go(f.accept)
	return f, nil
}

// Addr returns the address that the forwarder listens on.
func (f *Forwarder) Addr() netip.AddrPort { return f.listener.Addr().(*net.TCPAddr).AddrPort() }

// Close stops listening, resets what is being carried and waits until all of it has ended.
func (f *Forwarder) Close() error {
	f.cancel()
	f.group.Wait()
	return nil
}

func (f *Forwarder) accept() {
	for {
		conn, err := f.listener.Accept()
		switch {
		case err == nil:
		case f.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		default:
			f.network.log.Warn("accepting a connection to forward", "listen", f.listener.Addr(), "error", err)
			time.Sleep(10 * time.Millisecond) // such as too many open files
			continue
		}
		client := conn.(*net.TCPConn)
		select {
		case f.slots <- struct{}{}:
			f.group.Go(func() {
				f.carry(client)
				<-f.slots
			})
		default:
			reset(client)
		}
	}
}

// carry connects to the target and copies both ways. A target that does not answer looks as it would from outside:
// the client's connection is reset.
func (f *Forwarder) carry(client *net.TCPConn) {
	defer client.Close()
	stop := context.AfterFunc(f.ctx, func() { reset(client) })
	defer stop()
	internet := f.network.Internet()
	if internet == nil {
		reset(client)
		return
	}
	ctx, cancel := context.WithTimeout(f.ctx, dialTimeout)
	defer cancel()
	conn, err := internet.DialContext(ctx, "tcp4", f.target.String())
	if err != nil {
		reset(client)
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	stopServer := context.AfterFunc(f.ctx, func() { reset(server) })
	defer stopServer()
	var back sync.WaitGroup
	back.Go(func() { splice(client, server) })
	splice(server, client)
	back.Wait()
}
