package scenario

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/history"
	"haven/drill/target"
	"haven/drill/workload"
)

// UndoCapacity is the kind of undoing that sets the Auto Scaling group Target's desired capacity to its parameter Desired.
const (
	UndoCapacity = "capacity"
	Desired      = "desired"
)

// scaledOut is the mark of the servers that were added, with spaces between them.
const scaledOut = "servers added"

// over is how far the load is over the threshold, all that is asked anyway included: enough to be over it in each minute, and no more than
// two cores carry beside the whole environment.
const over = 1.15

// overload asks for more than the threshold of the group's policy.
type overload struct {
	stage     Stage
	before    []string // ids of the servers
	desired   int32
	threshold float64 // requests a second that one server may have
	alarms    []string
	stop      func()
}

func overThreshold(s Stage) fault.Fault { return &overload{stage: s, stop: func() {}} }

func (f *overload) Setup(ctx context.Context) (string, error) {
	group, err := f.stage.Group(ctx)
	if err != nil {
		return "", err
	}
	if *group.DesiredCapacity >= *group.MaxSize {
		return "", fmt.Errorf("the group has its most servers, %d, already", *group.MaxSize)
	}
	f.before, f.desired = idsOf(group), *group.DesiredCapacity
	policy, err := f.stage.requestPolicy(ctx)
	if err != nil {
		return "", err
	}
	f.threshold = *policy.TargetTrackingConfiguration.TargetValue / 60
	for _, alarm := range policy.Alarms {
		if strings.Contains(*alarm.AlarmName, "AlarmHigh") {
			f.alarms = append(f.alarms, *alarm.AlarmName)
		}
	}
	return fmt.Sprintf("the threshold of %.0f requests a second and server", f.threshold), nil
}

func idsOf(group astypes.AutoScalingGroup) (ids []string) {
	for _, i := range group.Instances {
		ids = append(ids, *i.InstanceId)
	}
	return ids
}

// requestPolicy returns the policy that scales by requests per server and minute.
func (s Stage) requestPolicy(ctx context.Context) (astypes.ScalingPolicy, error) {
	out, err := autoscaling.NewFromConfig(s.Config).DescribePolicies(ctx, &autoscaling.DescribePoliciesInput{AutoScalingGroupName: &s.Outputs.Web.GroupName})
	if err != nil {
		return astypes.ScalingPolicy{}, err
	}
	for _, p := range out.ScalingPolicies {
		if t := p.TargetTrackingConfiguration; t != nil && t.PredefinedMetricSpecification != nil && t.PredefinedMetricSpecification.PredefinedMetricType == astypes.MetricTypeALBRequestCountPerTarget {
			return p, nil
		}
	}
	return astypes.ScalingPolicy{}, fmt.Errorf("the group %s has no policy that follows the requests per server", s.Outputs.Web.GroupName)
}

func (f *overload) Inject(ctx context.Context) error {
	name := f.stage.Outputs.Web.GroupName
	err := f.stage.Undo.Remember(UndoCapacity, Undoing{Kind: UndoCapacity, Target: name, Parameters: map[string]string{Desired: strconv.Itoa(int(f.desired))}})
	if err != nil {
		return err
	}
	more := f.threshold * over * float64(len(f.before))
	for _, rate := range StandardRates {
		more -= rate
	}
	f.stop, err = f.stage.Load(ctx, workload.Rates{history.Look: max(more, 1)})
	return err
}

// WaitActive waits until a server was added and is healthy. The policy's alarm takes three periods of a minute to ring (docs/assumptions.md,
// ASG-5), and its metric is published after a minute; then a server boots.
func (f *overload) WaitActive(ctx context.Context) error {
	limit := 5*time.Minute + time.Duration(f.stage.Outputs.Web.GraceSeconds)*time.Second
	return target.Await(ctx, "a server to be added", limit, func(ctx context.Context) error {
		group, err := f.stage.Group(ctx)
		if err != nil {
			return err
		}
		added := slices.DeleteFunc(idsOf(group), func(id string) bool { return slices.Contains(f.before, id) })
		if len(added) == 0 {
			return fmt.Errorf("the group wants %d servers", *group.DesiredCapacity)
		}
		missing, err := f.stage.Missing(ctx)
		if err == nil && len(missing) > 0 {
			err = fmt.Errorf("%s", strings.Join(missing, "; "))
		}
		if err == nil {
			f.stage.Mark(scaledOut, strings.Join(added, " "))
		}
		return err
	})
}

// Recover ends the load, waits until the alarm is quiet, since the group would grow again, and has the group as large as before:
// by itself it shrinks only after a quarter of an hour.
func (f *overload) Recover(ctx context.Context) error {
	f.stop()
	err := target.Await(ctx, "the policy's alarm to be quiet", 150*time.Second, func(ctx context.Context) error {
		out, err := cloudwatch.NewFromConfig(f.stage.Config).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: f.alarms})
		if err != nil {
			return err
		}
		for _, alarm := range out.MetricAlarms {
			if alarm.StateValue == cwtypes.StateValueAlarm {
				return fmt.Errorf("%s rings", *alarm.AlarmName)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := f.stage.SetCapacity(ctx, f.stage.Outputs.Web.GroupName, f.desired); err != nil {
		return err
	}
	return f.stage.Undo.Done(UndoCapacity)
}

func (f *overload) WaitRecovered(context.Context) error { return nil }

func (f *overload) Cleanup(context.Context) error {
	f.stop()
	return nil
}

// relieved says that the servers that were added answered, and that while they did requests were answered in time.
func relieved(_ context.Context, _ Stage, h history.History) (found []check.Finding, err error) {
	for _, mark := range h.Marks {
		if mark.Name != scaledOut {
			continue
		}
		to := next(h, history.Healing, mark.At)
		for _, id := range strings.Fields(mark.Text) {
			found = append(found, check.Serving(h, id, mark.At, to)...)
		}
		found = append(found, check.Carried(h, mark.At, to-carried, 0, carried, history.Look)...)
	}
	return found, nil
}
