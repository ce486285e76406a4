package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/drill/fault"
	"haven/drill/target"
)

// UndoHealthCheck is the kind of undoing that gives the target group Target its health check's path (HealthPath) again, and lets
// the Auto Scaling group look at its servers' health again.
const (
	UndoHealthCheck = "health check"
	HealthPath      = "path"
)

// noPath is a health check's path that no server answers well.
const noPath = "/haven-drill-no-such-page"

// wrongCheck has the balancer call every server broken. The group must not believe it: it would replace them all. Its health check
// stands still meanwhile. https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
type wrongCheck struct {
	stage Stage
	path  string // the right one
}

func calledBroken(s Stage) fault.Fault { return &wrongCheck{stage: s} }

func (f *wrongCheck) Setup(ctx context.Context) (string, error) {
	group := f.stage.Outputs.LoadBalancer.TargetGroup
	out, err := elb.NewFromConfig(f.stage.Config).DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{group}})
	if err != nil {
		return "", err
	}
	if f.path = aws.ToString(out.TargetGroups[0].HealthCheckPath); f.path == noPath {
		return "", fmt.Errorf("the health check of %s is wrong already", group)
	}
	return "every server's health check", nil
}

func (f *wrongCheck) Inject(ctx context.Context) error {
	web, group := f.stage.Outputs.Web.GroupName, f.stage.Outputs.LoadBalancer.TargetGroup
	if err := f.stage.Undo.Remember(UndoHealthCheck, Undoing{Kind: UndoHealthCheck, Target: group, Parameters: map[string]string{HealthPath: f.path}}); err != nil {
		return err
	}
	_, err := autoscaling.NewFromConfig(f.stage.Config).SuspendProcesses(ctx, &autoscaling.SuspendProcessesInput{AutoScalingGroupName: &web, ScalingProcesses: target.HealthProcesses})
	if err != nil {
		return err
	}
	_, err = elb.NewFromConfig(f.stage.Config).ModifyTargetGroup(ctx, &elb.ModifyTargetGroupInput{TargetGroupArn: &group, HealthCheckPath: aws.String(noPath)})
	return err
}

func (f *wrongCheck) WaitActive(ctx context.Context) error {
	return target.Await(ctx, "every server to be called unhealthy", time.Minute, func(ctx context.Context) error {
		states, err := f.stage.Targets(ctx)
		for id, state := range states {
			if state != elbtypes.TargetHealthStateEnumUnhealthy {
				return fmt.Errorf("%s is %s", id, state)
			}
		}
		return err
	})
}

func (f *wrongCheck) Recover(ctx context.Context) error {
	if err := f.stage.RightHealthCheck(ctx, f.stage.Outputs.LoadBalancer.TargetGroup, f.path); err != nil {
		return err
	}
	return f.stage.Undo.Done(UndoHealthCheck)
}

// WaitRecovered has nothing to wait for but full strength.
func (f *wrongCheck) WaitRecovered(context.Context) error { return nil }

// Cleanup leaves what is remembered to those who undo everything after a fault.
func (f *wrongCheck) Cleanup(context.Context) error { return nil }
