package vpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"haven/lab/realm/dns"
	"haven/lab/realm/host"
)

// Options are what a Network needs from its surroundings.
type Options struct {
	// Serve is given each listener on which the AWS services have to answer, and serves it until it is closed; it
	// must not block. OriginOf tells which door a listener is. Nil: nothing listens there.
	Serve func(net.Listener)
	// Names is what the resolvers in the namespaces answer from; nil: there are no resolvers.
	Names *dns.Table
	// Flows is given what the interfaces of VPCs with FlowLogs saw in each interval; nil: nothing is counted.
	Flows        func([]Flow)
	FlowInterval time.Duration // zero: a minute
	Log          *slog.Logger  // nil: the host's
}

// Network makes Specs true.
type Network struct {
	host *host.Host
	opts Options
	log  *slog.Logger

	applying sync.Mutex // one Apply at a time
	links    map[string]link

	mu     sync.RWMutex // guards spaces
	spaces map[string]*liveSpace
}

// New returns a Network without any namespace; the first Apply makes the internet.
func New(h *host.Host, opts Options) *Network {
	log := opts.Log
	if log == nil {
		log = h.Log()
	}
	return &Network{host: h, opts: opts, log: log, links: map[string]link{}, spaces: map[string]*liveSpace{}}
}

// Apply makes the spec true and returns when it is. What is as it should be is not touched; connections that are
// tracked go on. An error names what could not be made; the rest is done, and the next Apply tries again.
func (n *Network) Apply(ctx context.Context, spec Spec) error {
	n.applying.Lock()
	defer n.applying.Unlock()
	if err := spec.check(); err != nil {
		return fmt.Errorf("planning the network: %w", err)
	}
	want := newPlan(spec)
	errs := []error{n.removeObsolete(want), n.createSpaces(want)}
	errs = append(errs, n.loadRulesets(ctx, want), n.createLinks(want), n.configure(ctx, want))
	return errors.Join(errs...)
}

// Namespace returns the namespace behind an interface. It is the same one as long as the interface exists.
func (n *Network) Namespace(interfaceID string) (*host.Namespace, bool) {
	live, ok := n.space(interfaceID)
	if !ok {
		return nil, false
	}
	return live.ns, true
}

// Internet returns the world beyond the gateways, where clients from outside and public servers live; nil before the
// first Apply. Servers may listen on any address of OutsideRange.
func (n *Network) Internet() *host.Namespace {
	live, ok := n.space(internetSpace)
	if !ok {
		return nil
	}
	return live.ns
}

// Close removes every namespace.
func (n *Network) Close() error {
	n.applying.Lock()
	defer n.applying.Unlock()
	return n.removeObsolete(plan{})
}

func (n *Network) space(name string) (*liveSpace, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	live, ok := n.spaces[name]
	return live, ok
}
