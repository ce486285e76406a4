package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// maxRun is the most instances that one call starts.
const maxRun = 1000

// RunInstances starts instances: of a launch template, of the request's own data, or of both, where the request's
// members win.
func (s *Service) RunInstances(ctx context.Context, in *ec2.RunInstancesInput) (*ec2.RunInstancesOutput, error) {
	given, err := runData(in)
	if err != nil {
		return nil, err
	}
	count := int(aws.ToInt32(in.MaxCount))
	if least := int(aws.ToInt32(in.MinCount)); least < 1 || least > count || count > maxRun {
		return nil, cloud.Errorf("InvalidParameterValue", "MinCount %d and MaxCount %d: they must be at least 1, at most %d, and in order", least, count, maxRun)
	}
	if in.PrivateIpAddress != nil && count > 1 {
		return nil, cloud.Errorf("InvalidParameterCombination", "The parameter PrivateIpAddress can be used with one instance only")
	}
	out := &ec2.RunInstancesOutput{OwnerId: aws.String(cloud.Account)}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		known := func(reservation string) (bool, error) {
			id, err := firstOf(tx, region, instances, func(r *instanceRow) bool { return r.Reservation == reservation && !r.gone() })()
			return id != "", err
		}
		reservation, err := once(tx, region, "RunInstances", in.ClientToken, in, known, func() (string, error) {
			spec, err := s.overTemplate(tx, region, in.LaunchTemplate, given)
			if err != nil {
				return "", err
			}
			spec.subnet, spec.address = aws.ToString(in.SubnetId), aws.ToString(in.PrivateIpAddress)
			spec.reservation, spec.token = cloud.NewID("r"), aws.ToString(in.ClientToken)
			for spec.index = range int32(count) {
				if _, err := s.launch(tx, region, spec); err != nil {
					return "", err
				}
			}
			return spec.reservation, nil
		})
		if err != nil {
			return err
		}
		out.ReservationId = aws.String(reservation)
		out.Instances, err = showReservation(tx, region, reservation)
		return err
	})
}

// overTemplate lays the request's data over that of a launch template, if one is named.
func (s *Service) overTemplate(tx *cloud.Tx, region string, ref *types.LaunchTemplateSpecification, given types.ResponseLaunchTemplateData) (launchSpec, error) {
	if ref == nil {
		return launchSpec{data: given}, nil
	}
	template, err := s.ResolveLaunchTemplate(tx, region, *ref)
	if err != nil {
		return launchSpec{}, err
	}
	spec := launchSpec{data: template.Data, template: templateRef{template.ID, template.Version}}
	tags := spec.data.TagSpecifications
	overlay(&spec.data, &given)
	spec.data.TagSpecifications = append(tags[:len(tags):len(tags)], given.TagSpecifications...)
	return spec, nil
}

// runData brings the request into the form of a launch template's data.
func runData(in *ec2.RunInstancesInput) (types.ResponseLaunchTemplateData, error) {
	data := types.ResponseLaunchTemplateData{
		ImageId: in.ImageId, InstanceType: in.InstanceType, UserData: in.UserData, SecurityGroupIds: in.SecurityGroupIds,
		EbsOptimized: in.EbsOptimized, DisableApiStop: in.DisableApiStop, DisableApiTermination: in.DisableApiTermination,
		InstanceInitiatedShutdownBehavior: in.InstanceInitiatedShutdownBehavior,
	}
	if in.Monitoring != nil {
		data.Monitoring = &types.LaunchTemplatesMonitoring{Enabled: in.Monitoring.Enabled}
	}
	if in.IamInstanceProfile != nil {
		data.IamInstanceProfile = &types.LaunchTemplateIamInstanceProfileSpecification{Arn: in.IamInstanceProfile.Arn, Name: in.IamInstanceProfile.Name}
	}
	if in.CreditSpecification != nil {
		data.CreditSpecification = &types.CreditSpecification{CpuCredits: in.CreditSpecification.CpuCredits}
	}
	for _, spec := range in.TagSpecifications {
		data.TagSpecifications = append(data.TagSpecifications, types.LaunchTemplateTagSpecification{ResourceType: spec.ResourceType, Tags: spec.Tags})
	}
	err := refuse("HibernationOptions", in.HibernationOptions, "EnclaveOptions", in.EnclaveOptions, "CpuOptions", in.CpuOptions,
		"InstanceMarketOptions", in.InstanceMarketOptions, "KeyName", in.KeyName, "SecurityGroups", in.SecurityGroups,
		"Ipv6AddressCount", in.Ipv6AddressCount)
	if err != nil {
		return data, err
	}
	if err := convertNested(in, &data); err != nil {
		return data, err
	}
	return data, checkLaunchData(&data)
}

// convertNested converts the members whose types have other names in a launch template.
func convertNested(in *ec2.RunInstancesInput, data *types.ResponseLaunchTemplateData) (err error) {
	if in.MetadataOptions != nil {
		options, err := convert[types.LaunchTemplateInstanceMetadataOptions](in.MetadataOptions)
		if err != nil {
			return err
		}
		data.MetadataOptions = &options
	}
	if in.Placement != nil {
		placement, err := convert[types.LaunchTemplatePlacement](in.Placement)
		if err != nil {
			return err
		}
		data.Placement = &placement
	}
	if in.PrivateDnsNameOptions != nil {
		options, err := convert[types.LaunchTemplatePrivateDnsNameOptions](in.PrivateDnsNameOptions)
		if err != nil {
			return err
		}
		data.PrivateDnsNameOptions = &options
	}
	if len(in.BlockDeviceMappings) > 0 {
		if data.BlockDeviceMappings, err = convert[[]types.LaunchTemplateBlockDeviceMapping](in.BlockDeviceMappings); err != nil {
			return err
		}
	}
	if len(in.NetworkInterfaces) > 0 {
		data.NetworkInterfaces, err = convert[[]types.LaunchTemplateInstanceNetworkInterfaceSpecification](in.NetworkInterfaces)
	}
	return err
}
