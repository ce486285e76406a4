package vpc

import (
	"context"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"github.com/florianl/go-nflog/v2"
	"golang.org/x/sys/unix"

	"haven/lab/realm/host"
)

// eventReader reads what the ruleset of one namespace logs.
type eventReader struct{ log *nflog.Nflog }

func readEvents(ctx context.Context, ns *host.Namespace, each func(prefix string, packet []byte)) (*eventReader, error) {
	config := nflog.Config{NetNS: ns.FD(), Group: logGroup, Copymode: nflog.CopyPacket, Bufsize: 128}
	log, err := nflog.Open(&config)
	if err != nil {
		return nil, err
	}
	hook := func(a nflog.Attribute) int {
		if a.Prefix != nil && a.Payload != nil {
			each(strings.TrimRight(*a.Prefix, "\x00"), *a.Payload)
		}
		return 0
	}
	failed := func(error) int { // such as a full buffer: later events still come
		if ctx.Err() != nil {
			return 1
		}
		return 0
	}
	if err := log.RegisterWithErrorFunc(ctx, hook, failed); err != nil {
		return nil, err
	}
	return &eventReader{log: log}, nil
}

func (r *eventReader) Close() error { return r.log.Close() }

// logged turns a logged packet into an event.
func (p *firewallProxy) logged(prefix string, packet []byte) {
	source, destination, protocol, ok := fiveTuple(packet)
	if !ok {
		return
	}
	plan := p.plan.Load()
	switch prefix {
	case prefixUntracked:
		plan.tell(FirewallEvent{Action: "drop", Message: "packet of a connection whose beginning this endpoint has not seen"}, source, destination, protocol)
	case prefixDefault:
		plan.report(-1, source, destination, protocol)
	default:
		if n, err := strconv.Atoi(prefix); err == nil {
			plan.report(n, source, destination, protocol)
		}
	}
}

// report tells of a rule that matched, by its index, or -1 for the list of domains and the default.
func (p *firewallPlan) report(n int, source, destination netip.AddrPort, protocol int) {
	switch {
	case n == -1:
		p.tell(FirewallEvent{Action: "drop", Message: "not allowed by any rule"}, source, destination, protocol)
	case n < len(p.Policy.Rules): // else of an older policy
		r := p.Policy.Rules[n]
		p.tell(FirewallEvent{Action: r.Action, Message: r.Message, SID: r.SID}, source, destination, protocol)
	}
}

func (p *firewallPlan) tell(e FirewallEvent, source, destination netip.AddrPort, protocol int) {
	if p.Policy.LogTo == nil {
		return
	}
	e.Endpoint, e.Source, e.Destination, e.Protocol = p.Endpoint, source, destination, protocol
	p.Policy.LogTo(e)
}

// fiveTuple reads an IPv4 packet's addresses, and its ports where it has them.
func fiveTuple(packet []byte) (source, destination netip.AddrPort, protocol int, ok bool) {
	if len(packet) < 20 || packet[0]>>4 != 4 {
		return source, destination, 0, false
	}
	protocol = int(packet[9])
	from, to := netip.AddrFrom4([4]byte(packet[12:16])), netip.AddrFrom4([4]byte(packet[16:20]))
	var fromPort, toPort uint16
	if header := int(packet[0]&0x0f) * 4; (protocol == unix.IPPROTO_TCP || protocol == unix.IPPROTO_UDP) && len(packet) >= header+4 {
		fromPort, toPort = binary.BigEndian.Uint16(packet[header:]), binary.BigEndian.Uint16(packet[header+2:])
	}
	return netip.AddrPortFrom(from, fromPort), netip.AddrPortFrom(to, toPort), protocol, true
}
