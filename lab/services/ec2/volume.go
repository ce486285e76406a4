package ec2

import (
	"cmp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// createVolumes records the instance's volumes: the image's root volume with what the mappings say of it, and more.
func createVolumes(tx *cloud.Tx, region string, row *instanceRow, data types.ResponseLaunchTemplateData, from image) error {
	mappings := slices.Clone(data.BlockDeviceMappings)
	isRoot := func(m types.LaunchTemplateBlockDeviceMapping) bool {
		return aws.ToString(m.DeviceName) == from.rootDevice
	}
	if !slices.ContainsFunc(mappings, isRoot) {
		mappings = append(mappings, types.LaunchTemplateBlockDeviceMapping{DeviceName: aws.String(from.rootDevice)})
	}
	always, err := encryptsByDefault(tx, region)
	if err != nil {
		return err
	}
	for _, mapping := range mappings {
		if mapping.NoDevice != nil {
			continue
		}
		volume, attached := newVolume(row, mapping, data, from)
		volume.Encrypted = volume.Encrypted || always
		if volume.SizeGiB < from.rootGiB && volume.Snapshot == from.snapshot {
			return cloud.Errorf("InvalidBlockDeviceMapping",
				"Volume of size %dGB is smaller than snapshot '%s', expect size>= %dGB", volume.SizeGiB, from.snapshot, from.rootGiB)
		}
		if err := volumes.save(tx, region, volume); err != nil {
			return err
		}
		row.Volumes = append(row.Volumes, attached)
	}
	return nil
}

func newVolume(row *instanceRow, mapping types.LaunchTemplateBlockDeviceMapping, data types.ResponseLaunchTemplateData, from image) (*volumeRow, instanceVolume) {
	wanted := cmp.Or(mapping.Ebs, &types.LaunchTemplateEbsBlockDevice{})
	volume := &volumeRow{
		meta:      meta{ID: cloud.NewID("vol"), Created: now(), Tags: specTags(data, types.ResourceTypeVolume)},
		Zone:      row.Zone,
		SizeGiB:   cmp.Or(aws.ToInt32(wanted.VolumeSize), from.rootGiB),
		Type:      cmp.Or(wanted.VolumeType, types.VolumeTypeGp3),
		IOPS:      aws.ToInt32(wanted.Iops),
		Encrypted: aws.ToBool(wanted.Encrypted) || aws.ToString(wanted.KmsKeyId) != "",
		Key:       aws.ToString(wanted.KmsKeyId),
		Snapshot:  aws.ToString(wanted.SnapshotId),
		Instance:  row.ID, Device: aws.ToString(mapping.DeviceName),
	}
	if volume.Type == types.VolumeTypeGp3 { // its baseline: https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html
		volume.IOPS = cmp.Or(volume.IOPS, 3000)
		volume.Throughput = cmp.Or(aws.ToInt32(wanted.Throughput), 125)
	}
	if volume.Device == from.rootDevice {
		volume.Snapshot = cmp.Or(volume.Snapshot, from.snapshot)
	}
	return volume, instanceVolume{
		Device: volume.Device, Volume: volume.ID, At: now(),
		DeleteOnTermination: wanted.DeleteOnTermination == nil || *wanted.DeleteOnTermination,
	}
}

// releaseVolumes deletes the volumes that die with their instance and detaches the others.
func releaseVolumes(tx *cloud.Tx, region string, row *instanceRow) error {
	for _, attached := range row.Volumes {
		volume, err := volumes.Get(tx, region, attached.Volume)
		if err != nil {
			return err
		}
		if volume == nil {
			continue
		}
		if attached.DeleteOnTermination {
			err = volumes.remove(tx, region, volume)
		} else {
			volume.Instance, volume.Device = "", ""
			err = volumes.save(tx, region, volume)
		}
		if err != nil {
			return err
		}
	}
	row.Volumes = nil
	return nil
}
