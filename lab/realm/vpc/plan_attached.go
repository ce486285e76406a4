package vpc

import (
	"net/netip"
	"slices"
)

// links plans the veth pairs of the VPC: one for each interface, and those of its gateways.
func (v *view) links() []link {
	var all []link
	if v.InternetGateway != "" {
		all = append(all, link{
			Near: end{Space: v.ID, Name: internetLink, MAC: mac("igw near", v.ID)},
			Far:  end{Space: internetSpace, Name: linkName("i", v.ID), MAC: mac("igw far", v.ID)},
			MTU:  outsideMTU,
		})
	}
	if v.hasServices() {
		all = append(all, link{
			Near: end{Space: v.ID, Name: servicesLink, MAC: mac("gwe near", v.ID)},
			Far:  end{Space: gatewaySpace(v.ID), Name: hostLink, MAC: mac("gwe far", v.ID)},
			MTU:  insideMTU,
		})
	}
	for _, i := range v.placed() {
		all = append(all, link{
			Near: end{Space: v.ID, Name: i.link(), MAC: i.routerMAC()},
			Far:  end{Space: i.ID, Name: hostLink, MAC: i.mac()},
			MTU:  insideMTU,
		})
	}
	return all
}

// attached plans the namespaces that hang on the router.
func (v *view) attached() []space {
	var all []space
	if v.hasServices() {
		all = append(all, v.services())
	}
	for _, i := range v.placed() {
		all = append(all, v.behind(i))
	}
	return all
}

// services plans the namespace where S3 and DynamoDB answer what comes through gateway endpoints: callers keep their
// private addresses, which other VPCs may use too.
func (v *view) services() space {
	s := space{
		Name:       gatewaySpace(v.ID),
		Sysctls:    hostSysctls(),
		Neighbours: []neighbour{{Link: hostLink, Addr: nearHop, MAC: mac("gwe near", v.ID)}},
		Routes:     []route{{Kind: routeUnicast, Destination: everything, Via: nearHop, Link: hostLink}},
	}
	for _, a := range []netip.Addr{S3Address, DynamoDBAddress} {
		s.Addresses = append(s.Addresses, address{Link: "lo", Prefix: hostPrefix(a)})
		s.Listeners = append(s.Listeners, serviceListeners(a, Origin{VPC: v.ID})...)
	}
	return s
}

// behind plans the namespace of an interface.
func (v *view) behind(i *Interface) space {
	subnet := v.subnets[i.Subnet]
	gateway := subnet.gatewayAddress()
	s := space{
		Name:       i.ID,
		Sysctls:    hostSysctls(),
		Addresses:  []address{{Link: hostLink, Prefix: netip.PrefixFrom(i.Address, subnet.CIDR.Bits())}},
		Neighbours: []neighbour{{Link: hostLink, Addr: gateway, MAC: i.routerMAC()}},
		// Even neighbours in the subnet are reached through the router, which filters.
		Routes: []route{
			{Kind: routeUnicast, Destination: hostPrefix(gateway), Link: hostLink},
			{Kind: routeUnicast, Destination: everything, Via: gateway, Link: hostLink},
		},
		Shapes: i.shapes(hostLink),
	}
	switch i.Role {
	case RoleNAT:
		s.Sysctls = slices.Concat(forwardingSysctls(), trackingSysctls(), idleSysctls())
		s.Ruleset = natRuleset(i.Address)
	case RoleFirewall:
		s.Sysctls = slices.Concat(forwardingSysctls(), trackingSysctls(), idleSysctls())
		v.addFirewall(&s, i)
	case RoleEndpoint:
		s.Listeners = serviceListeners(i.Address, Origin{VPC: v.ID, Interface: i.ID})
	default:
		v.addHost(&s, subnet)
	}
	return s
}

// addHost adds what an instance finds at its link-local addresses.
func (v *view) addHost(s *space, subnet *Subnet) {
	r := &resolver{VPC: v.ID, Zone: subnet.Zone, Addresses: []netip.AddrPort{netip.AddrPortFrom(ResolverAddress, 53)}}
	s.Addresses = append(s.Addresses,
		address{Link: "lo", Prefix: hostPrefix(ResolverAddress)},
		address{Link: "lo", Prefix: hostPrefix(MetadataAddress)})
	if base2, ok := v.resolverAddress(); ok {
		s.Addresses = append(s.Addresses, address{Link: "lo", Prefix: hostPrefix(base2)})
		r.Addresses = append(r.Addresses, netip.AddrPortFrom(base2, 53))
	}
	s.Resolver = r
}
