package ec2

import (
	"cmp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

// plugIn gives the instance its primary network interface: a new one, or one that the user made.
func (s *Service) plugIn(tx *cloud.Tx, region string, row *instanceRow, spec launchSpec) error {
	wanted, err := primaryInterface(spec)
	if err != nil {
		return err
	}
	nic, err := s.primary(tx, region, row, spec, wanted)
	if err != nil {
		return err
	}
	nic.Attachment = &attachment{
		ID: cloud.NewID("eni-attach"), Instance: row.ID, At: now(),
		DeleteOnTermination: wanted.NetworkInterfaceId == nil && (wanted.DeleteOnTermination == nil || *wanted.DeleteOnTermination),
	}
	row.Interface, row.Subnet, row.VPC, row.Zone, row.PrivateIP = nic.ID, nic.Subnet, nic.VPC, nic.Zone, nic.Address.String()
	if err := checkPlacement(spec.data.Placement, row.Zone); err != nil {
		return err
	}
	return interfaces.save(tx, region, nic)
}

// primaryInterface returns what the request says of the interface at device index 0.
func primaryInterface(spec launchSpec) (types.LaunchTemplateInstanceNetworkInterfaceSpecification, error) {
	var none types.LaunchTemplateInstanceNetworkInterfaceSpecification
	all := spec.data.NetworkInterfaces
	if len(all) == 0 {
		return none, nil
	}
	if len(all) > 1 {
		return none, cloud.Unsupportedf("UnsupportedOperation", "more than one network interface for an instance")
	}
	if aws.ToInt32(all[0].DeviceIndex) != 0 {
		return none, cloud.Errorf("InvalidParameterValue", "Each network interface requires a device index, and the primary one's is 0")
	}
	if len(spec.data.SecurityGroupIds) > 0 {
		return none, cloud.Errorf("InvalidParameterCombination",
			"Network interfaces and an instance-level security groups may not be specified on the same request")
	}
	return all[0], nil
}

func (s *Service) primary(tx *cloud.Tx, region string, row *instanceRow, spec launchSpec,
	wanted types.LaunchTemplateInstanceNetworkInterfaceSpecification,
) (*interfaceRow, error) {
	if id := aws.ToString(wanted.NetworkInterfaceId); id != "" {
		nic, err := interfaces.find(tx, region, id)
		if err == nil && nic.Attachment != nil {
			err = cloud.Errorf("InvalidNetworkInterface.InUse", "Interface: [%s] in use.", id)
		}
		return nic, err
	}
	subnetID := cmp.Or(spec.subnet, aws.ToString(wanted.SubnetId))
	if subnetID == "" {
		return nil, cloud.Errorf("MissingInput", "No subnets found for the default VPC: this region has none. Please specify a subnet.")
	}
	subnet, err := subnets.find(tx, region, subnetID)
	if err != nil {
		return nil, err
	}
	groups := wanted.Groups
	if len(groups) == 0 {
		groups = spec.data.SecurityGroupIds
	}
	if len(groups) == 0 {
		if groups, err = defaultGroups(tx, region, subnet.VPC); err != nil {
			return nil, err
		}
	}
	nic := &interfaceRow{
		meta:   meta{ID: cloud.NewID("eni"), Created: now(), Tags: specTags(spec.data, types.ResourceTypeNetworkInterface)},
		Groups: groups, Description: aws.ToString(wanted.Description), Type: types.NetworkInterfaceTypeInterface, Role: vpc.RoleHost,
	}
	address := cmp.Or(spec.address, aws.ToString(wanted.PrivateIpAddress))
	if err := createInterface(tx, region, nic, subnet.ID, address); err != nil {
		return nil, err
	}
	public := subnet.MapPublicIP
	if wanted.AssociatePublicIpAddress != nil {
		public = *wanted.AssociatePublicIpAddress
	}
	if public {
		nic.AutoPublic = true
		err = takePublic(tx, region, nic)
	}
	return nic, err
}

func checkPlacement(wanted *types.LaunchTemplatePlacement, zone string) error {
	if wanted == nil || wanted.AvailabilityZone == nil || *wanted.AvailabilityZone == zone {
		return nil
	}
	return cloud.Errorf("InvalidParameterValue", "The availability zone '%s' does not match the subnet's, '%s'",
		*wanted.AvailabilityZone, zone)
}

func defaultGroups(tx *cloud.Tx, region, vpcID string) ([]string, error) {
	found, err := securityGroups.where(tx, region, func(g *securityGroupRow) bool { return g.VPC == vpcID && g.Name == "default" })
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return []string{found[0].ID}, nil
}
