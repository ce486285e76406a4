package vpc

import "net/netip"

// newInternet plans the world beyond the gateways: the AWS services' public endpoints, clients and servers outside,
// and a link to each VPC that has an internet gateway. It knows public addresses only.
func newInternet(spec Spec) space {
	s := space{Name: internetSpace, Sysctls: forwardingSysctls()}
	for _, a := range []netip.Addr{ServicesAddress, S3Address, DynamoDBAddress, OutsideClient} {
		s.Addresses = append(s.Addresses, address{Link: "lo", Prefix: hostPrefix(a)})
	}
	for _, a := range []netip.Addr{ServicesAddress, S3Address, DynamoDBAddress} {
		s.Listeners = append(s.Listeners, serviceListeners(a, Origin{})...)
	}
	s.Routes = []route{
		{Table: kernelLocalTable, Kind: routeLocal, Destination: OutsideRange, Link: "lo"}, // a server may take any address
		{Kind: routeBlackhole, Destination: everything},
	}
	for i := range spec.VPCs {
		v := &spec.VPCs[i]
		if v.InternetGateway == "" {
			continue
		}
		name := linkName("i", v.ID)
		s.Neighbours = append(s.Neighbours, neighbour{Link: name, Addr: nearHop, MAC: mac("igw near", v.ID)})
		for j := range v.Interfaces {
			if public := v.Interfaces[j].Public; public.IsValid() {
				s.Routes = append(s.Routes, route{
					Kind: routeUnicast, Destination: hostPrefix(public), Via: nearHop, Link: name, Source: OutsideClient,
				})
			}
		}
	}
	return s
}

// kernelLocalTable is the routing table that Linux keeps for addresses of its own.
const kernelLocalTable = 255

func serviceListeners(a netip.Addr, origin Origin) []listener {
	return []listener{
		{Address: netip.AddrPortFrom(a, 443), Origin: origin},
		{Address: netip.AddrPortFrom(a, 80), Origin: origin},
	}
}

// forwardingSysctls are of every namespace that forwards packets. Packets may leave by the link they came by, and the
// way back may differ, so neither redirects nor the reverse path filter are wanted.
func forwardingSysctls() []sysctl {
	return []sysctl{
		{"net/ipv4/ip_forward", "1"}, // first: it resets the others
		{"net/ipv4/conf/all/rp_filter", "0"},
		{"net/ipv4/conf/default/rp_filter", "0"},
		{"net/ipv4/conf/all/send_redirects", "0"},
		{"net/ipv4/conf/default/send_redirects", "0"},
		{"net/ipv4/conf/all/accept_redirects", "0"},
		{"net/ipv4/conf/default/accept_redirects", "0"},
		{"net/ipv6/conf/default/disable_ipv6", "1"},
	}
}

// trackingSysctls make conntrack refuse what it has not seen from the first packet on, and forget closed connections
// soon, so that many short ones do not fill its table.
func trackingSysctls() []sysctl {
	return []sysctl{
		{"net/netfilter/nf_conntrack_tcp_loose", "0"},
		{"net/netfilter/nf_conntrack_tcp_timeout_time_wait", "10"},
	}
}

// routerSysctls make conntrack count packets and bytes, and let the router's own ICMP errors cross it again when they
// come back through a NAT gateway.
func routerSysctls() []sysctl {
	return []sysctl{{"net/netfilter/nf_conntrack_acct", "1"}, {"net/ipv4/conf/all/accept_local", "1"}}
}

// A NAT gateway and a network firewall forget TCP connections that are idle for 350 seconds:
// https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html,
// https://docs.aws.amazon.com/network-firewall/latest/developerguide/firewall-policy-settings.html
func idleSysctls() []sysctl {
	return []sysctl{{"net/netfilter/nf_conntrack_tcp_timeout_established", "350"}}
}

func hostSysctls() []sysctl {
	return []sysctl{
		{"net/ipv4/ip_forward", "0"},
		{"net/ipv4/conf/all/rp_filter", "0"},
		{"net/ipv4/conf/default/rp_filter", "0"},
		{"net/ipv4/conf/all/accept_redirects", "0"},
		{"net/ipv4/conf/default/accept_redirects", "0"},
		{"net/ipv4/ping_group_range", "0 2147483647"},
		{"net/ipv6/conf/default/disable_ipv6", "1"},
	}
}
