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

func (f *wrongCheck) Setup(ctx context.Context) (_ string, err error) {
	f.path, err = f.stage.healthPath(ctx)
	return "every server's health check", err
}

// healthPath is the path that the balancer asks servers for.
func (s Stage) healthPath(ctx context.Context) (string, error) {
	group := s.Outputs.LoadBalancer.TargetGroup
	out, err := elb.NewFromConfig(s.Config).DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{group}})
	if err != nil {
		return "", err
	}
	path := aws.ToString(out.TargetGroups[0].HealthCheckPath)
	if path == noPath {
		return "", fmt.Errorf("the health check of %s is wrong already", group)
	}
	return path, nil
}

// lookAway has the web servers' group leave them alone whatever their health is. What undoes it waits until they are healthy by a
// health check's path.
func (s Stage) lookAway(ctx context.Context, path string) error {
	web, group := s.Outputs.Web.GroupName, s.Outputs.LoadBalancer.TargetGroup
	if err := s.Undo.Remember(UndoHealthCheck, Undoing{Kind: UndoHealthCheck, Target: group, Parameters: map[string]string{HealthPath: path}}); err != nil {
		return err
	}
	_, err := autoscaling.NewFromConfig(s.Config).SuspendProcesses(ctx, &autoscaling.SuspendProcessesInput{AutoScalingGroupName: &web, ScalingProcesses: target.HealthProcesses})
	return err
}

// lookAgain ends lookAway.
func (s Stage) lookAgain(ctx context.Context, path string) error {
	if err := s.RightHealthCheck(ctx, s.Outputs.LoadBalancer.TargetGroup, path); err != nil {
		return err
	}
	return s.Undo.Done(UndoHealthCheck)
}

func (f *wrongCheck) Inject(ctx context.Context) error {
	if err := f.stage.lookAway(ctx, f.path); err != nil {
		return err
	}
	_, err := elb.NewFromConfig(f.stage.Config).ModifyTargetGroup(ctx, &elb.ModifyTargetGroupInput{
		TargetGroupArn: &f.stage.Outputs.LoadBalancer.TargetGroup, HealthCheckPath: aws.String(noPath),
	})
	return err
}

func (f *wrongCheck) WaitActive(ctx context.Context) error { return f.stage.allUnhealthy(ctx) }

// allUnhealthy waits until the balancer calls every server unhealthy.
func (s Stage) allUnhealthy(ctx context.Context) error {
	return target.Await(ctx, "every server to be called unhealthy", time.Minute, func(ctx context.Context) error {
		states, err := s.Targets(ctx)
		for id, state := range states {
			if state != elbtypes.TargetHealthStateEnumUnhealthy {
				return fmt.Errorf("%s is %s", id, state)
			}
		}
		return err
	})
}

func (f *wrongCheck) Recover(ctx context.Context) error { return f.stage.lookAgain(ctx, f.path) }

// WaitRecovered has nothing to wait for but full strength.
func (f *wrongCheck) WaitRecovered(context.Context) error { return nil }

// Cleanup leaves what is remembered to those who undo everything after a fault.
func (f *wrongCheck) Cleanup(context.Context) error { return nil }
