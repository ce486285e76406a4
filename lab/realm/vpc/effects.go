package vpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/vishvananda/netlink"
)

// workers is how many namespaces are configured at a time: the kernel serialises much of it anyway.
const workers = 4

// removeObsolete removes links and namespaces that the plan does not have, or has otherwise.
func (n *Network) removeObsolete(want plan) error {
	var errs []error
	keep := map[string]link{}
	for _, l := range want.Links {
		keep[l.key()] = l
	}
	for key, have := range n.links {
		if wanted, ok := keep[key]; ok && wanted == have {
			continue
		}
		if err := n.removeLink(have); err != nil {
			errs = append(errs, err)
			continue
		}
		delete(n.links, key)
	}
	return errors.Join(append(errs, n.removeSpaces(want))...)
}

func (n *Network) removeSpaces(want plan) error {
	wanted := map[string]bool{}
	for _, s := range want.Spaces {
		wanted[s.Name] = true
	}
	var gone []*liveSpace
	n.mu.Lock()
	for name, live := range n.spaces {
		if !wanted[name] {
			delete(n.spaces, name)
			gone = append(gone, live)
		}
	}
	n.mu.Unlock()
	return each(gone, func(live *liveSpace) error {
		if err := live.close(); err != nil {
			return fmt.Errorf("removing namespace %s: %w", live.ns.Name(), err)
		}
		return nil
	})
}

func (l link) key() string { return l.Near.Space + " " + l.Near.Name }

func (n *Network) removeLink(l link) error {
	near := n.spaces[l.Near.Space]
	if index, ok := near.index[l.Near.Name]; ok {
		err := near.ns.Netlink().LinkDel(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Index: index, Name: l.Near.Name}})
		if err != nil && !isGone(err) {
			return fmt.Errorf("removing link %s of %s: %w", l.Near.Name, l.Near.Space, err)
		}
	}
	near.forget(l.Near.Name)
	if far := n.spaces[l.Far.Space]; far != nil {
		far.forget(l.Far.Name)
	}
	return nil
}

func (n *Network) createSpaces(want plan) error {
	return each(want.Spaces, func(s space) error {
		if _, ok := n.space(s.Name); ok {
			return nil
		}
		live, err := n.makeSpace(s)
		if err != nil {
			return err
		}
		n.mu.Lock()
		n.spaces[s.Name] = live
		n.mu.Unlock()
		return nil
	})
}

// loadRulesets comes before links and routes: nothing is ever open that should be filtered.
func (n *Network) loadRulesets(ctx context.Context, want plan) error {
	return each(want.Spaces, func(s space) error {
		live, ok := n.space(s.Name)
		if !ok {
			return nil // already reported
		}
		if err := live.loadRuleset(ctx, s.Ruleset); err != nil {
			return fmt.Errorf("loading the rules of %s: %w", s.Name, err)
		}
		return nil
	})
}

func (n *Network) createLinks(want plan) error {
	var errs []error
	for _, l := range want.Links {
		if _, ok := n.links[l.key()]; ok {
			continue
		}
		if err := n.createLink(l); err != nil {
			errs = append(errs, fmt.Errorf("linking %s to %s: %w", l.Far.Space, l.Near.Space, err))
			continue
		}
		n.links[l.key()] = l
	}
	return errors.Join(errs...)
}

func (n *Network) createLink(l link) error {
	near, far := n.spaces[l.Near.Space], n.spaces[l.Far.Space]
	if near == nil || far == nil {
		return errors.New("a namespace is missing")
	}
	nearMAC, err := net.ParseMAC(l.Near.MAC)
	if err != nil {
		return err
	}
	farMAC, err := net.ParseMAC(l.Far.MAC)
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = l.Near.Name, l.MTU, nearMAC
	veth := &netlink.Veth{
		LinkAttrs: attrs, PeerName: l.Far.Name, PeerHardwareAddr: farMAC,
		PeerNamespace: netlink.NsFd(far.ns.FD()), PeerMTU: uint32(l.MTU),
	}
	if err := near.ns.Netlink().LinkAdd(veth); err != nil {
		return err
	}
	if err := errors.Join(near.bringUp(l.Near.Name), far.bringUp(l.Far.Name)); err != nil {
		return err
	}
	// The near end was up first and got its carrier from the far one; until the kernel's link watch has seen that, it
	// drops what it should send. Asking for the link makes the kernel see to it at once (rtnl_getlink).
	_, err = near.ns.Netlink().LinkByIndex(near.index[l.Near.Name])
	return err
}

func (l *liveSpace) bringUp(name string) error {
	made, err := l.ns.Netlink().LinkByName(name)
	if err != nil {
		return err
	}
	l.index[name] = made.Attrs().Index
	return l.ns.Netlink().LinkSetUp(made)
}

func (n *Network) configure(ctx context.Context, want plan) error {
	return each(want.Spaces, func(s space) error {
		live, ok := n.space(s.Name)
		if !ok || live.ruleset != s.Ruleset {
			return nil // already reported; unfiltered it stays unconfigured
		}
		return errors.Join(live.setAddresses(s.Addresses), live.setNeighbours(s.Neighbours), live.setRoutes(s.Routes),
			live.setRules(s.Rules), live.setShapes(s.Shapes), n.setListeners(ctx, live, s), n.setResolver(ctx, live, s), n.setFirewall(live, s), n.setMeter(live, s))
	})
}

// each runs f on all of them, a few at a time, and joins the errors.
func each[T any](all []T, f func(T) error) error {
	errs := make([]error, len(all))
	slots := make(chan struct{}, workers)
	var group sync.WaitGroup
	for i := range all {
		group.Add(1)
		slots <- struct{}{}
		go func() {
			defer group.Done()
			errs[i] = f(all[i])
			<-slots
		}()
	}
	group.Wait()
	return errors.Join(errs...)
}
