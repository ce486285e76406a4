package target

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// ReleaseDescription describes launch template versions that a drill has made.
const ReleaseDescription = "haven drill"

// EndRelease cancels the web servers' instance refresh, if one is under way, waits for its end, and deletes the versions that drills have
// added to the launch template.
func (e *Environment) EndRelease(ctx context.Context, template string) error {
	if err := e.endRefresh(ctx); err != nil {
		return err
	}
	client := ec2.NewFromConfig(e.Config)
	out, err := client.DescribeLaunchTemplateVersions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: &template})
	if err != nil {
		return err
	}
	var made []string
	for _, version := range out.LaunchTemplateVersions {
		if aws.ToString(version.VersionDescription) == ReleaseDescription {
			made = append(made, fmt.Sprint(*version.VersionNumber))
		}
	}
	if len(made) == 0 {
		return nil
	}
	deleted, err := client.DeleteLaunchTemplateVersions(ctx, &ec2.DeleteLaunchTemplateVersionsInput{LaunchTemplateId: &template, Versions: made})
	if err == nil && len(deleted.UnsuccessfullyDeletedLaunchTemplateVersions) > 0 {
		err = fmt.Errorf("deleting versions %v of launch template %s: %s", made, template, aws.ToString(deleted.UnsuccessfullyDeletedLaunchTemplateVersions[0].ResponseError.Message))
	}
	return err
}

func (e *Environment) endRefresh(ctx context.Context) error {
	client, group, cancelled := autoscaling.NewFromConfig(e.Config), e.Outputs.Web.GroupName, false
	return Await(ctx, "the instance refresh of "+group+" to end", 2*time.Minute, func(ctx context.Context) error {
		out, err := client.DescribeInstanceRefreshes(ctx, &autoscaling.DescribeInstanceRefreshesInput{AutoScalingGroupName: &group})
		if err != nil {
			return err
		}
		open := slices.IndexFunc(out.InstanceRefreshes, func(r astypes.InstanceRefresh) bool { return !RefreshEnded(r.Status) })
		if open < 0 {
			return nil
		}
		if !cancelled {
			if _, err := client.CancelInstanceRefresh(ctx, &autoscaling.CancelInstanceRefreshInput{AutoScalingGroupName: &group}); err != nil {
				return err
			}
			cancelled = true
		}
		return fmt.Errorf("it is %s", out.InstanceRefreshes[open].Status)
	})
}

// RefreshEnded tells whether an instance refresh in a status is over.
func RefreshEnded(status astypes.InstanceRefreshStatus) bool {
	return slices.Contains([]astypes.InstanceRefreshStatus{
		astypes.InstanceRefreshStatusSuccessful, astypes.InstanceRefreshStatusFailed, astypes.InstanceRefreshStatusCancelled,
		astypes.InstanceRefreshStatusRollbackSuccessful, astypes.InstanceRefreshStatusRollbackFailed,
	}, status)
}
