package vpc

import (
	"net/netip"
)

// twoZones is the network that the program declares, small: in each of two zones an edge subnet with a firewall
// endpoint, a public one with a balancer node and a NAT gateway, and a private one with a server. Everything from and
// to the internet crosses the firewall endpoint of its zone.
func twoZones() Spec {
	v := VPC{
		ID: "vpc-1", Region: "us-east-1", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}, InternetGateway: "igw-1",
		NetworkACLs: []NetworkACL{openACL},
		SecurityGroups: []SecurityGroup{
			{ID: "sg-balancer", Ingress: []GroupRule{tcp(443, "0.0.0.0/0"), tcp(80, "0.0.0.0/0")}, Egress: allowAll},
			{ID: "sg-server", Ingress: []GroupRule{{Protocol: 6, FromPort: 8080, ToPort: 8080, Group: "sg-balancer"}}, Egress: allowAll},
			{ID: "sg-endpoint", Ingress: []GroupRule{tcp(443, "10.0.0.0/16")}},
		},
		PrefixLists: []PrefixList{{ID: "pl-s3", Prefixes: []netip.Prefix{S3Range}}},
	}
	edge := RouteTable{ID: "rtb-ingress", Gateway: "igw-1"}
	for n, zone := range []string{"a", "b"} {
		v.addZone(n, zone, &edge)
	}
	v.RouteTables = append(v.RouteTables, edge)
	return Spec{VPCs: []VPC{v}}
}

func (v *VPC) addZone(n int, zone string, edge *RouteTable) {
	subnet := func(tier, base int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(tier*10 + n), 0}), base)
	}
	at := func(tier, host int) netip.Addr {
		return netip.AddrFrom4([4]byte{10, 0, byte(tier*10 + n), byte(host)})
	}
	public := func(host int) netip.Addr { return netip.AddrFrom4([4]byte{198, 18, byte(n), byte(host)}) }
	firewall, nat := "eni-firewall-"+zone, "eni-nat-"+zone
	for tier, name := range []string{"edge", "public", "private"} {
		v.Subnets = append(v.Subnets, Subnet{
			ID: "subnet-" + name + "-" + zone, Zone: "us-east-1" + zone, CIDR: subnet(tier, 24),
			RouteTable: "rtb-" + name + "-" + zone, NetworkACL: "acl-open",
		})
	}
	v.RouteTables = append(v.RouteTables,
		RouteTable{ID: "rtb-edge-" + zone, Routes: []Route{{Destination: anywhere, Target: Target{TargetInternetGateway, "igw-1"}}}},
		RouteTable{ID: "rtb-public-" + zone, Routes: []Route{{Destination: anywhere, Target: Target{TargetFirewallEndpoint, firewall}}}},
		RouteTable{ID: "rtb-private-" + zone, Routes: []Route{
			{Destination: anywhere, Target: Target{TargetNATGateway, nat}},
			{PrefixList: "pl-s3", Target: Target{TargetGatewayEndpoint, "vpce-s3"}},
		}})
	edge.Routes = append(edge.Routes, Route{Destination: subnet(1, 24), Target: Target{TargetFirewallEndpoint, firewall}})
	v.Interfaces = append(v.Interfaces,
		Interface{ID: firewall, Subnet: "subnet-edge-" + zone, Role: RoleFirewall, Address: at(0, 10), Firewall: &FirewallPolicy{}},
		Interface{ID: nat, Subnet: "subnet-public-" + zone, Role: RoleNAT, Address: at(1, 10), Public: public(10)},
		Interface{ID: "eni-balancer-" + zone, Subnet: "subnet-public-" + zone, Role: RoleHost, Address: at(1, 20), Public: public(20), SecurityGroups: []string{"sg-balancer"}},
		Interface{ID: "eni-server-" + zone, Subnet: "subnet-private-" + zone, Role: RoleHost, Address: at(2, 30), SecurityGroups: []string{"sg-server"}},
		Interface{ID: "eni-endpoint-" + zone, Subnet: "subnet-private-" + zone, Role: RoleEndpoint, Address: at(2, 40), SecurityGroups: []string{"sg-endpoint"}})
}

// route returns the route table's route to everything.
func (s *Spec) table(id string) *RouteTable {
	for i := range s.VPCs[0].RouteTables {
		if s.VPCs[0].RouteTables[i].ID == id {
			return &s.VPCs[0].RouteTables[i]
		}
	}
	panic(id)
}

func (s *Spec) face(id string) *Interface {
	for i := range s.VPCs[0].Interfaces {
		if s.VPCs[0].Interfaces[i].ID == id {
			return &s.VPCs[0].Interfaces[i]
		}
	}
	panic(id)
}
