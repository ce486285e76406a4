package ec2

import (
	"cmp"
	"context"
	"encoding/base64"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// DescribeInstanceAttribute tells one attribute of an instance.
func (s *Service) DescribeInstanceAttribute(ctx context.Context, in *ec2.DescribeInstanceAttributeInput) (*ec2.DescribeInstanceAttributeOutput, error) {
	out := &ec2.DescribeInstanceAttributeOutput{InstanceId: in.InstanceId}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		row, err := instances.find(tx, region, aws.ToString(in.InstanceId))
		if err != nil {
			return err
		}
		around, err := survey(tx, region)
		if err != nil {
			return err
		}
		return showAttribute(out, in.Attribute, row, showInstance(row, around))
	})
	return out, err
}

func showAttribute(out *ec2.DescribeInstanceAttributeOutput, name types.InstanceAttributeName, row *instanceRow, shown types.Instance) error {
	isTrue := func(value bool) *types.AttributeBooleanValue {
		return &types.AttributeBooleanValue{Value: aws.Bool(value)}
	}
	switch name {
	case types.InstanceAttributeNameInstanceType:
		out.InstanceType = &types.AttributeValue{Value: aws.String(row.Type)}
	case types.InstanceAttributeNameUserData:
		out.UserData = &types.AttributeValue{Value: optional(row.UserData)}
	case types.InstanceAttributeNameDisableApiTermination:
		out.DisableApiTermination = isTrue(row.NoTerminate)
	case types.InstanceAttributeNameDisableApiStop:
		out.DisableApiStop = isTrue(row.NoStop)
	case types.InstanceAttributeNameInstanceInitiatedShutdownBehavior:
		out.InstanceInitiatedShutdownBehavior = &types.AttributeValue{Value: aws.String(string(row.ShutdownBehavior))}
	case types.InstanceAttributeNameRootDeviceName:
		out.RootDeviceName = &types.AttributeValue{Value: shown.RootDeviceName}
	case types.InstanceAttributeNameBlockDeviceMapping:
		out.BlockDeviceMappings = shown.BlockDeviceMappings
	case types.InstanceAttributeNameSourceDestCheck:
		out.SourceDestCheck = isTrue(aws.ToBool(shown.SourceDestCheck))
	case types.InstanceAttributeNameGroupSet:
		out.Groups = shown.SecurityGroups
	case types.InstanceAttributeNameEbsOptimized:
		out.EbsOptimized = isTrue(row.EBSOptimized)
	case types.InstanceAttributeNameEnaSupport:
		out.EnaSupport = isTrue(true)
	default:
		return cloud.Unsupportedf("UnsupportedOperation", "the instance attribute %s", name)
	}
	return nil
}

// ModifyInstanceAttribute changes attributes of an instance: protections at any time, its type and user data while it
// is stopped.
func (s *Service) ModifyInstanceAttribute(ctx context.Context, in *ec2.ModifyInstanceAttributeInput) (*ec2.ModifyInstanceAttributeOutput, error) {
	return &ec2.ModifyInstanceAttributeOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := instances.find(tx, region, aws.ToString(in.InstanceId))
		if err != nil {
			return err
		}
		if row.ending() {
			return cloud.Errorf("IncorrectInstanceState", "The instance '%s' is not in a valid state for this operation: %s.", row.ID, row.State)
		}
		if (in.InstanceType != nil || in.UserData != nil) && row.State != types.InstanceStateNameStopped {
			return cloud.Errorf("IncorrectInstanceState", "The instance '%s' is not in the 'stopped' state.", row.ID)
		}
		if in.DisableApiTermination != nil {
			row.NoTerminate = aws.ToBool(in.DisableApiTermination.Value)
		}
		if in.DisableApiStop != nil {
			row.NoStop = aws.ToBool(in.DisableApiStop.Value)
		}
		if in.InstanceInitiatedShutdownBehavior != nil {
			row.ShutdownBehavior = types.ShutdownBehavior(aws.ToString(in.InstanceInitiatedShutdownBehavior.Value))
		}
		if in.UserData != nil {
			row.UserData = base64.StdEncoding.EncodeToString(in.UserData.Value)
			if err := checkUserData(row.UserData); err != nil {
				return err
			}
		}
		if in.InstanceType != nil {
			if err := row.retype(aws.ToString(in.InstanceType.Value)); err != nil {
				return err
			}
		}
		if len(in.Groups) > 0 {
			if err := s.SetInterfaceGroups(tx, region, row.Interface, in.Groups); err != nil {
				return err
			}
		}
		if in.SourceDestCheck != nil {
			if err := setSourceCheck(tx, region, row.Interface, aws.ToBool(in.SourceDestCheck.Value)); err != nil {
				return err
			}
		}
		return instances.save(tx, region, row)
	})
}

