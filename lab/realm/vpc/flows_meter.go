package vpc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/florianl/go-nflog/v2"
	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"github.com/ti-mo/netfilter"

	"haven/lab/realm/host"
)

const (
	defaultFlowInterval = time.Minute
	rejectGroup         = 2
	prefixRejectOut     = "reject out" // by what filters the sending interface
	prefixRejectIn      = "reject in"
	meterBuffer         = 4 << 20 // bytes of events that may wait
)

// meter counts the flows through one router: conntrack tells of what was let through, the log of what was not.
type meter struct {
	plan     atomic.Pointer[meterPlan]
	links    atomic.Pointer[map[uint32]string] // link index to interface
	dump     *conntrack.Conn
	events   *conntrack.Conn
	rejected *nflog.Nflog
	to       func([]Flow)
	log      *slog.Logger

	mu     sync.Mutex // guards tally
	tally  *tally
	cancel context.CancelFunc
	group  sync.WaitGroup
}

// setMeter keeps a router's meter as its plan wants it.
func (n *Network) setMeter(live *liveSpace, s space) error {
	switch {
	case s.Meter == nil || n.opts.Flows == nil:
		if live.meter == nil {
			return nil
		}
		err := live.meter.Close()
		live.meter = nil
		return err
	case live.meter == nil:
		m, err := n.startMeter(live.ns)
		if err != nil {
			return fmt.Errorf("counting the flows of %s: %w", s.Name, err)
		}
		live.meter = m
	}
	links := map[uint32]string{}
	for name, index := range live.index {
		links[uint32(index)] = s.Meter.Links[name]
	}
	live.meter.links.Store(&links)
	live.meter.plan.Store(s.Meter)
	return nil
}

func (n *Network) startMeter(ns *host.Namespace) (_ *meter, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	m := &meter{to: n.opts.Flows, log: n.log, tally: newTally(), cancel: cancel}
	m.plan.Store(&meterPlan{})
	m.links.Store(&map[uint32]string{})
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	if m.dump, err = conntrack.Dial(&netlink.Config{NetNS: ns.FD()}); err != nil {
		return nil, err
	}
	if m.events, err = conntrack.Dial(&netlink.Config{NetNS: ns.FD()}); err != nil {
		return nil, err
	}
	// Under a flood events are lost rather than the reader: what they told of is missing from its interval.
	if err = errors.Join(m.events.SetReadBuffer(meterBuffer), m.events.SetOption(netlink.NoENOBUFS, true)); err != nil {
		return nil, err
	}
	ended := make(chan conntrack.Event, 1024)
	failed, err := m.events.Listen(ended, 1, []netfilter.NetlinkGroup{netfilter.GroupCTDestroy})
	if err != nil {
		return nil, err
	}
	m.rejected, err = nflog.Open(&nflog.Config{NetNS: ns.FD(), Group: rejectGroup, Copymode: nflog.CopyPacket, Bufsize: 128})
	if err != nil {
		return nil, err
	}
	if err = m.rejected.RegisterWithErrorFunc(ctx, m.reject, untilDone(ctx)); err != nil {
		return nil, err
	}
	interval := n.opts.FlowInterval
	if interval == 0 {
		interval = defaultFlowInterval
	}
	m.group.Go(func() { m.run(ctx, interval, ended, failed) })
	return m, nil
}

func (m *meter) run(ctx context.Context, interval time.Duration, ended chan conntrack.Event, failed chan error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-failed:
			if ctx.Err() == nil {
				m.log.Warn("flows that end are no longer counted to their end", "vpc", m.plan.Load().VPC, "error", err)
			}
			failed = nil
		case e := <-ended:
			if e.Flow != nil {
				m.mu.Lock()
				m.tally.connection(m.plan.Load(), e.Flow, true, time.Now())
				m.mu.Unlock()
			}
		case <-tick.C:
			m.report()
		}
	}
}

// report counts what goes on, and hands all of the interval's flows over.
func (m *meter) report() {
	flows, err := m.dump.Dump(nil)
	if err != nil {
		m.log.Warn("reading the connections of a router", "vpc", m.plan.Load().VPC, "error", err)
	}
	plan, now := m.plan.Load(), time.Now()
	m.mu.Lock()
	for i := range flows {
		m.tally.connection(plan, &flows[i], false, now)
	}
	counted := m.tally.report(plan.VPC)
	m.mu.Unlock()
	if len(counted) > 0 {
		m.to(counted)
	}
}

// reject counts a packet that was dropped.
func (m *meter) reject(a nflog.Attribute) int {
	if a.Prefix == nil || a.Payload == nil {
		return 0
	}
	var index *uint32
	switch strings.TrimRight(*a.Prefix, "\x00") {
	case prefixRejectOut:
		index = a.InDev
	case prefixRejectIn:
		index = a.OutDev
	}
	source, destination, protocol, ok := fiveTuple(*a.Payload)
	if index == nil || !ok {
		return 0
	}
	owner := (*m.links.Load())[*index]
	if owner == "" {
		return 0
	}
	length := uint64(binary.BigEndian.Uint16((*a.Payload)[2:]))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tally.add(flowKey{owner, source, destination, protocol, false}, conntrack.Counter{Packets: 1, Bytes: length}, time.Now())
	return 0
}

// Close stops counting. The events are closed while they are still being read, or their reader would wait for ever.
func (m *meter) Close() error {
	var errs []error
	if m.events != nil {
		errs = append(errs, m.events.Close())
	}
	m.cancel()
	m.group.Wait()
	if m.dump != nil {
		errs = append(errs, m.dump.Close())
	}
	if m.rejected != nil {
		errs = append(errs, m.rejected.Close())
	}
	return errors.Join(errs...)
}
