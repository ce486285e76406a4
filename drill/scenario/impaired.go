package scenario

import (
	"context"
	"fmt"
	"slices"

	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/drill/fault"
	"haven/drill/target"
)

// impaired makes a web server's whole machine stand still, so that EC2's status checks of it fail, while the group looks away: it would
// replace the server, and with it what the alarm is about.
type impaired struct {
	breakage
	path string // of the health check
}

func serverImpaired(s Stage) fault.Fault {
	return &impaired{breakage: breakage{stage: s, kind: "hang", choose: s.server, hold: impairedHold}}
}

func (f *impaired) Setup(ctx context.Context) (_ string, err error) {
	if f.path, err = f.stage.healthPath(ctx); err != nil {
		return "", err
	}
	return f.breakage.Setup(ctx)
}

func (f *impaired) Inject(ctx context.Context) error {
	if err := f.stage.lookAway(ctx, f.path); err != nil {
		return err
	}
	return f.breakage.Inject(ctx)
}

// WaitActive waits for the status checks: the alarm's time begins when they fail.
func (f *impaired) WaitActive(ctx context.Context) error { return f.checks(ctx, "fail", true) }

// WaitRecovered waits for them, too: the alarm is over when they pass.
func (f *impaired) WaitRecovered(ctx context.Context) error {
	if err := f.breakage.WaitRecovered(ctx); err != nil {
		return err
	}
	return f.checks(ctx, "pass", false)
}

// checks waits until the victim's status checks fail, or pass.
func (f *impaired) checks(ctx context.Context, what string, failing bool) error {
	return target.Await(ctx, fmt.Sprintf("the status checks of %s to %s", f.victim, what), impairedHold, func(ctx context.Context) error {
		out, err := ec2.NewFromConfig(f.stage.Config).DescribeInstanceStatus(ctx, &ec2.DescribeInstanceStatusInput{InstanceIds: []string{f.victim}})
		if err == nil && slices.ContainsFunc(out.InstanceStatuses, failsChecks) != failing {
			err = fmt.Errorf("they do not yet")
		}
		return err
	})
}

func failsChecks(s ec2types.InstanceStatus) bool {
	failed := func(summary *ec2types.InstanceStatusSummary) bool {
		return summary != nil && summary.Status == ec2types.SummaryStatusImpaired
	}
	return failed(s.InstanceStatus) || failed(s.SystemStatus)
}

// Recover waits for the alarm first: a check that passes again by the end of its minute is none that failed.
func (f *impaired) Recover(ctx context.Context) error {
	if err := f.stage.awaitAlarm(ctx, hardwareAlarm, cwtypes.StateValueAlarm); err != nil {
		return err
	}
	if err := f.breakage.Recover(ctx); err != nil {
		return err
	}
	return f.stage.lookAgain(ctx, f.path)
}
