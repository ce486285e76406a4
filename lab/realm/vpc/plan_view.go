package vpc

import (
	"net/netip"
	"slices"
)

// view is one VPC with its parts by their ids, and the numbers given to them.
type view struct {
	*VPC
	subnets    map[string]*Subnet
	interfaces map[string]*Interface
	tables     map[string]*RouteTable
	acls       map[string]*NetworkACL
	groups     map[string]*SecurityGroup
	lists      map[string]*PrefixList
	tableIDs   map[string]int // of route tables: routing table and packet mark
	zoneIDs    map[string]int // of interfaces with security groups: conntrack zone
}

func newView(v *VPC) *view {
	w := &view{
		VPC:        v,
		subnets:    byID(v.Subnets, func(s *Subnet) string { return s.ID }),
		interfaces: byID(v.Interfaces, func(i *Interface) string { return i.ID }),
		tables:     byID(v.RouteTables, func(t *RouteTable) string { return t.ID }),
		acls:       byID(v.NetworkACLs, func(a *NetworkACL) string { return a.ID }),
		groups:     byID(v.SecurityGroups, func(g *SecurityGroup) string { return g.ID }),
		lists:      byID(v.PrefixLists, func(l *PrefixList) string { return l.ID }),
	}
	var tables, tracked []string
	for _, t := range v.RouteTables {
		tables = append(tables, t.ID)
	}
	for i := range v.Interfaces {
		if len(v.Interfaces[i].SecurityGroups) > 0 {
			tracked = append(tracked, v.Interfaces[i].ID)
		}
	}
	w.tableIDs = numbers(tables, tableBase, 1<<20)
	w.zoneIDs = numbers(tracked, 2, 60000)
	return w
}

func byID[T any](all []T, id func(*T) string) map[string]*T {
	m := make(map[string]*T, len(all))
	for i := range all {
		m[id(&all[i])] = &all[i]
	}
	return m
}

func (i *Interface) forwards() bool {
	return i.Forwards || i.Role == RoleNAT || i.Role == RoleFirewall
}

// link returns the name of the router's end of the interface's link.
func (i *Interface) link() string { return linkName("e", i.ID) }

func (i *Interface) mac() string {
	if i.MAC != "" {
		return i.MAC
	}
	return MAC(i.ID)
}

func (i *Interface) routerMAC() string { return mac("router", i.ID) }

// placed returns the VPC's interfaces whose subnet is known, in the order of their ids.
func (v *view) placed() []*Interface {
	var all []*Interface
	for i := range v.Interfaces {
		if v.subnets[v.Interfaces[i].Subnet] != nil {
			all = append(all, &v.Interfaces[i])
		}
	}
	slices.SortFunc(all, func(a, b *Interface) int { return compare(a.ID, b.ID) })
	return all
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// hasServices tells whether a gateway endpoint needs the services inside the VPC.
func (v *view) hasServices() bool {
	return slices.ContainsFunc(v.RouteTables, func(t RouteTable) bool {
		return slices.ContainsFunc(t.Routes, func(r Route) bool { return r.Target.Kind == TargetGatewayEndpoint })
	})
}

// edgeTable returns the table that routes what enters through the internet gateway, or nil.
func (v *view) edgeTable() *RouteTable {
	for i := range v.RouteTables {
		if v.InternetGateway != "" && v.RouteTables[i].Gateway == v.InternetGateway {
			return &v.RouteTables[i]
		}
	}
	return nil
}

// gatewayAddress is the subnet's router as its hosts see it: base plus one
// (https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html).
func (s *Subnet) gatewayAddress() netip.Addr { return s.CIDR.Masked().Addr().Next() }

// resolverAddress is the VPC's base plus two, where Amazon's DNS server answers too
// (https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html).
func (v *VPC) resolverAddress() (netip.Addr, bool) {
	if len(v.CIDRs) == 0 {
		return netip.Addr{}, false
	}
	return v.CIDRs[0].Masked().Addr().Next().Next(), true
}
