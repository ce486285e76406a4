package ec2

import (
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/faults"
	"haven/lab/realm/vpc"
)

// declaration is one region's rows.
type declaration struct {
	region     string
	gateways   []*internetGatewayRow
	subnets    []*subnetRow
	tables     []*routeTableRow
	acls       []*networkACLRow
	groups     []*securityGroupRow
	rules      map[string][]*groupRuleRow // by group
	nics       map[string]*interfaceRow   // those that are there: not of stopped instances
	order      []string                   // of nics
	nats       map[string]*natGatewayRow
	endpoints  []*endpointRow
	public     map[string]netip.Addr // by interface
	firewalls  map[string]*vpc.FirewallPolicy
	watched    map[string]bool   // what flow logs watch: VPCs, subnets, interfaces
	interfaces map[string]string // of firewall endpoints, by endpoint
	impair     func(faults.Place) vpc.Impairment
}

func (s *Service) readRegion(tx *cloud.Tx, region string) (*declaration, error) {
	d := &declaration{
		region: region, nics: map[string]*interfaceRow{}, nats: map[string]*natGatewayRow{}, public: map[string]netip.Addr{},
		firewalls: map[string]*vpc.FirewallPolicy{}, interfaces: map[string]string{}, watched: map[string]bool{},
	}
	var err error
	read := func(step func() error) {
		if err == nil {
			err = step()
		}
	}
	read(func() (err error) { d.gateways, err = internetGateways.List(tx, region); return })
	read(func() (err error) { d.subnets, err = subnets.List(tx, region); return })
	read(func() (err error) { d.tables, err = routeTables.List(tx, region); return })
	read(func() (err error) { d.acls, err = networkACLs.List(tx, region); return })
	read(func() (err error) { d.groups, err = securityGroups.List(tx, region); return })
	read(func() (err error) { d.rules, err = rulesByGroup(tx, region); return })
	read(func() (err error) { d.endpoints, err = endpoints.List(tx, region); return })
	read(func() error { return d.readInterfaces(tx) })
	read(func() error { return d.readFlowLogs(tx) })
	read(func() error { return s.readFirewalls(tx, d) })
	read(func() (err error) { d.impair, err = s.impairments(tx, region); return })
	return d, err
}

// readInterfaces takes in the interfaces that something stands behind, with their public addresses.
func (d *declaration) readInterfaces(tx *cloud.Tx) error {
	machines, err := instances.List(tx, d.region)
	if err != nil {
		return err
	}
	absent := map[string]bool{}
	for _, machine := range machines {
		if machine.State == types.InstanceStateNameStopped || machine.gone() {
			absent[machine.ID] = true
		}
	}
	rows, err := interfaces.List(tx, d.region)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Attachment == nil || absent[row.Attachment.Instance] {
			continue
		}
		d.nics[row.ID] = row
		d.order = append(d.order, row.ID)
		d.public[row.ID] = row.Public
	}
	addresses, err := elastics.List(tx, d.region)
	if err != nil {
		return err
	}
	for _, address := range addresses {
		d.public[address.Interface] = address.Public
	}
	gateways, err := natGateways.List(tx, d.region)
	for _, gateway := range gateways {
		d.nats[gateway.ID] = gateway
	}
	return err
}

func (d *declaration) readFlowLogs(tx *cloud.Tx) error {
	logs, err := flowLogs.List(tx, d.region)
	for _, log := range logs {
		d.watched[log.Resource] = true
	}
	return err
}

func (s *Service) readFirewalls(tx *cloud.Tx, d *declaration) error {
	for _, endpoint := range d.endpoints {
		if endpoint.Type != types.VpcEndpointTypeGatewayLoadBalancer {
			continue
		}
		nic := endpoint.Interfaces[0].Interface
		d.interfaces[endpoint.ID] = nic
		if s.firewalls == nil {
			continue
		}
		policy, err := s.firewalls.FirewallPolicy(tx, d.region, endpoint.ID)
		if err != nil {
			return err
		}
		d.firewalls[nic] = policy
	}
	return nil
}
