package efs

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	"github.com/aws/aws-sdk-go-v2/service/efs/types"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
	"haven/lab/services/ec2"
)

const maxGroups = 5

// CreateMountTarget makes the file system reachable in a zone.
func (s *Service) CreateMountTarget(ctx context.Context, in *efs.CreateMountTargetInput) (*efs.CreateMountTargetOutput, error) {
	if in.Ipv6Address != nil || in.IpAddressType != "" && in.IpAddressType != types.IpAddressTypeIpv4Only {
		return nil, cloud.Unsupportedf("BadRequest", "IPv6 mount targets")
	}
	if len(in.SecurityGroups) == 0 {
		return nil, cloud.Unsupportedf("BadRequest", "mount targets without SecurityGroups (the VPC's default security group)")
	}
	out := &efs.CreateMountTargetOutput{}
	err := s.update(ctx, func(tx *cloud.Tx, region string) error {
		system, err := usableFileSystem(tx, region, aws.ToString(in.FileSystemId))
		if err != nil {
			return err
		}
		subnet, err := s.network.Subnet(tx, region, aws.ToString(in.SubnetId))
		if err != nil {
			return cloud.Errorf("SubnetNotFound", "The subnet ID '%s' does not exist", aws.ToString(in.SubnetId))
		}
		if err := checkPlace(tx, region, system.ID, subnet); err != nil {
			return err
		}
		if err := s.checkGroups(tx, region, subnet.VPCID, in.SecurityGroups); err != nil {
			return err
		}
		row, err := s.plugIn(tx, region, system.ID, subnet, in.SecurityGroups, aws.ToString(in.IpAddress))
		if err != nil {
			return err
		}
		d := row.describe()
		*out = efs.CreateMountTargetOutput{
			FileSystemId: d.FileSystemId, LifeCycleState: d.LifeCycleState, MountTargetId: d.MountTargetId, SubnetId: d.SubnetId,
			AvailabilityZoneId: d.AvailabilityZoneId, AvailabilityZoneName: d.AvailabilityZoneName, IpAddress: d.IpAddress,
			NetworkInterfaceId: d.NetworkInterfaceId, OwnerId: d.OwnerId, VpcId: d.VpcId,
		}
		return mountTargets.Put(tx, region, row.ID, row)
	})
	return out, err
}

// checkPlace allows one mount target a zone, all in one VPC.
func checkPlace(tx *cloud.Tx, region, system string, subnet *ec2.Subnet) error {
	others, err := targetsOf(tx, region, system)
	for _, other := range others {
		if other.Zone == subnet.Zone {
			return cloud.StatusErrorf(409, "MountTargetConflict", "mount target already exists in this AZ")
		}
		if other.VPC != subnet.VPCID {
			return cloud.StatusErrorf(409, "MountTargetConflict", "requested subnet for new mount target is not in the same VPC as existing mount targets")
		}
	}
	return err
}

func (s *Service) checkGroups(tx *cloud.Tx, region, vpcID string, groups []string) error {
	if len(groups) > maxGroups {
		return cloud.Errorf("SecurityGroupLimitExceeded", "A mount target has at most %d security groups.", maxGroups)
	}
	err := s.network.CheckSecurityGroups(tx, region, vpcID, groups)
	if cloud.HasCode(err, "InvalidGroup.NotFound") {
		return cloud.Errorf("SecurityGroupNotFound", "One of the specified security groups %v does not exist in the VPC %s", groups, vpcID)
	}
	return err
}

func (s *Service) plugIn(tx *cloud.Tx, region, system string, subnet *ec2.Subnet, groups []string, address string) (*mountTargetRow, error) {
	row := &mountTargetRow{
		ID: cloud.NewID("fsmt"), Region: region, FileSystem: system, Subnet: subnet.ID, Zone: subnet.Zone, VPC: subnet.VPCID,
		State: types.LifeCycleStateCreating,
	}
	nic, err := s.network.CreateInterface(tx, region, ec2.InterfaceRequest{
		SubnetID: subnet.ID, SecurityGroups: groups, Description: "EFS mount target for " + system + " (" + row.ID + ")",
		Type: ec2types.NetworkInterfaceTypeInterface, RequesterID: "amazon-elasticfilesystem", Role: vpc.RoleHost, Address: address,
	})
	switch {
	case cloud.HasCode(err, "InvalidIPAddress.InUse"):
		return nil, cloud.StatusErrorf(409, "IpAddressInUse", "Address %s is in use.", address)
	case cloud.HasCode(err, "InsufficientFreeAddressesInSubnet"):
		return nil, cloud.StatusErrorf(409, "NoFreeAddressesInSubnet", "The subnet %s has no free addresses.", subnet.ID)
	case cloud.HasCode(err, "InvalidParameterValue"):
		return nil, bad("%v", err)
	case err != nil:
		return nil, err
	}
	row.Interface, row.Address = nic.ID, nic.Address
	return row, nil
}

