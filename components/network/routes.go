package network

import "net/netip"

// Via is what a route hands packets to.
type Via string

// The next hops of the plan. Local traffic inside the VPC needs no route.
const (
	ViaInternetGateway Via = "internet-gateway"
	ViaNAT             Via = "nat"
	ViaFirewall        Via = "firewall"
)

// IngressTable is the name of the internet gateway's own route table: it sends
// what arrives from outside through the firewall before it reaches a subnet.
// https://docs.aws.amazon.com/vpc/latest/userguide/gateway-route-tables.html
const IngressTable = "ingress"

// Route is one planned route. Table is a subnet's name, as every subnet has a
// table of its own, or IngressTable.
type Route struct {
	Name        string
	Table       string
	Destination netip.Prefix
	Via         Via
	Zone        string // letter of the zone that the next hop is in; empty for the internet gateway
}

var anywhere = netip.MustParsePrefix("0.0.0.0/0")

// planRoutes sends every packet through the firewall endpoint and NAT of its own
// zone, in both directions: a firewall that sees only half of a flow drops it,
// and a path through another zone fails with that zone.
// https://docs.aws.amazon.com/network-firewall/latest/developerguide/arch-igw-ngw.html
func planRoutes(subnets []Subnet) []Route {
	var routes []Route
	for _, subnet := range subnets {
		letter := subnet.Zone.Letter
		switch subnet.Tier {
		case Edge:
			routes = append(routes, Route{subnet.Name + "-out", subnet.Name, anywhere, ViaInternetGateway, ""})
		case Public:
			routes = append(routes,
				Route{subnet.Name + "-out", subnet.Name, anywhere, ViaFirewall, letter},
				Route{IngressTable + "-" + letter, IngressTable, subnet.CIDR, ViaFirewall, letter})
		case App:
			routes = append(routes, Route{subnet.Name + "-out", subnet.Name, anywhere, ViaNAT, letter})
		case Data, Mirror:
			// Nothing here talks to the world: local routes are enough.
		}
	}
	return routes
}
