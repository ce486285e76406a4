package overview

import (
	"cmp"
	"slices"
	"strings"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	fwtypes "github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"

	"haven/lab/traffic"
)

// flow fills in what an interface carries.
func (b *builder) flow(t *Thing, interfaceID string) {
	if b.facts.Flow != nil && interfaceID != "" {
		t.Received, t.Sent = b.facts.Flow(interfaceID)
	}
}

// faultsOn marks a thing with the faults that name it, and with those of its kind that hit its whole zone; what such a
// fault takes away is failing, whatever AWS says of it.
func (b *builder) faultsOn(t *Thing, zone, interfaceID string, kinds ...string) {
	t.Faults = []string{}
	for _, fault := range b.facts.Faults {
		named := fault.Target != "" && (fault.Target == t.ID || fault.Target == interfaceID || interfaceID != "" && fault.Interface == interfaceID)
		whole := fault.Target == "" && fault.Zone == zone && slices.Contains(kinds, fault.Kind)
		if !named && !whole {
			continue
		}
		t.Faults = append(t.Faults, fault.ID)
		if whole && t.Health == Well {
			t.Health, t.Reason = Failing, "hit by the fault "+fault.Kind
		}
	}
}

func (b *builder) addFirewalls() {
	doors := map[string]ec2types.VpcEndpoint{}
	for _, door := range b.facts.Doors {
		doors[value(door.VpcEndpointId)] = door
	}
	for _, firewall := range b.facts.Firewalls {
		if firewall.Status == nil {
			continue
		}
		for zone, state := range firewall.Status.SyncStates {
			x := Endpoint{Thing{Group: firewall.Name, State: "PROVISIONING", Health: Busy}}
			interfaceID := ""
			if a := state.Attachment; a != nil {
				x.ID, x.State, x.Reason = value(a.EndpointId), string(a.Status), value(a.StatusMessage)
				x.Health = attachmentHealth(a.Status)
				if nics := doors[x.ID].NetworkInterfaceIds; len(nics) > 0 {
					interfaceID = nics[0]
				}
			}
			b.flow(&x.Thing, interfaceID)
			b.faultsOn(&x.Thing, zone, interfaceID, "firewall-endpoint", "zone-power")
			b.zone(zone).Firewall = append(b.zone(zone).Firewall, x)
		}
	}
	for _, zone := range b.zones {
		slices.SortFunc(zone.Firewall, func(a, b Endpoint) int { return cmp.Compare(a.ID, b.ID) })
	}
}

func attachmentHealth(status fwtypes.AttachmentStatus) Health {
	switch status {
	case fwtypes.AttachmentStatusReady:
		return Well
	case fwtypes.AttachmentStatusCreating, fwtypes.AttachmentStatusScaling, fwtypes.AttachmentStatusDeleting:
		return Busy
	}
	return Failing
}

func (b *builder) addNATs() {
	zones := map[string]string{}
	for _, subnet := range b.facts.Subnets {
		zones[value(subnet.SubnetId)] = value(subnet.AvailabilityZone)
	}
	for _, gateway := range b.facts.NATs {
		if gateway.State == ec2types.NatGatewayStateDeleted {
			continue
		}
		x := NAT{Thing: Thing{ID: value(gateway.NatGatewayId), State: string(gateway.State), Reason: value(gateway.FailureMessage), Health: natHealth(gateway.State)}}
		interfaceID := ""
		if len(gateway.NatGatewayAddresses) > 0 {
			first := gateway.NatGatewayAddresses[0]
			x.Address, x.Public, interfaceID = value(first.PrivateIp), value(first.PublicIp), value(first.NetworkInterfaceId)
		}
		zone := zones[value(gateway.SubnetId)]
		b.flow(&x.Thing, interfaceID)
		b.faultsOn(&x.Thing, zone, interfaceID, "zone-power")
		b.zone(zone).NAT = append(b.zone(zone).NAT, x)
	}
}

func natHealth(state ec2types.NatGatewayState) Health {
	switch state {
	case ec2types.NatGatewayStateAvailable:
		return Well
	case ec2types.NatGatewayStateFailed:
		return Failing
	}
	return Busy
}

func (b *builder) addNodes() {
	for _, node := range b.facts.Nodes {
		x := Node{
			Thing:  Thing{ID: node.Interface, Group: node.Balancer, State: "active", Health: Well, Address: node.Private},
			Public: node.Public, Loopback: node.Loopback, Ports: some(node.Ports), Traffic: b.traffic([]string{node.Interface}),
		}
		if !node.Running {
			x.State, x.Health, x.Reason = "not running", Failing, node.Reason
		}
		if !node.Running && b.provisioning(node.Balancer) {
			x.State, x.Health = "provisioning", Busy
		}
		b.flow(&x.Thing, node.Interface)
		b.faultsOn(&x.Thing, node.Zone, node.Interface, "balancer-node", "zone-power")
		b.zone(node.Zone).Balancer = append(b.zone(node.Zone).Balancer, x)
	}
}

func (b *builder) provisioning(balancer string) bool {
	return slices.ContainsFunc(b.balancers(), func(x Balancer) bool { return x.Name == balancer && x.State == "provisioning" })
}

func (b *builder) traffic(interfaces []string) traffic.Sample {
	if b.facts.Traffic == nil {
		return traffic.Sample{}
	}
	return b.facts.Traffic(interfaces...)
}

// interfaces returns those of a balancer's nodes; of all for an empty name.
func (b *builder) interfaces(balancer string) (all []string) {
	for _, node := range b.facts.Nodes {
		if balancer == "" || node.Balancer == balancer {
			all = append(all, node.Interface)
		}
	}
	return all
}

func (b *builder) balancers() []Balancer {
	all := []Balancer{}
	for _, balancer := range b.facts.Balancers {
		x := Balancer{Name: value(balancer.LoadBalancerName), DNSName: value(balancer.DNSName), Scheme: string(balancer.Scheme)}
		if balancer.State != nil {
			x.State = string(balancer.State.Code)
		}
		x.Traffic = b.traffic(b.interfaces(x.Name))
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b Balancer) int { return strings.Compare(a.Name, b.Name) })
	return all
}
