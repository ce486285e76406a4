package ec2

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

func (s *Service) createInterfaceEndpoint(tx *cloud.Tx, region string, row *endpointRow, owner *vpcRow, subnetIDs, groups []string) error {
	if row.PrivateDNS {
		if err := checkPrivateDNS(tx, region, row, owner); err != nil {
			return err
		}
	}
	if len(groups) == 0 {
		var err error
		if groups, err = defaultGroups(tx, region, row.VPC); err != nil {
			return err
		}
	}
	row.Groups = groups
	for _, id := range subnetIDs {
		if err := s.addEndpointSubnet(tx, region, row, id, vpc.RoleEndpoint); err != nil {
			return err
		}
	}
	if s.networks == nil || len(row.Interfaces) == 0 { // nothing to wait for
		row.State = types.StateAvailable
	}
	return endpoints.save(tx, region, row)
}

// checkPrivateDNS checks that the VPC resolves names, and that no other endpoint answers under the same one.
func checkPrivateDNS(tx *cloud.Tx, region string, row *endpointRow, owner *vpcRow) error {
	if !owner.DNSSupport || !owner.DNSHostnames {
		return cloud.Errorf("InvalidParameter",
			"Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for %s", owner.ID)
	}
	other, err := firstOf(tx, region, endpoints, func(r *endpointRow) bool {
		return r.VPC == row.VPC && r.Service == row.Service && r.PrivateDNS && r.ID != row.ID
	})()
	if err == nil && other != "" {
		err = cloud.Errorf("InvalidParameter",
			"private-dns-enabled cannot be set because there is already a conflicting DNS domain for %s in the VPC %s: %s has it", row.Service, row.VPC, other)
	}
	return err
}

// addEndpointSubnet gives the endpoint an interface in a subnet; a zone takes one.
func (s *Service) addEndpointSubnet(tx *cloud.Tx, region string, row *endpointRow, subnetID string, role vpc.Role) error {
	subnet, err := subnets.find(tx, region, subnetID)
	if err != nil {
		return err
	}
	if subnet.VPC != row.VPC {
		return cloud.Errorf("InvalidSubnetId.NotFound", "The subnet '%s' does not belong to %s", subnetID, row.VPC)
	}
	if slices.ContainsFunc(row.Interfaces, func(i endpointInterface) bool { return i.Zone == subnet.Zone }) {
		return cloud.Errorf("DuplicateSubnetsInSameZone", "Found another VPC endpoint subnet in the availability zone of %s. VPC endpoint subnets should be in different availability zones supported by the VPC endpoint service.", subnetID)
	}
	request := InterfaceRequest{
		SubnetID: subnetID, SecurityGroups: row.Groups, Description: "VPC Endpoint Interface " + row.ID,
		Type: types.NetworkInterfaceTypeVpcEndpoint, RequesterID: "amazon-vpce", Role: role,
	}
	if role == vpc.RoleFirewall {
		request.Type, request.Description = types.NetworkInterfaceTypeGatewayLoadBalancerEndpoint, "VPC Endpoint Interface "+row.ID
	}
	nic, err := s.CreateInterface(tx, region, request)
	if err != nil {
		return err
	}
	row.Interfaces = append(row.Interfaces, endpointInterface{nic.ID, subnetID, subnet.Zone})
	return nil
}

// CreateFirewallEndpoint makes the endpoint (of type GatewayLoadBalancer) of a firewall in a subnet. Routes may lead to
// the endpoint's id; they cross the interface. owner is the firewall's ARN.
func (s *Service) CreateFirewallEndpoint(tx *cloud.Tx, region, subnetID, owner string) (endpointID, interfaceID string, err error) {
	subnet, err := subnets.find(tx, region, subnetID)
	if err != nil {
		return "", "", err
	}
	row := &endpointRow{
		meta: meta{ID: cloud.NewID("vpce"), Created: now(), Tags: map[string]string{"AWSNetworkFirewallManaged": "true", "Firewall": owner}},
		VPC:  subnet.VPC, Type: types.VpcEndpointTypeGatewayLoadBalancer, State: types.StatePending, Requester: true,
		Service: "com.amazonaws.vpce." + region + "." + cloud.NewID("vpce-svc"), Suffix: cloud.RandomHex(8), Zone: newZoneID(),
	}
	if err := s.addEndpointSubnet(tx, region, row, subnetID, vpc.RoleFirewall); err != nil {
		return "", "", err
	}
	if s.networks == nil {
		row.State = types.StateAvailable
	}
	return row.ID, row.Interfaces[0].Interface, endpoints.save(tx, region, row)
}

// DeleteFirewallEndpoint deletes a firewall's endpoint; a missing one is no error. Routes to it become black holes.
func (s *Service) DeleteFirewallEndpoint(tx *cloud.Tx, region, endpointID string) error {
	row, err := endpoints.Get(tx, region, endpointID)
	if err != nil || row == nil {
		return err
	}
	return s.dropEndpoint(tx, region, row)
}

// EndpointAvailable tells whether the realm has made an endpoint true.
func (s *Service) EndpointAvailable(tx *cloud.Tx, region, endpointID string) (bool, error) {
	row, err := endpoints.Get(tx, region, endpointID)
	return row != nil && row.State == types.StateAvailable, err
}

// VPCBlocks returns the address blocks of a VPC.
func (s *Service) VPCBlocks(tx *cloud.Tx, region, vpcID string) ([]string, error) {
	row, err := vpcs.find(tx, region, vpcID)
	if err != nil {
		return nil, err
	}
	var blocks []string
	for _, block := range row.CIDRs {
		blocks = append(blocks, block.CIDR.String())
	}
	return blocks, nil
}
