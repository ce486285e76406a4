package vpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"haven/lab/realm/host"
)

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

// FirewallCount is what a firewall endpoint has done with packets since its rules were last loaded.
type FirewallCount struct{ Received, Dropped, Rejected uint64 }

// FirewallCounts reads what each firewall endpoint has counted, by its interface's id. Endpoints that could not be read are missing
// and in the error.
func (n *Network) FirewallCounts(ctx context.Context) (map[string]FirewallCount, error) {
	n.mu.RLock()
	endpoints := map[string]*firewallEndpoint{}
	for id, live := range n.spaces {
		if live.firewall != nil {
			endpoints[id] = live.firewall
		}
	}
	n.mu.RUnlock()
	counts := map[string]FirewallCount{}
	var errs []error
	for id, endpoint := range endpoints {
		count, err := readCount(ctx, endpoint.ns)
		if err != nil {
			errs = append(errs, fmt.Errorf("reading the counters of firewall endpoint %s: %w", id, err))
			continue
		}
		counts[id] = count
	}
	return counts, errors.Join(errs...)
}

func readCount(ctx context.Context, ns *host.Namespace) (FirewallCount, error) {
	text, err := ns.Run(ctx, "", "nft", "-j", "list", "counters", "table", "ip", "haven")
	if err != nil {
		return FirewallCount{}, err
	}
	return parseCount(text)
}

// parseCount reads what nft lists: https://manpages.debian.org/libnftables-json.5
func parseCount(text string) (FirewallCount, error) {
	var listed struct {
		Nftables []struct {
			Counter *struct {
				Name    string
				Packets uint64
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &listed); err != nil {
		return FirewallCount{}, fmt.Errorf("decoding what nft lists: %w", err)
	}
	packets := map[string]uint64{}
	for _, object := range listed.Nftables {
		if object.Counter != nil {
			packets[object.Counter.Name] = object.Counter.Packets
		}
	}
	if len(packets) == 0 {
		return FirewallCount{}, errors.New("nft lists no counter")
	}
	return FirewallCount{packets[countReceived], packets[countDropped], packets[countRejected]}, nil
}
