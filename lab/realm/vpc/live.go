package vpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"

	"haven/lab/realm/host"
)

// liveSpace is a namespace that is there, and what is known to be configured inside: only what succeeded.
type liveSpace struct {
	ns        *host.Namespace
	index     map[string]int // of links, by name
	addresses map[address]bool
	neighbour map[neighbourKey]neighbour
	routes    map[routeKey]route
	rules     map[rule]bool
	shapes    map[string]int64 // bits per second, by link
	ruleset   string
	listeners map[listener]io.Closer
	resolver  io.Closer
	resolving *resolver
	firewall  *firewallEndpoint
	meter     *meter
}

type neighbourKey struct {
	link, addr string
}

type routeKey struct {
	table       int
	destination string
}

func newLiveSpace(ns *host.Namespace) *liveSpace {
	return &liveSpace{
		ns: ns, index: map[string]int{}, addresses: map[address]bool{}, neighbour: map[neighbourKey]neighbour{},
		routes: map[routeKey]route{}, rules: map[rule]bool{}, shapes: map[string]int64{}, listeners: map[listener]io.Closer{},
	}
}

// makeSpace makes a namespace with its kernel settings.
func (n *Network) makeSpace(s space) (*liveSpace, error) {
	ns, err := n.host.CreateNamespace(s.Name)
	if err != nil {
		return nil, err
	}
	err = ns.Do(func() error {
		for _, setting := range s.Sysctls {
			if err := os.WriteFile(filepath.Join("/proc/sys", setting.Key), []byte(setting.Value), 0); err != nil {
				return fmt.Errorf("setting %s in namespace %s: %w", setting.Key, s.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	live := newLiveSpace(ns)
	lo, err := ns.Netlink().LinkByName("lo")
	if err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	live.index["lo"] = lo.Attrs().Index
	return live, nil
}

// forget drops what the kernel removed together with a link.
func (l *liveSpace) forget(name string) {
	delete(l.index, name)
	delete(l.shapes, name)
	maps.DeleteFunc(l.addresses, func(a address, _ bool) bool { return a.Link == name })
	maps.DeleteFunc(l.neighbour, func(k neighbourKey, _ neighbour) bool { return k.link == name })
	maps.DeleteFunc(l.routes, func(_ routeKey, r route) bool { return r.Link == name })
}

func (l *liveSpace) loadRuleset(ctx context.Context, text string) error {
	if l.ruleset == text {
		return nil
	}
	load := text
	if load == "" {
		load = "table ip haven\ndelete table ip haven\n"
	}
	if err := l.ns.Nft(ctx, load); err != nil {
		return err
	}
	l.ruleset = text
	return nil
}

// close stops what listens inside and gives the namespace up.
func (l *liveSpace) close() error {
	var errs []error
	for _, c := range l.listeners {
		errs = append(errs, c.Close())
	}
	if l.resolver != nil {
		errs = append(errs, l.resolver.Close())
	}
	if l.firewall != nil {
		errs = append(errs, l.firewall.Close())
	}
	if l.meter != nil {
		errs = append(errs, l.meter.Close())
	}
	return errors.Join(append(errs, l.ns.Close())...)
}
