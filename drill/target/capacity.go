package target

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
)

// SetCapacity has an Auto Scaling group be of a size, without waiting for its cooldown.
func (e *Environment) SetCapacity(ctx context.Context, group string, desired int32) error {
	_, err := autoscaling.NewFromConfig(e.Config).SetDesiredCapacity(ctx, &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: &group, DesiredCapacity: &desired, HonorCooldown: aws.Bool(false)})
	return err
}

// SetSubnets has an Auto Scaling group use subnets, given by their ids with commas between them, and so their zones.
func (e *Environment) SetSubnets(ctx context.Context, group, subnets string) error {
	_, err := autoscaling.NewFromConfig(e.Config).UpdateAutoScalingGroup(ctx, &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: &group, VPCZoneIdentifier: &subnets})
	return err
}
