package vpc

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/ti-mo/conntrack"
)

// Flow is one direction of a connection as one interface saw it in an interval, as a VPC flow log records it
// (https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html).
type Flow struct {
	VPC, Interface      string
	Source, Destination netip.AddrPort
	Protocol            int
	Packets, Bytes      uint64
	Start, End          time.Time
	Accepted            bool // false: a security group or network ACL dropped it
}

// meterPlan is what a router's meter needs to tell whose flow it is.
type meterPlan struct {
	VPC       string
	Zones     map[uint16]string     // conntrack zone to interface
	Addresses map[netip.Addr]string // to interface
	Links     map[string]string     // router's link to interface
}

// pairZone is the conntrack zone of connections that two interfaces track together.
const pairZone = 1

func (v *view) meter() *meterPlan {
	if !v.FlowLogs {
		return nil
	}
	m := &meterPlan{VPC: v.ID, Zones: map[uint16]string{}, Addresses: map[netip.Addr]string{}, Links: map[string]string{}}
	for _, i := range v.placed() {
		m.Addresses[i.Address] = i.ID
		m.Links[i.link()] = i.ID
		if zone, ok := v.zoneIDs[i.ID]; ok {
			m.Zones[uint16(zone)] = i.ID
		}
	}
	return m
}

// owners returns the interfaces that track a connection.
func (m *meterPlan) owners(zone uint16, a, b netip.Addr) []string {
	if zone != pairZone {
		if id, ok := m.Zones[zone]; ok {
			return []string{id}
		}
		return nil
	}
	var ids []string
	for _, address := range []netip.Addr{a, b} {
		if id, ok := m.Addresses[address]; ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// flowKey tells flows apart within an interval.
type flowKey struct {
	owner               string
	source, destination netip.AddrPort
	protocol            int
	accepted            bool
}

type flowCount struct {
	packets, bytes uint64
	first, last    time.Time
}

// tally adds up what was counted since the last report.
type tally struct {
	counts map[flowKey]*flowCount
	seen   map[connKey]flowTotals // totals of connections that go on
}

// connKey tells connections apart: an id alone may be used again.
type connKey struct {
	id    uint32
	zone  uint16
	orig  netip.AddrPort
	reply netip.AddrPort
}

type flowTotals struct{ orig, reply conntrack.Counter }

func newTally() *tally {
	return &tally{counts: map[flowKey]*flowCount{}, seen: map[connKey]flowTotals{}}
}

// connection counts what a connection has carried since it was last looked at; ended tells that it is over.
func (t *tally) connection(plan *meterPlan, f *conntrack.Flow, ended bool, now time.Time) {
	source, destination := ends(f.TupleOrig)
	key := connKey{id: f.ID, zone: f.Zone, orig: source, reply: destination}
	before := t.seen[key]
	if ended {
		delete(t.seen, key)
	} else {
		t.seen[key] = flowTotals{orig: f.CountersOrig, reply: f.CountersReply}
	}
	protocol := int(f.TupleOrig.Proto.Protocol)
	for _, owner := range plan.owners(f.Zone, source.Addr(), destination.Addr()) {
		t.add(flowKey{owner, source, destination, protocol, true}, since(f.CountersOrig, before.orig), now)
		t.add(flowKey{owner, destination, source, protocol, true}, since(f.CountersReply, before.reply), now)
	}
}

func since(now, before conntrack.Counter) conntrack.Counter {
	if now.Packets < before.Packets || now.Bytes < before.Bytes {
		return now
	}
	return conntrack.Counter{Packets: now.Packets - before.Packets, Bytes: now.Bytes - before.Bytes}
}

func (t *tally) add(key flowKey, c conntrack.Counter, now time.Time) {
	if c.Packets == 0 {
		return
	}
	count := t.counts[key]
	if count == nil {
		count = &flowCount{first: now}
		t.counts[key] = count
	}
	count.packets += c.Packets
	count.bytes += c.Bytes
	count.last = now
}

// report returns what was counted, in a stable order, and begins anew.
func (t *tally) report(vpcID string) []Flow {
	flows := make([]Flow, 0, len(t.counts))
	for key, c := range t.counts {
		flows = append(flows, Flow{
			VPC: vpcID, Interface: key.owner, Source: key.source, Destination: key.destination, Protocol: key.protocol,
			Packets: c.packets, Bytes: c.bytes, Start: c.first, End: c.last, Accepted: key.accepted,
		})
	}
	clear(t.counts)
	slices.SortFunc(flows, func(a, b Flow) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), a.Source.Compare(b.Source), a.Destination.Compare(b.Destination), cmp.Compare(a.Protocol, b.Protocol))
	})
	return flows
}

func ends(t conntrack.Tuple) (source, destination netip.AddrPort) {
	return netip.AddrPortFrom(t.IP.SourceAddress, t.Proto.SourcePort), netip.AddrPortFrom(t.IP.DestinationAddress, t.Proto.DestinationPort)
}