func (i *instanceRow) retype(name string) error {
	kind, ok := findInstanceType(name)
	if !ok || kind.arch() != i.Architecture {
		return cloud.Errorf("InvalidParameterValue", "Invalid value '%s' for InstanceType: unknown, or not of the architecture %s", name, i.Architecture)
	}
	i.Type = name
	return nil
}

func setSourceCheck(tx *cloud.Tx, region, nicID string, on bool) error {
	nic, err := interfaces.find(tx, region, nicID)
	if err != nil {
		return err
	}
	nic.NoCheck = !on
	return interfaces.save(tx, region, nic)
}

// ModifyInstanceMetadataOptions changes how an instance reaches its metadata.
func (s *Service) ModifyInstanceMetadataOptions(ctx context.Context, in *ec2.ModifyInstanceMetadataOptionsInput) (*ec2.ModifyInstanceMetadataOptionsOutput, error) {
	if err := refuse("HttpProtocolIpv6", in.HttpProtocolIpv6 == types.InstanceMetadataProtocolStateEnabled); err != nil {
		return nil, err
	}
	out := &ec2.ModifyInstanceMetadataOptionsOutput{InstanceId: in.InstanceId}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := instances.find(tx, region, aws.ToString(in.InstanceId))
		if err != nil {
			return err
		}
		options := &row.Metadata
		options.Endpoint = cmp.Or(in.HttpEndpoint, options.Endpoint)
		options.Tokens = cmp.Or(in.HttpTokens, options.Tokens)
		options.Tags = cmp.Or(in.InstanceMetadataTags, options.Tags)
		options.HopLimit = cmp.Or(aws.ToInt32(in.HttpPutResponseHopLimit), options.HopLimit)
		if options.HopLimit < 1 || options.HopLimit > 64 {
			return cloud.Errorf("InvalidParameterValue", "Value (%d) for parameter httpPutResponseHopLimit is invalid. It must be between 1 and 64.", options.HopLimit)
		}
		out.InstanceMetadataOptions = options.show()
		return instances.save(tx, region, row)
	})
}

// GetConsoleOutput returns what the instance wrote to its console, user data's output included.
func (s *Service) GetConsoleOutput(ctx context.Context, in *ec2.GetConsoleOutputInput) (*ec2.GetConsoleOutputOutput, error) {
	_ = in.Latest // the output is always the latest
	out := &ec2.GetConsoleOutputOutput{InstanceId: in.InstanceId, Timestamp: aws.Time(now())}
	return out, s.view(ctx, func(tx *cloud.Tx, region string) error {
		row, err := instances.find(tx, region, aws.ToString(in.InstanceId))
		if err != nil || s.machines == nil {
			return err
		}
		const limit = 64 << 10 // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html
		written := s.machines.Console(row.ID)
		if len(written) > limit {
			written = written[len(written)-limit:]
		}
		out.Output = optional(base64.StdEncoding.EncodeToString(written))
		return nil
	})
}
