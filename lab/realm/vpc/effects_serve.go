package vpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"

	"haven/lab/realm/dns"
)

// OriginOf tells through which door the requests of a listener come, which Options.Serve was given.
func OriginOf(l net.Listener) Origin {
	if s, ok := l.(*serviceListener); ok {
		return s.origin
	}
	return Origin{}
}

type serviceListener struct {
	net.Listener
	origin Origin
}

func (n *Network) setListeners(ctx context.Context, live *liveSpace, s space) error {
	if n.opts.Serve == nil {
		return nil
	}
	var errs []error
	for have, closer := range live.listeners {
		if !slices.Contains(s.Listeners, have) {
			errs = append(errs, closer.Close())
			delete(live.listeners, have)
		}
	}
	for _, want := range s.Listeners {
		if _, ok := live.listeners[want]; ok {
			continue
		}
		l, err := live.ns.Listen(ctx, "tcp4", want.Address.String())
		if err != nil {
			errs = append(errs, fmt.Errorf("listening for the AWS services in %s: %w", s.Name, err))
			continue
		}
		live.listeners[want] = l
		n.opts.Serve(&serviceListener{Listener: l, origin: want.Origin})
	}
	return errors.Join(errs...)
}

// setResolver starts the namespace's resolver, anew when where it listens or who asks has changed.
func (n *Network) setResolver(ctx context.Context, live *liveSpace, s space) error {
	if n.opts.Names == nil || (live.resolver != nil && reflect.DeepEqual(live.resolving, s.Resolver)) {
		return nil
	}
	if live.resolver != nil {
		if err := live.resolver.Close(); err != nil {
			return fmt.Errorf("stopping the resolver of %s: %w", s.Name, err)
		}
		live.resolver, live.resolving = nil, nil
	}
	if s.Resolver == nil {
		return nil
	}
	asker := dns.Asker{VPC: s.Resolver.VPC, Zone: s.Resolver.Zone}
	server, err := dns.Listen(ctx, live.ns, s.Resolver.Addresses, n.opts.Names, asker)
	if err != nil {
		return fmt.Errorf("starting the resolver of %s: %w", s.Name, err)
	}
	live.resolver, live.resolving = server, s.Resolver
	return nil
}
