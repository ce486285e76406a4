package ec2

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/realm/machine"
)

// machineSpec translates an instance into what its hypervisor knows; the namespace is the caller's to add.
func (s *Service) machineSpec(tx *cloud.Tx, region string, row *instanceRow) (machine.Spec, error) {
	kind, _ := findInstanceType(row.Type)
	data, err := base64.StdEncoding.DecodeString(row.UserData)
	if err != nil {
		return machine.Spec{}, fmt.Errorf("reading the user data of %s: %w", row.ID, err)
	}
	facts, err := interfaceSpec(tx, region, row)
	if err != nil {
		return machine.Spec{}, err
	}
	disk, err := rootSize(tx, region, row)
	if err != nil {
		return machine.Spec{}, err
	}
	spec := machine.Spec{
		ID: row.ID, AccountID: cloud.Account, Region: region, Zone: row.Zone, ZoneID: cloud.ZoneID(row.Zone), Type: row.Type, ImageID: row.Image, Hostname: privateName(region, row.PrivateIP),
		ReservationID: row.Reservation, UserData: data, LaunchedAt: row.LaunchedAt, Interface: facts,
		CPUs: float64(kind.size.vcpus), Baseline: kind.baseline(), Unlimited: row.Credits != "standard", MemoryMiB: kind.size.memoryMiB, DiskGiB: disk, Agent: "https://ssm." + region + ".amazonaws.com/", Tags: row.Tags, Profile: row.ProfileARN, Role: row.ProfileRole,
		Metadata: machine.MetadataOptions{
			Enabled: row.Metadata.Endpoint == types.InstanceMetadataEndpointStateEnabled, HopLimit: int(row.Metadata.HopLimit),
			TokensRequired: row.Metadata.Tokens == types.HttpTokensStateRequired,
			InstanceTags:   row.Metadata.Tags == types.InstanceMetadataTagsStateEnabled,
		},
	}
	if row.ProfileRole != "" && s.profiles != nil {
		role, session := row.ProfileRole, row.ID
		spec.Credentials = func(ctx context.Context) (machine.Credentials, error) {
			return s.profiles.Credentials(ctx, role, session)
		}
	}
	return spec, nil
}

// rootSize is the size of the instance's root volume in GiB; 0: the image's own.
func rootSize(tx *cloud.Tx, region string, row *instanceRow) (int, error) {
	from, _ := findImage(row.Image)
	for _, attached := range row.Volumes {
		if attached.Device != from.rootDevice {
			continue
		}
		volume, err := volumes.Get(tx, region, attached.Volume)
		if err != nil || volume == nil {
			return 0, err
		}
		return int(volume.SizeGiB), nil
	}
	return 0, nil
}

func interfaceSpec(tx *cloud.Tx, region string, row *instanceRow) (machine.InterfaceFacts, error) {
	var facts machine.InterfaceFacts
	nic, err := interfaces.find(tx, region, row.Interface)
	if err != nil {
		return facts, err
	}
	subnet, err := subnets.find(tx, region, nic.Subnet)
	if err != nil {
		return facts, err
	}
	owner, err := vpcs.find(tx, region, nic.VPC)
	if err != nil {
		return facts, err
	}
	public, _, err := publicOf(tx, region, nic)
	if err != nil {
		return facts, err
	}
	facts = machine.InterfaceFacts{
		ID: nic.ID, MAC: nic.MAC, Address: nic.Address, Public: public, SubnetID: subnet.ID, SubnetCIDR: subnet.CIDR,
		VPCID: owner.ID, VPCCIDR: owner.CIDRs[0].CIDR, SecurityGroupIDs: nic.Groups,
	}
	for _, id := range nic.Groups {
		group, err := securityGroups.find(tx, region, id)
		if err != nil {
			return facts, err
		}
		facts.SecurityGroups = append(facts.SecurityGroups, group.Name)
	}
	return facts, nil
}
