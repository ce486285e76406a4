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
	if err := log.RegisterWithErrorFunc(ctx, hook, untilDone(ctx)); err != nil {
		return nil, err
	}
	return &eventReader{log: log}, nil
}

// untilDone keeps reading after errors, such as a full buffer: later events still come.
func untilDone(ctx context.Context) nflog.ErrorFunc {
	return func(error) int {
		if ctx.Err() != nil {
			return 1
		}
		return 0
	}
}

func (r *eventReader) Close() error { return r.log.Close() }

// logged turns a logged packet into an event.
func (e *firewallEndpoint) logged(prefix string, packet []byte) {
	source, destination, protocol, ok := fiveTuple(packet)
	if !ok {
		return
	}
	switch prefix {
	case prefixUntracked:
		e.tell(FirewallEvent{Action: "drop", Message: "packet of a connection whose beginning this endpoint has not seen"}, source, destination, protocol)
	case prefixDefault:
		e.report(-1, source, destination, protocol)
	default:
		if n, err := strconv.Atoi(prefix); err == nil {
			e.report(n, source, destination, protocol)
		}
	}
}

// report tells of a rule that matched, by its index, or -1 for the list of domains and the default.
func (e *firewallEndpoint) report(n int, source, destination netip.AddrPort, protocol int) {
	switch rules := e.plan.Load().Policy.Rules; {
	case n == -1:
		e.tell(FirewallEvent{Action: "drop", Message: "not allowed by any rule"}, source, destination, protocol)
	case n < len(rules): // else of an older policy
		e.tell(FirewallEvent{Action: rules[n].Action, Message: rules[n].Message, SID: rules[n].SID}, source, destination, protocol)
	}
}

// tell queues an event. Whoever listens may be slow: then events are lost, and counted, rather than packets.
func (e *firewallEndpoint) tell(event FirewallEvent, source, destination netip.AddrPort, protocol int) {
	event.Endpoint, event.Source, event.Destination, event.Protocol = e.plan.Load().Endpoint, source, destination, protocol
	select {
	case e.queue <- event:
	default:
		e.lost.Add(1)
	}
}

// deliver hands events over, one at a time, until the endpoint is closed.
func (e *firewallEndpoint) deliver() {
	for {
		select {
		case <-e.ctx.Done():
			return
		case event := <-e.queue:
			if to := e.plan.Load().Policy.LogTo; to != nil {
				to(event)
			}
			if lost := e.lost.Swap(0); lost > 0 {
				e.log.Warn("firewall events were lost: they came faster than they could be logged", "endpoint", event.Endpoint, "events", lost)
			}
		}
	}
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
