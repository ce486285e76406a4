package vpc

import (
	"net/netip"
	"slices"
	"strings"
)

// router plans the VPC's router. A packet's way through it: the ruleset marks it with the route table of where it
// came from; the table's routes decide; what they leave to the local route is found in the local table.
func (v *view) router() space {
	s := space{Name: v.ID, Sysctls: slices.Concat(forwardingSysctls(), trackingSysctls(), routerSysctls()), Ruleset: v.routerRuleset(), Meter: v.meter()}
	if len(v.CIDRs) > 0 { // ICMP errors of the router need an address to come from
		s.Addresses = append(s.Addresses, address{Link: "lo", Prefix: hostPrefix(v.CIDRs[0].Masked().Addr().Next())})
	}
	for _, i := range v.placed() {
		s.Neighbours = append(s.Neighbours, neighbour{Link: i.link(), Addr: i.Address, MAC: i.mac()})
		s.Routes = append(s.Routes, route{Table: localTable, Kind: routeUnicast, Destination: hostPrefix(i.Address), Link: i.link()})
		s.Shapes = append(s.Shapes, i.shapes(i.link())...)
	}
	s.Routes = append(s.Routes, route{Table: localTable, Kind: routeBlackhole, Destination: everything})
	if v.InternetGateway != "" {
		s.Neighbours = append(s.Neighbours, neighbour{Link: internetLink, Addr: farHop, MAC: mac("igw far", v.ID)})
	}
	if v.hasServices() {
		s.Neighbours = append(s.Neighbours, neighbour{Link: servicesLink, Addr: farHop, MAC: mac("gwe far", v.ID)})
	}
	s.Rules = []rule{{Priority: priorityLocal, Table: localTable}}
	for _, t := range v.sortedTables() {
		id := v.tableIDs[t.ID]
		s.Rules = append(s.Rules, rule{Priority: priorityMark, Mark: uint32(id), Table: id})
		s.Routes = append(s.Routes, v.tableRoutes(t, id)...)
	}
	return s
}

func (v *view) sortedTables() []*RouteTable {
	var all []*RouteTable
	for i := range v.RouteTables {
		all = append(all, &v.RouteTables[i])
	}
	slices.SortFunc(all, func(a, b *RouteTable) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// tableRoutes translates a route table. A destination that is there twice is routed by the static route rather than
// by the prefix list (https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html, "Route priority").
func (v *view) tableRoutes(t *RouteTable, id int) []route {
	chosen := map[netip.Prefix]route{}
	for _, cidr := range v.CIDRs {
		chosen[cidr.Masked()] = route{Table: id, Kind: routeThrow, Destination: cidr.Masked()}
	}
	for _, r := range t.Routes {
		if r.PrefixList != "" {
			continue
		}
		if _, isLocal := chosen[r.Destination.Masked()]; !isLocal || !v.isTargetLocal(r) {
			chosen[r.Destination.Masked()] = v.towards(r.Target, r.Destination.Masked(), id)
		}
	}
	for _, r := range t.Routes {
		list := v.lists[r.PrefixList]
		if list == nil {
			continue
		}
		for _, prefix := range list.Prefixes {
			if _, taken := chosen[prefix.Masked()]; !taken {
				chosen[prefix.Masked()] = v.towards(r.Target, prefix.Masked(), id)
			}
		}
	}
	routes := make([]route, 0, len(chosen))
	for _, r := range chosen {
		routes = append(routes, r)
	}
	slices.SortFunc(routes, func(a, b route) int { return strings.Compare(a.Destination.String(), b.Destination.String()) })
	return routes
}

// isTargetLocal tells whether a route is the local one, given in full.
func (v *view) isTargetLocal(r Route) bool { return r.Target.Kind == "" || r.Target.Kind == "local" }

// towards returns the route to a target; what the target is not there for is dropped, as AWS's blackhole routes do.
func (v *view) towards(t Target, destination netip.Prefix, table int) route {
	r := route{Table: table, Kind: routeUnicast, Destination: destination}
	switch t.Kind {
	case TargetInternetGateway:
		if v.InternetGateway != "" && t.ID == v.InternetGateway {
			r.Via, r.Link = farHop, internetLink
			return r
		}
	case TargetGatewayEndpoint:
		r.Via, r.Link = farHop, servicesLink
		return r
	case TargetNATGateway, TargetFirewallEndpoint, TargetInterface:
		if i := v.interfaces[t.ID]; i != nil && v.subnets[i.Subnet] != nil {
			r.Via, r.Link = i.Address, i.link()
			return r
		}
	}
	return route{Table: table, Kind: routeBlackhole, Destination: destination}
}
