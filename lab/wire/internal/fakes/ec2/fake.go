// Package ec2 is a small service in the ec2query protocol, for the wire's own tests.
package ec2

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// Service remembers the last inputs.
type Service struct {
	Run       *ec2.RunInstancesInput
	Describe  *ec2.DescribeInstancesInput
	Instances []types.Instance
}

// Launched is when every fake instance was launched.
var Launched = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

// RunInstances returns one instance in the middle of starting.
func (s *Service) RunInstances(ctx context.Context, in *ec2.RunInstancesInput) (*ec2.RunInstancesOutput, error) {
	_, _, _ = in.MinCount, in.MaxCount, in.BlockDeviceMappings
	_, _, _ = in.TagSpecifications, in.NetworkInterfaces, in.SecurityGroupIds
	_, _ = in.UserData, in.MetadataOptions
	s.remember(in)
	if aws.ToString(in.ImageId) == "ami-missing" {
		return nil, cloud.Errorf("InvalidAMIID.NotFound", "The image id '[ami-missing]' does not exist")
	}
	return &ec2.RunInstancesOutput{
		ReservationId: aws.String("r-1"),
		Instances: []types.Instance{{
			InstanceId: aws.String("i-<&>\"'"), LaunchTime: aws.Time(Launched), EbsOptimized: aws.Bool(false),
			State: &types.InstanceState{Code: aws.Int32(0), Name: types.InstanceStateNamePending},
			Tags:  []types.Tag{{Key: aws.String("region"), Value: aws.String(cloud.RegionOf(ctx))}},
		}},
	}, nil
}

func (s *Service) remember(in *ec2.RunInstancesInput) {
	s.Run = &ec2.RunInstancesInput{
		ImageId: in.ImageId, MinCount: in.MinCount, MaxCount: in.MaxCount, InstanceType: in.InstanceType,
		BlockDeviceMappings: in.BlockDeviceMappings, TagSpecifications: in.TagSpecifications,
		NetworkInterfaces: in.NetworkInterfaces, SecurityGroupIds: in.SecurityGroupIds, UserData: in.UserData,
		MetadataOptions: in.MetadataOptions, ClientToken: in.ClientToken,
	}
}

// DescribeInstances returns what the test put there.
func (s *Service) DescribeInstances(_ context.Context, in *ec2.DescribeInstancesInput) (*ec2.DescribeInstancesOutput, error) {
	s.Describe = &ec2.DescribeInstancesInput{Filters: in.Filters, InstanceIds: in.InstanceIds, MaxResults: in.MaxResults}
	if len(s.Instances) == 0 {
		return &ec2.DescribeInstancesOutput{}, nil
	}
	return &ec2.DescribeInstancesOutput{Reservations: []types.Reservation{{Instances: s.Instances}}}, nil
}

// DeleteVpc has no output.
func (s *Service) DeleteVpc(_ context.Context, in *ec2.DeleteVpcInput) (*ec2.DeleteVpcOutput, error) {
	switch aws.ToString(in.VpcId) {
	case "vpc-panic":
		panic("on demand")
	case "vpc-plain":
		return nil, context.DeadlineExceeded
	case "vpc-nothing":
		return nil, nil
	}
	return &ec2.DeleteVpcOutput{}, nil
}
