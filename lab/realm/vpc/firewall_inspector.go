package vpc

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	rtnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"haven/lab/realm/host"
)

// inspector looks into the connections that a firewall endpoint's ruleset sends to its device. It puts every packet
// that may pass back into the device, unchanged, and marks a connection whose fate is decided: from then on the kernel
// alone passes or drops its packets.
type inspector struct {
	device  *os.File
	marks   *conntrack.Conn
	streams map[flowEnds]*clientStream
	tick    uint64 // of packets, to tell which stream is the oldest
	// decided are connections whose later packets were on their way to the device already, with the number of their
	// first byte: the latest ones, and those before.
	decided, before map[flowEnds]uint32
}

// flowEnds identify a connection, the client first.
type flowEnds struct{ source, destination netip.AddrPort }

const (
	lookLink = "look" // the device
	// lookMTU is more than any packet has, so that none is cut into fragments.
	lookMTU   = 65535
	lookQueue = 4096 // packets that may wait

	// undecidedStreams bounds what is kept: 4096 times what a stream holds. The oldest goes first.
	undecidedStreams = 4096
	// decidedStreams is how many are remembered at least: more than the packets that may wait.
	decidedStreams = lookQueue
)

// openInspector makes the device and leads what is marked into it.
func openInspector(ns *host.Namespace) (_ *inspector, err error) {
	i := newInspector()
	defer func() {
		if err != nil {
			err = errors.Join(err, i.Close())
		}
	}()
	attrs := rtnl.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.TxQLen = lookLink, lookMTU, lookQueue
	tun := &rtnl.Tuntap{LinkAttrs: attrs, Mode: rtnl.TUNTAP_MODE_TUN, Flags: rtnl.TUNTAP_NO_PI, Queues: 1, NonPersist: true}
	if err = ns.Do(func() error { return ns.Netlink().LinkAdd(tun) }); err != nil {
		return nil, fmt.Errorf("making a device: %w", err)
	}
	i.device = tun.Fds[0]
	link, err := ns.Netlink().LinkByName(lookLink)
	if err != nil {
		return nil, err
	}
	if err = errors.Join(ns.Netlink().LinkSetMTU(link, lookMTU), ns.Netlink().LinkSetUp(link)); err != nil {
		return nil, err
	}
	route := &rtnl.Route{LinkIndex: link.Attrs().Index, Table: lookTable, Scope: unix.RT_SCOPE_LINK, Dst: rtnl.NewIPNet(everything.Addr().AsSlice())}
	route.Dst.Mask = make([]byte, 4)
	if err = ns.Netlink().RouteReplace(route); err != nil {
		return nil, fmt.Errorf("leading connections to a device: %w", err)
	}
	i.marks, err = conntrack.Dial(&netlink.Config{NetNS: ns.FD()})
	return i, err
}

func newInspector() *inspector {
	return &inspector{streams: map[flowEnds]*clientStream{}, decided: map[flowEnds]uint32{}, before: map[flowEnds]uint32{}}
}

// run looks into packets until the device is closed.
func (i *inspector) run(decide decider, report func(rule int, source, destination netip.AddrPort, protocol int)) error {
	packet := make([]byte, lookMTU)
	for {
		n, err := i.device.Read(packet)
		if errors.Is(err, os.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		s, ok := parseSegment(packet[:n])
		if !ok {
			continue // the ruleset sends TCP alone
		}
		i.look(s, decide, report)
	}
}

// look takes one segment of a client.
func (i *inspector) look(s segment, decide decider, report func(rule int, source, destination netip.AddrPort, protocol int)) {
	if i.isDecided(s) {
		_, _ = i.device.Write(s.packet) // the kernel passes or drops it, by its connection's mark
		return
	}
	outcome := i.stream(s).take(s, decide)
	for _, rule := range outcome.events {
		report(rule, s.source, s.destination, unix.IPPROTO_TCP)
	}
	if outcome.mark != 0 {
		if err := i.mark(s.flowEnds, outcome.mark); err != nil {
			delete(i.streams, s.flowEnds)
			return // the connection has gone; what is not decided does not pass
		}
		i.settle(s.flowEnds)
	}
	for _, p := range outcome.packets {
		_, _ = i.device.Write(p) // one that is lost is sent again
	}
}

// isDecided tells whether a segment belongs to a connection that was decided. One that begins another between the same
// ends does not.
func (i *inspector) isDecided(s segment) bool {
	base, ok := i.decided[s.flowEnds]
	if !ok {
		base, ok = i.before[s.flowEnds]
	}
	if ok && s.has(flagSYN) && s.start() != base {
		delete(i.decided, s.flowEnds)
		delete(i.before, s.flowEnds)
		return false
	}
	return ok
}

// settle remembers that a connection is decided.
func (i *inspector) settle(ends flowEnds) {
	if len(i.decided) >= decidedStreams {
		i.decided, i.before = map[flowEnds]uint32{}, i.decided
	}
	i.decided[ends] = i.streams[ends].base
	delete(i.streams, ends)
}

// stream finds what is known of a segment's connection, or begins.
func (i *inspector) stream(s segment) *clientStream {
	t := i.streams[s.flowEnds]
	if t == nil || t.outlived(s) {
		if t == nil && len(i.streams) >= undecidedStreams {
			i.forgetOldest()
		}
		t = newStream(s)
		i.streams[s.flowEnds] = t
	}
	i.tick++
	t.seen = i.tick
	return t
}

// forgetOldest makes room. A client whose beginning was forgotten is looked at from what it sends next.
func (i *inspector) forgetOldest() {
	var oldest flowEnds
	seen := i.tick + 1
	for ends, t := range i.streams {
		if t.seen < seen {
			oldest, seen = ends, t.seen
		}
	}
	delete(i.streams, oldest)
}

// mark tells the kernel what becomes of a connection.
func (i *inspector) mark(ends flowEnds, mark uint32) error {
	var f conntrack.Flow
	f.TupleOrig.IP.SourceAddress, f.TupleOrig.IP.DestinationAddress = ends.source.Addr(), ends.destination.Addr()
	f.TupleOrig.Proto.Protocol = unix.IPPROTO_TCP
	f.TupleOrig.Proto.SourcePort, f.TupleOrig.Proto.DestinationPort = ends.source.Port(), ends.destination.Port()
	f.Mark = mark
	return i.marks.Update(f)
}

// Close removes the device: what is not decided is dropped from then on.
func (i *inspector) Close() error {
	var errs []error
	if i.device != nil {
		errs = append(errs, i.device.Close())
	}
	if i.marks != nil {
		errs = append(errs, i.marks.Close())
	}
	return errors.Join(errs...)
}