func (m *mountTargetRow) describe() types.MountTargetDescription {
	return types.MountTargetDescription{
		MountTargetId: aws.String(m.ID), FileSystemId: aws.String(m.FileSystem), SubnetId: aws.String(m.Subnet), VpcId: aws.String(m.VPC),
		AvailabilityZoneName: aws.String(m.Zone), AvailabilityZoneId: aws.String(cloud.ZoneID(m.Zone)), IpAddress: aws.String(m.Address),
		NetworkInterfaceId: aws.String(m.Interface), OwnerId: aws.String(cloud.Account), LifeCycleState: m.State,
	}
}

// DescribeMountTargets lists the mount targets of a file system, an access point's file system, or one.
func (s *Service) DescribeMountTargets(ctx context.Context, in *efs.DescribeMountTargetsInput) (*efs.DescribeMountTargetsOutput, error) {
	given := 0
	for _, id := range []*string{in.FileSystemId, in.MountTargetId, in.AccessPointId} {
		if id != nil {
			given++
		}
	}
	if given != 1 {
		return nil, bad("One of FileSystemId, MountTargetId and AccessPointId must be specified.")
	}
	out := &efs.DescribeMountTargetsOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		all, err := chooseTargets(tx, region, in)
		if err != nil {
			return err
		}
		items, next, err := page(all, func(m *mountTargetRow) string { return m.ID }, in.Marker, in.MaxItems)
		out.Marker, out.NextMarker, out.MountTargets = in.Marker, next, []types.MountTargetDescription{}
		for _, row := range items {
			out.MountTargets = append(out.MountTargets, row.describe())
		}
		return err
	})
	return out, err
}

func chooseTargets(tx *cloud.Tx, region string, in *efs.DescribeMountTargetsInput) ([]*mountTargetRow, error) {
	if in.MountTargetId != nil {
		row, err := findMountTarget(tx, region, *in.MountTargetId)
		return []*mountTargetRow{row}, err
	}
	system := aws.ToString(in.FileSystemId)
	if in.AccessPointId != nil {
		point, err := findAccessPoint(tx, region, *in.AccessPointId)
		if err != nil {
			return nil, err
		}
		system = point.FileSystem
	}
	row, err := findFileSystem(tx, region, system)
	if err != nil {
		return nil, err
	}
	return targetsOf(tx, region, row.ID)
}

// DeleteMountTarget takes the file system away from a zone; mounts through it end.
func (s *Service) DeleteMountTarget(ctx context.Context, in *efs.DeleteMountTargetInput) (*efs.DeleteMountTargetOutput, error) {
	return &efs.DeleteMountTargetOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findMountTarget(tx, region, aws.ToString(in.MountTargetId))
		if err != nil {
			return err
		}
		row.State = types.LifeCycleStateDeleting
		return mountTargets.Put(tx, region, row.ID, row)
	})
}

// DescribeMountTargetSecurityGroups returns the security groups of a mount target.
func (s *Service) DescribeMountTargetSecurityGroups(ctx context.Context, in *efs.DescribeMountTargetSecurityGroupsInput) (*efs.DescribeMountTargetSecurityGroupsOutput, error) {
	out := &efs.DescribeMountTargetSecurityGroupsOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findMountTarget(tx, region, aws.ToString(in.MountTargetId))
		if err != nil {
			return err
		}
		if row.State == types.LifeCycleStateDeleting {
			return cloud.StatusErrorf(409, "IncorrectMountTargetState", "Mount target '%s' is being deleted.", row.ID)
		}
		nic, err := s.network.Interface(tx, region, row.Interface)
		if err == nil {
			out.SecurityGroups = slices.Clone(nic.Groups)
		}
		return err
	})
	return out, err
}

// ModifyMountTargetSecurityGroups replaces the security groups of a mount target.
func (s *Service) ModifyMountTargetSecurityGroups(ctx context.Context, in *efs.ModifyMountTargetSecurityGroupsInput) (*efs.ModifyMountTargetSecurityGroupsOutput, error) {
	if len(in.SecurityGroups) == 0 {
		return nil, cloud.Unsupportedf("BadRequest", "mount targets without SecurityGroups (the VPC's default security group)")
	}
	return &efs.ModifyMountTargetSecurityGroupsOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findMountTarget(tx, region, aws.ToString(in.MountTargetId))
		if err != nil {
			return err
		}
		if err := s.checkGroups(tx, region, row.VPC, in.SecurityGroups); err != nil {
			return err
		}
		return s.network.SetInterfaceGroups(tx, region, row.Interface, in.SecurityGroups)
	})
}
