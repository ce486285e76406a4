package target

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// HealthProcesses are what an Auto Scaling group does because of its servers' health.
var HealthProcesses = []string{"HealthCheck", "ReplaceUnhealthy"}

// RightHealthCheck gives a target group its health check's path, waits until its servers are healthy by it, and only then has the
// web servers' group look at their health again.
func (e *Environment) RightHealthCheck(ctx context.Context, group, path string) error {
	if _, err := elb.NewFromConfig(e.Config).ModifyTargetGroup(ctx, &elb.ModifyTargetGroupInput{TargetGroupArn: &group, HealthCheckPath: &path}); err != nil {
		return err
	}
	err := Await(ctx, "servers to be healthy by the right health check", time.Minute, func(ctx context.Context) error {
		states, err := e.Targets(ctx)
		for id, state := range states {
			if state == elbtypes.TargetHealthStateEnumUnhealthy {
				return fmt.Errorf("%s is %s", id, state)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = autoscaling.NewFromConfig(e.Config).ResumeProcesses(ctx, &autoscaling.ResumeProcessesInput{AutoScalingGroupName: &e.Outputs.Web.GroupName, ScalingProcesses: HealthProcesses})
	return err
}
