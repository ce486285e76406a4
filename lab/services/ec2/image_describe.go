package ec2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

var imageFilters = filterSet[types.Image]{
	tags: func(i *types.Image) []types.Tag { return i.Tags },
	named: map[string]func(*types.Image) []string{
		"architecture":        func(i *types.Image) []string { return []string{string(i.Architecture)} },
		"boot-mode":           func(i *types.Image) []string { return []string{string(i.BootMode)} },
		"creation-date":       func(i *types.Image) []string { return text(i.CreationDate) },
		"description":         func(i *types.Image) []string { return text(i.Description) },
		"ena-support":         func(i *types.Image) []string { return flag(i.EnaSupport) },
		"hypervisor":          func(i *types.Image) []string { return []string{string(i.Hypervisor)} },
		"image-id":            func(i *types.Image) []string { return text(i.ImageId) },
		"image-type":          func(i *types.Image) []string { return []string{string(i.ImageType)} },
		"imds-support":        func(i *types.Image) []string { return []string{string(i.ImdsSupport)} },
		"is-public":           func(i *types.Image) []string { return flag(i.Public) },
		"manifest-location":   func(i *types.Image) []string { return text(i.ImageLocation) },
		"name":                func(i *types.Image) []string { return text(i.Name) },
		"owner-alias":         func(i *types.Image) []string { return text(i.ImageOwnerAlias) },
		"owner-id":            func(i *types.Image) []string { return text(i.OwnerId) },
		"platform":            func(*types.Image) []string { return nil }, // "windows" is the only value
		"platform-details":    func(i *types.Image) []string { return text(i.PlatformDetails) },
		"root-device-name":    func(i *types.Image) []string { return text(i.RootDeviceName) },
		"root-device-type":    func(i *types.Image) []string { return []string{string(i.RootDeviceType)} },
		"state":               func(i *types.Image) []string { return []string{string(i.State)} },
		"virtualization-type": func(i *types.Image) []string { return []string{string(i.VirtualizationType)} },
		"block-device-mapping.volume-type": func(i *types.Image) []string {
			return each(i.BlockDeviceMappings, func(m types.BlockDeviceMapping) []string { return []string{string(m.Ebs.VolumeType)} })
		},
	},
}

// DescribeImages lists the lab's images.
func (s *Service) DescribeImages(ctx context.Context, in *ec2.DescribeImagesInput) (*ec2.DescribeImagesOutput, error) {
	_, _ = in.IncludeDeprecated, in.IncludeDisabled // none is either
	for _, user := range in.ExecutableUsers {
		if user != "all" && user != "self" {
			return nil, cloud.Errorf("InvalidParameterValue", "Value (%s) for parameter executableBy is invalid: the lab knows all and self", user)
		}
	}
	for _, id := range in.ImageIds {
		if _, ok := findImage(id); !ok {
			return nil, cloud.Errorf("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id)
		}
	}
	answer := page[types.Image]{set: imageFilters}
	for _, candidate := range images {
		ownedBy := func(owner string) bool { return owner == "amazon" || owner == amazonOwner }
		if len(in.ImageIds) > 0 && !slices.Contains(in.ImageIds, candidate.id) || len(in.Owners) > 0 && !slices.ContainsFunc(in.Owners, ownedBy) {
			continue
		}
		answer.add(candidate.id, candidate.show())
	}
	shown, next, err := answer.cut(query{filters: in.Filters, limit: in.MaxResults, token: in.NextToken})
	return &ec2.DescribeImagesOutput{Images: shown, NextToken: next}, err
}

func (i image) show() types.Image {
	return types.Image{
		ImageId: aws.String(i.id), Name: aws.String(i.name), Description: aws.String(i.description), Architecture: i.arch,
		CreationDate: aws.String(i.created), ImageLocation: aws.String("amazon/" + i.name), ImageOwnerAlias: aws.String("amazon"),
		OwnerId: aws.String(amazonOwner), ImageType: types.ImageTypeValuesMachine, Public: aws.Bool(true), State: types.ImageStateAvailable,
		Hypervisor: types.HypervisorTypeXen, VirtualizationType: types.VirtualizationTypeHvm, EnaSupport: aws.Bool(true),
		SriovNetSupport: aws.String("simple"), PlatformDetails: aws.String("Linux/UNIX"), UsageOperation: aws.String("RunInstances"),
		BootMode: types.BootModeValuesUefiPreferred, ImdsSupport: types.ImdsSupportValuesV20,
		RootDeviceName: aws.String(i.rootDevice), RootDeviceType: types.DeviceTypeEbs,
		BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: aws.String(i.rootDevice), Ebs: &types.EbsBlockDevice{
			DeleteOnTermination: aws.Bool(true), Encrypted: aws.Bool(false), SnapshotId: aws.String(i.snapshot),
			VolumeSize: aws.Int32(i.rootGiB), VolumeType: types.VolumeTypeGp3, Iops: aws.Int32(3000), Throughput: aws.Int32(125),
		}}},
	}
}
