package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

var volumeFilters = filterSet[types.Volume]{
	tags: func(v *types.Volume) []types.Tag { return v.Tags },
	named: map[string]func(*types.Volume) []string{
		"attachment.attach-time":           ofAttachments(func(a types.VolumeAttachment) []string { return moment(a.AttachTime) }),
		"attachment.delete-on-termination": ofAttachments(func(a types.VolumeAttachment) []string { return flag(a.DeleteOnTermination) }),
		"attachment.device":                ofAttachments(func(a types.VolumeAttachment) []string { return text(a.Device) }),
		"attachment.instance-id":           ofAttachments(func(a types.VolumeAttachment) []string { return text(a.InstanceId) }),
		"attachment.status":                ofAttachments(func(a types.VolumeAttachment) []string { return []string{string(a.State)} }),
		"availability-zone":                func(v *types.Volume) []string { return text(v.AvailabilityZone) },
		"availability-zone-id":             func(v *types.Volume) []string { return text(v.AvailabilityZoneId) },
		"create-time":                      func(v *types.Volume) []string { return moment(v.CreateTime) },
		"encrypted":                        func(v *types.Volume) []string { return flag(v.Encrypted) },
		"size":                             func(v *types.Volume) []string { return number(v.Size) },
		"snapshot-id":                      func(v *types.Volume) []string { return text(v.SnapshotId) },
		"status":                           func(v *types.Volume) []string { return []string{string(v.State)} },
		"volume-id":                        func(v *types.Volume) []string { return text(v.VolumeId) },
		"volume-type":                      func(v *types.Volume) []string { return []string{string(v.VolumeType)} },
	},
}

func ofAttachments(values func(types.VolumeAttachment) []string) func(*types.Volume) []string {
	return func(v *types.Volume) []string { return each(v.Attachments, values) }
}

// DescribeVolumes lists volumes.
func (s *Service) DescribeVolumes(ctx context.Context, in *ec2.DescribeVolumesInput) (*ec2.DescribeVolumesOutput, error) {
	out := &ec2.DescribeVolumesOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) (err error) {
		q := query{in.VolumeIds, in.Filters, in.MaxResults, in.NextToken}
		out.Volumes, out.NextToken, err = describe(tx, region, volumes, q, volumeFilters,
			func(row *volumeRow) (types.Volume, error) { return showVolume(tx, region, row) })
		return err
	})
	return out, err
}

// DeleteVolume deletes a volume that outlived its instance.
func (s *Service) DeleteVolume(ctx context.Context, in *ec2.DeleteVolumeInput) (*ec2.DeleteVolumeOutput, error) {
	return &ec2.DeleteVolumeOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := volumes.find(tx, region, aws.ToString(in.VolumeId))
		if err != nil {
			return err
		}
		if row.Instance != "" {
			return cloud.Errorf("VolumeInUse", "Volume %s is currently attached to %s", row.ID, row.Instance)
		}
		return volumes.remove(tx, region, row)
	})
}

func showVolume(tx *cloud.Tx, region string, row *volumeRow) (types.Volume, error) {
	shown := types.Volume{
		VolumeId: aws.String(row.ID), AvailabilityZone: aws.String(row.Zone), AvailabilityZoneId: aws.String(cloud.ZoneID(row.Zone)),
		CreateTime: aws.Time(row.Created), Size: aws.Int32(row.SizeGiB), VolumeType: row.Type, Encrypted: aws.Bool(row.Encrypted),
		KmsKeyId: optional(row.Key), SnapshotId: aws.String(row.Snapshot), MultiAttachEnabled: aws.Bool(false),
		State: types.VolumeStateAvailable, Tags: tagList(row.Tags),
	}
	if row.IOPS > 0 {
		shown.Iops = aws.Int32(row.IOPS)
	}
	if row.Throughput > 0 {
		shown.Throughput = aws.Int32(row.Throughput)
	}
	if row.Instance == "" {
		return shown, nil
	}
	shown.State = types.VolumeStateInUse
	owner, err := instances.find(tx, region, row.Instance)
	if err != nil {
		return shown, err
	}
	for _, attached := range owner.Volumes {
		if attached.Volume == row.ID {
			shown.Attachments = []types.VolumeAttachment{{
				VolumeId: aws.String(row.ID), InstanceId: aws.String(row.Instance), Device: aws.String(row.Device), AttachTime: aws.Time(attached.At),
				DeleteOnTermination: aws.Bool(attached.DeleteOnTermination), State: types.VolumeAttachmentStateAttached,
			}}
		}
	}
	return shown, nil
}
