package vpc

import "maps"

// Counter is what an interface has carried since it was made.
type Counter struct {
	ReceivedBytes, SentBytes     uint64
	ReceivedPackets, SentPackets uint64
}

// Counters reads what each interface has carried, by its id, as the kernel counts it at the interface's own end. An
// interface that comes or goes meanwhile may be missing.
func (n *Network) Counters() map[string]Counter {
	n.mu.RLock()
	spaces := maps.Clone(n.spaces)
	n.mu.RUnlock()
	counters := map[string]Counter{}
	for id, live := range spaces {
		link, err := live.ns.Netlink().LinkByName(hostLink)
		if err != nil || link.Attrs().Statistics == nil {
			continue // a router, or the internet; or it is being removed
		}
		seen := link.Attrs().Statistics
		counters[id] = Counter{
			ReceivedBytes: seen.RxBytes, SentBytes: seen.TxBytes, ReceivedPackets: seen.RxPackets, SentPackets: seen.TxPackets,
		}
	}
	return counters
}
