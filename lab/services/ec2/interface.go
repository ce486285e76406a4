package ec2

import (
	"math/rand/v2"
	"net/netip"
	"slices"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

// maxGroupsPerInterface is AWS's default quota
// (https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups).
const maxGroupsPerInterface = 5

// Subnet returns a subnet, or AWS's error when there is none.
func (s *Service) Subnet(tx *cloud.Tx, region, id string) (*Subnet, error) {
	row, err := subnets.find(tx, region, id)
	if err != nil {
		return nil, err
	}
	return &Subnet{
		ID: row.ID, ARN: cloud.ARN("ec2", region, "subnet/"+row.ID), VPCID: row.VPC, Zone: row.Zone, CIDR: row.CIDR,
	}, nil
}

// CreateInterface makes a requester-managed network interface.
func (s *Service) CreateInterface(tx *cloud.Tx, region string, request InterfaceRequest) (*Interface, error) {
	row := &interfaceRow{
		meta:        meta{ID: cloud.NewID("eni"), Created: now()},
		Groups:      request.SecurityGroups,
		Description: request.Description,
		Type:        request.Type,
		Requester:   request.RequesterID,
		Role:        request.Role,
		Attachment:  &attachment{ID: cloud.NewID("ela-attach"), Device: 1, At: now()},
	}
	if err := createInterface(tx, region, row, request.SubnetID, request.Address); err != nil {
		return nil, err
	}
	if request.PublicIP {
		if err := takePublic(tx, region, row); err != nil {
			return nil, err
		}
	}
	if request.AllocationID != "" {
		if err := associate(tx, region, request.AllocationID, row); err != nil {
			return nil, err
		}
	}
	if err := interfaces.save(tx, region, row); err != nil {
		return nil, err
	}
	return interfaceFacts(tx, region, row)
}

// createInterface places the interface in a subnet, takes its address and writes it.
func createInterface(tx *cloud.Tx, region string, row *interfaceRow, subnetID, address string) error {
	subnet, err := subnets.find(tx, region, subnetID)
	if err != nil {
		return err
	}
	row.Subnet, row.VPC, row.Zone = subnet.ID, subnet.VPC, subnet.Zone
	if row.Role == "" {
		row.Role = vpc.RoleHost
	}
	if err := checkGroups(tx, region, subnet.VPC, row.Groups); err != nil {
		return err
	}
	if row.Address, err = takeAddress(tx, region, subnet, address, row.ID); err != nil {
		return err
	}
	row.MAC = vpc.MAC(row.ID)
	return interfaces.save(tx, region, row)
}

// takeAddress reserves the wanted address of the subnet, or any.
func takeAddress(tx *cloud.Tx, region string, subnet *subnetRow, wanted, owner string) (netip.Addr, error) {
	taken := func(addr netip.Addr) (bool, error) {
		row, err := privateAddresses.Get(tx, region, subnet.ID+"/"+addr.String())
		return row != nil, err
	}
	addr, err := chooseAddress(subnet, wanted, taken)
	if err != nil {
		return addr, err
	}
	return addr, privateAddresses.Put(tx, region, subnet.ID+"/"+addr.String(), &addressRow{Interface: owner})
}

func chooseAddress(subnet *subnetRow, wanted string, taken func(netip.Addr) (bool, error)) (netip.Addr, error) {
	if wanted == "" {
		addr, err := freeAddress(subnet.CIDR, rand.Uint64N(usable(subnet.CIDR)), taken)
		if err == nil && !addr.IsValid() {
			err = cloud.Errorf("InsufficientFreeAddressesInSubnet",
				"The specified subnet does not have enough free addresses to satisfy the request: %s", subnet.ID)
		}
		return addr, err
	}
	addr, err := netip.ParseAddr(wanted)
	if err != nil || !isUsable(subnet.CIDR, addr) {
		return addr, cloud.Errorf("InvalidParameterValue",
			"Address %s does not fall within the subnet's usable address range %s", wanted, subnet.CIDR)
	}
	used, err := taken(addr)
	if err == nil && used {
		err = cloud.Errorf("InvalidIPAddress.InUse", "Address %s is in use.", wanted)
	}
	return addr, err
}

// DeleteInterface deletes a requester-managed interface and gives its addresses back. A missing one is no error.
func (s *Service) DeleteInterface(tx *cloud.Tx, region, id string) error {
	row, err := interfaces.Get(tx, region, id)
	if err != nil || row == nil {
		return err
	}
	return dropInterface(tx, region, row)
}

func dropInterface(tx *cloud.Tx, region string, row *interfaceRow) error {
	if err := privateAddresses.Delete(tx, region, row.Subnet+"/"+row.Address.String()); err != nil {
		return err
	}
	if row.Public.IsValid() {
		if err := publicAddresses.Delete(tx, cloud.Global, row.Public.String()); err != nil {
			return err
		}
	}
	if err := disassociateInterface(tx, region, row.ID); err != nil {
		return err
	}
	return interfaces.remove(tx, region, row)
}

// SetInterfaceGroups replaces the security groups of an interface.
func (s *Service) SetInterfaceGroups(tx *cloud.Tx, region, id string, groups []string) error {
	row, err := interfaces.find(tx, region, id)
	if err != nil {
		return err
	}
	if err := checkGroups(tx, region, row.VPC, groups); err != nil {
		return err
	}
	row.Groups = groups
	return interfaces.save(tx, region, row)
}

// Interface returns an interface, or AWS's error when there is none.
func (s *Service) Interface(tx *cloud.Tx, region, id string) (*Interface, error) {
	row, err := interfaces.find(tx, region, id)
	if err != nil {
		return nil, err
	}
	return interfaceFacts(tx, region, row)
}

func interfaceFacts(tx *cloud.Tx, region string, row *interfaceRow) (*Interface, error) {
	facts := &Interface{
		ID: row.ID, SubnetID: row.Subnet, VPCID: row.VPC, Zone: row.Zone, Address: row.Address.String(),
		Groups: slices.Clone(row.Groups),
	}
	public, _, err := publicOf(tx, region, row)
	if public.IsValid() {
		facts.PublicIP = public.String()
	}
	return facts, err
}

// CheckSecurityGroups checks that the groups exist and belong to the VPC.
func (s *Service) CheckSecurityGroups(tx *cloud.Tx, region, vpcID string, ids []string) error {
	return checkGroups(tx, region, vpcID, ids)
}

func checkGroups(tx *cloud.Tx, region, vpcID string, ids []string) error {
	if len(ids) > maxGroupsPerInterface {
		return cloud.Errorf("SecurityGroupsPerInterfaceLimitExceeded",
			"The maximum number of security groups per interface (%d) has been reached.", maxGroupsPerInterface)
	}
	for _, id := range ids {
		group, err := securityGroups.find(tx, region, id)
		if err != nil {
			return err
		}
		if group.VPC != vpcID {
			return cloud.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist in VPC '%s'", id, vpcID)
		}
	}
	return nil
}
