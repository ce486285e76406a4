package vpc

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func (l *liveSpace) setAddresses(want []address) error {
	var errs []error
	for have := range l.addresses {
		if slices.Contains(want, have) {
			continue
		}
		if err := l.ns.Netlink().AddrDel(l.link(have.Link), kernelAddress(have)); err != nil && !isGone(err) {
			errs = append(errs, fmt.Errorf("removing address %s: %w", have.Prefix, err))
			continue
		}
		delete(l.addresses, have)
	}
	for _, a := range want {
		if l.addresses[a] {
			continue
		}
		if err := l.ns.Netlink().AddrReplace(l.link(a.Link), kernelAddress(a)); err != nil {
			errs = append(errs, fmt.Errorf("giving %s address %s: %w", a.Link, a.Prefix, err))
			continue
		}
		l.addresses[a] = true
	}
	return errors.Join(errs...)
}

func (l *liveSpace) link(name string) netlink.Link {
	return &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, Index: l.index[name]}}
}

func kernelAddress(a address) *netlink.Addr {
	return &netlink.Addr{IPNet: ipNet(a.Prefix), Flags: unix.IFA_F_NOPREFIXROUTE}
}

func (l *liveSpace) setNeighbours(want []neighbour) error {
	var errs []error
	wanted := map[neighbourKey]neighbour{}
	for _, w := range want {
		wanted[neighbourKey{w.Link, w.Addr.String()}] = w
	}
	for key, have := range l.neighbour {
		if _, ok := wanted[key]; ok {
			continue
		}
		if err := l.ns.Netlink().NeighDel(l.kernelNeighbour(have)); err != nil && !isGone(err) {
			errs = append(errs, fmt.Errorf("removing neighbour %s: %w", have.Addr, err))
			continue
		}
		delete(l.neighbour, key)
	}
	for key, w := range wanted {
		if l.neighbour[key] == w {
			continue
		}
		if err := l.ns.Netlink().NeighSet(l.kernelNeighbour(w)); err != nil {
			errs = append(errs, fmt.Errorf("adding neighbour %s on %s: %w", w.Addr, w.Link, err))
			continue
		}
		l.neighbour[key] = w
	}
	return errors.Join(errs...)
}

func (l *liveSpace) kernelNeighbour(n neighbour) *netlink.Neigh {
	hardware, _ := net.ParseMAC(n.MAC) // the links were made with it
	return &netlink.Neigh{
		LinkIndex: l.index[n.Link], Family: unix.AF_INET, State: netlink.NUD_PERMANENT,
		IP: n.Addr.AsSlice(), HardwareAddr: hardware,
	}
}

func (l *liveSpace) setRoutes(want []route) error {
	var errs []error
	wanted := map[routeKey]route{}
	for _, w := range want {
		wanted[w.key()] = w
	}
	for key, w := range wanted {
		if l.routes[key] == w {
			continue
		}
		if err := l.ns.Netlink().RouteReplace(l.kernelRoute(w)); err != nil {
			errs = append(errs, fmt.Errorf("routing %s by %s in table %d: %w", w.Destination, w.Link, w.Table, err))
			continue
		}
		l.routes[key] = w
	}
	for key, have := range l.routes {
		if _, ok := wanted[key]; ok {
			continue
		}
		if err := l.ns.Netlink().RouteDel(l.kernelRoute(have)); err != nil && !isGone(err) {
			errs = append(errs, fmt.Errorf("removing route %s of table %d: %w", have.Destination, have.Table, err))
			continue
		}
		delete(l.routes, key)
	}
	return errors.Join(errs...)
}

func (r route) key() routeKey { return routeKey{r.Table, r.Destination.String()} }

func (l *liveSpace) kernelRoute(r route) *netlink.Route {
	k := &netlink.Route{Dst: ipNet(r.Destination), Table: r.Table, Family: netlink.FAMILY_V4}
	if r.Table == 0 {
		k.Table = unix.RT_TABLE_MAIN
	}
	switch r.Kind {
	case routeThrow:
		k.Type = unix.RTN_THROW
	case routeBlackhole:
		k.Type = unix.RTN_BLACKHOLE
	case routeLocal:
		k.Type, k.Scope, k.LinkIndex = unix.RTN_LOCAL, netlink.SCOPE_HOST, l.index[r.Link]
	default:
		k.Type, k.LinkIndex = unix.RTN_UNICAST, l.index[r.Link]
		if r.Via.IsValid() {
			k.Gw, k.Flags = r.Via.AsSlice(), int(netlink.FLAG_ONLINK)
		} else {
			k.Scope = netlink.SCOPE_LINK
		}
		if r.Source.IsValid() {
			k.Src = r.Source.AsSlice()
		}
	}
	return k
}

func (l *liveSpace) setRules(want []rule) error {
	var errs []error
	for _, w := range want {
		if l.rules[w] {
			continue
		}
		if err := l.ns.Netlink().RuleAdd(kernelRule(w)); err != nil && !errors.Is(err, unix.EEXIST) {
			errs = append(errs, fmt.Errorf("adding the rule for table %d: %w", w.Table, err))
			continue
		}
		l.rules[w] = true
	}
	for have := range l.rules {
		if slices.Contains(want, have) {
			continue
		}
		if err := l.ns.Netlink().RuleDel(kernelRule(have)); err != nil && !isGone(err) {
			errs = append(errs, fmt.Errorf("removing the rule for table %d: %w", have.Table, err))
			continue
		}
		delete(l.rules, have)
	}
	return errors.Join(errs...)
}

func kernelRule(r rule) *netlink.Rule {
	k := netlink.NewRule()
	k.Family, k.Priority, k.Table, k.Mark = netlink.FAMILY_V4, r.Priority, r.Table, r.Mark
	return k
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// isGone tells whether a removal failed because there was nothing to remove.
func isGone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENODEV) ||
		errors.Is(err, unix.EADDRNOTAVAIL) || errors.As(err, &netlink.LinkNotFoundError{})
}
