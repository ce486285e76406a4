package vpc

import (
	"net/netip"
)

// plan is what must be there for a Spec to be true, as plain data: equal specs give equal plans.
type plan struct {
	Spaces []space // namespaces; the internet first, then routers, then what hangs on them
	Links  []link  // veth pairs between them
}

// space is one namespace and all that is configured inside.
type space struct {
	Name       string
	Sysctls    []sysctl
	Addresses  []address
	Neighbours []neighbour
	Routes     []route
	Rules      []rule
	Shapes     []shape
	Ruleset    string // nftables; replaces what there was, in one transaction
	Listeners  []listener
	Resolver   *resolver
	Firewall   *firewallPlan
	Meter      *meterPlan
}

type sysctl struct{ Key, Value string } // Key is the path below /proc/sys, with slashes

// link is a veth pair. Its ends are configured by the spaces that they are in.
type link struct {
	Near, Far end
	MTU       int
}

type end struct{ Space, Name, MAC string }

type address struct {
	Link   string
	Prefix netip.Prefix
}

// neighbour is a permanent entry: nobody in the realm asks with ARP.
type neighbour struct {
	Link string
	Addr netip.Addr
	MAC  string
}

type routeKind string

const (
	routeUnicast   routeKind = "unicast"
	routeThrow     routeKind = "throw" // ends the table's lookup; the next rule goes on
	routeBlackhole routeKind = "blackhole"
	routeLocal     routeKind = "local"
)

type route struct {
	Table       int // 0: main
	Kind        routeKind
	Destination netip.Prefix
	Via         netip.Addr // zero: directly on the link
	Link        string
	Source      netip.Addr // preferred; zero: none
}

// rule sends packets with a mark (0: all) to a table.
type rule struct {
	Priority int
	Mark     uint32
	Table    int
}

// listener is an address where the AWS services answer inside a space.
type listener struct {
	Address netip.AddrPort
	Origin  Origin
}

// resolver is where a space's DNS resolver listens, and who is asking there.
type resolver struct {
	Addresses []netip.AddrPort
	VPC, Zone string
}

// Origin tells through which door a request to the AWS services came.
type Origin struct {
	VPC       string // empty: from the public internet
	Interface string // the interface endpoint's interface; empty: the gateway endpoint
}

// Names and numbers that the planner gives.
const (
	internetSpace = "internet"

	hostLink     = "eth0" // in an interface's namespace
	internetLink = "igw"  // in a router: towards the internet
	servicesLink = "gwe"  // in a router: towards the services behind gateway endpoints

	// Jumbo frames inside a VPC, 1500 bytes through an internet gateway:
	// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html
	insideMTU  = 9001
	outsideMTU = 1500

	localTable    = 10 // a router's own: where each of the VPC's addresses is
	lookTable     = 11 // in a firewall endpoint's namespace: leads to the inspector's device
	tableBase     = 1000
	priorityMark  = 100
	priorityLocal = 200
)

// Next hops on the links that have no address of a VPC.
var (
	nearHop = netip.MustParseAddr("169.254.255.1") // the router's end
	farHop  = netip.MustParseAddr("169.254.255.2") // the other end

	everything = netip.MustParsePrefix("0.0.0.0/0")
)

func newPlan(spec Spec) plan {
	p := plan{Spaces: []space{newInternet(spec)}}
	var rest []space
	for i := range spec.VPCs {
		v := newView(&spec.VPCs[i])
		p.Spaces = append(p.Spaces, v.router())
		p.Links = append(p.Links, v.links()...)
		rest = append(rest, v.attached()...)
	}
	p.Spaces = append(p.Spaces, rest...)
	return p
}

// host returns the prefix that holds just the address.
func hostPrefix(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
