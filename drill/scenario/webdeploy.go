package scenario

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/history"
	"haven/drill/target"
)

// UndoRelease is the kind of undoing that ends a drill's instance refresh of the web servers and deletes what the drill has added to the
// launch template Target.
const UndoRelease = "bad release"

// oldServers is the mark of the servers that were there before the release, with spaces between them.
const oldServers = "servers before the release"

// badUserData is of a release whose servers give up while they boot. They end rather than stay there broken: the group finds that out
// at once, and not only after the grace time, so that the drill is short.
const badUserData = "#!/bin/bash\necho 'this release does not start' >&2\npoweroff\n"

// badRelease rolls a launch template version out by an instance refresh that is told which configuration is wanted. Only such a
// refresh can be rolled back by the group: the provider's changes the group first (docs/assumptions.md, ASG-13).
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-rollback.html
type badRelease struct {
	stage    Stage
	template string // id
	good     string // version
	bad      string
	refresh  string
}

// releaseNeeds are the IAM actions of a bad release.
var releaseNeeds = []string{
	"ec2:CreateLaunchTemplateVersion", "ec2:DescribeLaunchTemplateVersions", "ec2:DeleteLaunchTemplateVersions",
	"autoscaling:StartInstanceRefresh", "autoscaling:DescribeInstanceRefreshes", "autoscaling:CancelInstanceRefresh",
}

func badlyReleased(s Stage) fault.Fault { return &badRelease{stage: s} }

func (f *badRelease) Setup(ctx context.Context) (string, error) {
	group, err := f.stage.Group(ctx)
	if err != nil {
		return "", err
	}
	if group.LaunchTemplate == nil {
		return "", fmt.Errorf("the group %s has no launch template", *group.AutoScalingGroupName)
	}
	f.template, f.good = *group.LaunchTemplate.LaunchTemplateId, *group.LaunchTemplate.Version
	var ids []string
	for _, i := range group.Instances {
		ids = append(ids, *i.InstanceId)
	}
	f.stage.Mark(oldServers, strings.Join(ids, " "))
	return "a release after version " + f.good + " of " + f.template, nil
}

func (f *badRelease) Inject(ctx context.Context) error {
	if err := f.stage.Undo.Remember(UndoRelease, Undoing{Kind: UndoRelease, Target: f.template}); err != nil {
		return err
	}
	made, err := ec2.NewFromConfig(f.stage.Config).CreateLaunchTemplateVersion(ctx, &ec2.CreateLaunchTemplateVersionInput{
		LaunchTemplateId: &f.template, SourceVersion: &f.good, VersionDescription: aws.String(target.ReleaseDescription),
		LaunchTemplateData: &ec2types.RequestLaunchTemplateData{UserData: aws.String(base64.StdEncoding.EncodeToString([]byte(badUserData)))},
	})
	if err != nil {
		return err
	}
	f.bad = fmt.Sprint(*made.LaunchTemplateVersion.VersionNumber)
	started, err := autoscaling.NewFromConfig(f.stage.Config).StartInstanceRefresh(ctx, &autoscaling.StartInstanceRefreshInput{
		AutoScalingGroupName: &f.stage.Outputs.Web.GroupName,
		DesiredConfiguration: &astypes.DesiredConfiguration{LaunchTemplate: &astypes.LaunchTemplateSpecification{LaunchTemplateId: &f.template, Version: &f.bad}},
		// As the web tier's own refreshes are.
		Preferences: &astypes.RefreshPreferences{
			AutoRollback: aws.Bool(true), SkipMatching: aws.Bool(true), MinHealthyPercentage: aws.Int32(100), MaxHealthyPercentage: aws.Int32(150), InstanceWarmup: aws.Int32(0),
		},
	})
	if err == nil {
		f.refresh = *started.InstanceRefreshId
	}
	return err
}

// WaitActive waits for the first server of the release.
func (f *badRelease) WaitActive(ctx context.Context) error {
	return target.Await(ctx, "a server of the release", time.Minute, func(ctx context.Context) error {
		group, err := f.stage.Group(ctx)
		if err == nil && !slices.ContainsFunc(group.Instances, func(i astypes.Instance) bool {
			return i.LaunchTemplate != nil && aws.ToString(i.LaunchTemplate.Version) == f.bad
		}) {
			err = fmt.Errorf("the group has no instance of version %s", f.bad)
		}
		return err
	})
}

// Recover does nothing: the group has to go back by itself.
func (f *badRelease) Recover(context.Context) error { return nil }

func (f *badRelease) WaitRecovered(ctx context.Context) error {
	var status astypes.InstanceRefreshStatus
	err := target.Await(ctx, "the release to be rolled back", 3*time.Minute, func(ctx context.Context) error {
		out, err := autoscaling.NewFromConfig(f.stage.Config).DescribeInstanceRefreshes(ctx, &autoscaling.DescribeInstanceRefreshesInput{
			AutoScalingGroupName: &f.stage.Outputs.Web.GroupName, InstanceRefreshIds: []string{f.refresh},
		})
		if err != nil {
			return err
		}
		status = out.InstanceRefreshes[0].Status
		if !target.RefreshEnded(status) {
			err = fmt.Errorf("the instance refresh is %s", status)
		}
		return err
	})
	if err == nil && status != astypes.InstanceRefreshStatusRollbackSuccessful {
		err = check.Finding{Promise: check.ErrNotRecovered, Text: "the instance refresh of a release that does not start ended " + string(status)}
	}
	return err
}

// Cleanup leaves what is remembered to those who undo everything after a fault.
func (f *badRelease) Cleanup(context.Context) error { return nil }

// sameServers says that a release that never got healthy has replaced no server.
func sameServers(ctx context.Context, s Stage, h history.History) (found []check.Finding, err error) {
	group, err := s.Group(ctx)
	if err != nil {
		return nil, err
	}
	for _, mark := range h.Marks {
		if mark.Name != oldServers {
			continue
		}
		for _, id := range strings.Fields(mark.Text) {
			if !slices.ContainsFunc(group.Instances, func(i astypes.Instance) bool { return *i.InstanceId == id }) {
				found = append(found, check.Finding{Promise: check.ErrReplaced, At: mark.At, Text: id + " is gone"})
			}
		}
	}
	return found, nil
}
