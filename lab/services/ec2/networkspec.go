package ec2

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

// networkSpec translates what is declared into what the realm has to make true: the whole network of every region.
func (s *Service) networkSpec(tx *cloud.Tx) (vpc.Spec, error) {
	var spec vpc.Spec
	for _, region := range cloud.Regions() {
		networks, err := vpcs.List(tx, region.Name)
		if err != nil {
			return spec, err
		}
		if len(networks) == 0 {
			continue
		}
		declared, err := s.readRegion(tx, region.Name)
		if err != nil {
			return spec, err
		}
		for _, network := range networks {
			spec.VPCs = append(spec.VPCs, declared.vpc(network))
		}
	}
	return spec, nil
}

func (d *declaration) vpc(row *vpcRow) vpc.VPC {
	network := vpc.VPC{ID: row.ID, Region: d.region, FlowLogs: d.watched[row.ID]}
	for _, block := range row.CIDRs {
		network.CIDRs = append(network.CIDRs, block.CIDR)
	}
	for _, gateway := range d.gateways {
		if gateway.VPC == row.ID {
			network.InternetGateway = gateway.ID
		}
	}
	for _, subnet := range d.subnets {
		if subnet.VPC == row.ID {
			network.FlowLogs = network.FlowLogs || d.watched[subnet.ID]
			network.Subnets = append(network.Subnets, vpc.Subnet{
				ID: subnet.ID, Zone: subnet.Zone, CIDR: subnet.CIDR, RouteTable: d.tableOf(subnet), NetworkACL: subnet.ACL,
			})
		}
	}
	for _, table := range d.tables {
		if table.VPC == row.ID {
			network.RouteTables = append(network.RouteTables, d.routeTable(table))
		}
	}
	for _, acl := range d.acls {
		if acl.VPC == row.ID {
			network.NetworkACLs = append(network.NetworkACLs, realACL(acl))
		}
	}
	for _, group := range d.groups {
		if group.VPC == row.ID {
			network.SecurityGroups = append(network.SecurityGroups, d.securityGroup(group))
		}
	}
	for _, list := range prefixLists(d.region) {
		real := vpc.PrefixList{ID: list.id}
		for _, block := range list.blocks {
			real.Prefixes = append(real.Prefixes, netip.MustParsePrefix(block))
		}
		network.PrefixLists = append(network.PrefixLists, real)
	}
	for _, id := range d.order {
		if nic := d.nics[id]; nic.VPC == row.ID {
			network.FlowLogs = network.FlowLogs || d.watched[nic.ID]
			network.Interfaces = append(network.Interfaces, vpc.Interface{
				ID: nic.ID, Subnet: nic.Subnet, Role: nic.Role, Address: nic.Address, MAC: nic.MAC, Public: d.public[nic.ID],
				SecurityGroups: nic.Groups, Forwards: nic.NoCheck, Firewall: d.firewalls[nic.ID], Impairment: d.impair(nic.place(d.region)),
			})
		}
	}
	return network
}

// tableOf returns the id of the table that a subnet uses: its own, or the VPC's main one.
func (d *declaration) tableOf(subnet *subnetRow) string {
	main := ""
	for _, table := range d.tables {
		if table.VPC != subnet.VPC {
			continue
		}
		if slices.ContainsFunc(table.Associations, func(a tableAssociation) bool { return a.Subnet == subnet.ID }) {
			return table.ID
		}
		if table.isMain() {
			main = table.ID
		}
	}
	return main
}

func (d *declaration) routeTable(row *routeTableRow) vpc.RouteTable {
	table := vpc.RouteTable{ID: row.ID}
	for _, association := range row.Associations {
		if association.Gateway != "" {
			table.Gateway = association.Gateway
		}
	}
	for _, route := range row.Routes {
		table.Routes = append(table.Routes, vpc.Route{Destination: route.CIDR, PrefixList: route.PrefixList, Target: d.target(row.VPC, route.Target)})
	}
	for _, endpoint := range d.endpoints {
		if endpoint.Type == types.VpcEndpointTypeGateway && slices.Contains(endpoint.RouteTables, row.ID) {
			table.Routes = append(table.Routes, vpc.Route{
				PrefixList: endpoint.prefixList(d.region), Target: vpc.Target{Kind: vpc.TargetGatewayEndpoint, ID: endpoint.ID},
			})
		}
	}
	return table
}

// target resolves what a route names to what stands there, or to a black hole.
func (d *declaration) target(vpcID, id string) vpc.Target {
	through := func(kind vpc.TargetKind, nic string) vpc.Target {
		if d.nics[nic] == nil {
			return vpc.Target{Kind: vpc.TargetBlackhole}
		}
		return vpc.Target{Kind: kind, ID: nic}
	}
	switch {
	case strings.HasPrefix(id, "igw-"):
		if slices.ContainsFunc(d.gateways, func(g *internetGatewayRow) bool { return g.ID == id && g.VPC == vpcID }) {
			return vpc.Target{Kind: vpc.TargetInternetGateway, ID: id}
		}
		return vpc.Target{Kind: vpc.TargetBlackhole}
	case strings.HasPrefix(id, "nat-"):
		if gateway := d.nats[id]; gateway != nil {
			return through(vpc.TargetNATGateway, gateway.Interface)
		}
		return vpc.Target{Kind: vpc.TargetBlackhole}
	case strings.HasPrefix(id, "vpce-"):
		return through(vpc.TargetFirewallEndpoint, d.interfaces[id])
	}
	return through(vpc.TargetInterface, id)
}

func realACL(row *networkACLRow) vpc.NetworkACL {
	acl := vpc.NetworkACL{ID: row.ID}
	for _, entry := range row.Entries {
		protocol, _ := strconv.Atoi(entry.Protocol) // checked when it came in
		real := vpc.ACLEntry{
			Number: int(entry.Number), Protocol: protocol, CIDR: entry.CIDR, FromPort: int(entry.From), ToPort: int(entry.To), Allow: entry.Allow,
		}
		if entry.Protocol == protocolICMP {
			real.FromPort, real.ToPort = int(entry.ICMPType), int(entry.ICMPCode)
		}
		if entry.Egress {
			acl.Egress = append(acl.Egress, real)
		} else {
			acl.Ingress = append(acl.Ingress, real)
		}
	}
	return acl
}

func (d *declaration) securityGroup(row *securityGroupRow) vpc.SecurityGroup {
	group := vpc.SecurityGroup{ID: row.ID}
	for _, rule := range slices.SortedFunc(slices.Values(d.rules[row.ID]), compareRules) {
		number, _ := protocolNumber(rule.Protocol) // checked when it came in
		protocol, _ := strconv.Atoi(number)
		real := vpc.GroupRule{
			Protocol: protocol, FromPort: int(rule.From), ToPort: int(rule.To), CIDR: rule.CIDR, Group: rule.Peer, PrefixList: rule.PrefixList,
		}
		if rule.Egress {
			group.Egress = append(group.Egress, real)
		} else {
			group.Ingress = append(group.Ingress, real)
		}
	}
	return group
}
