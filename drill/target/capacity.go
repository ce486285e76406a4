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
