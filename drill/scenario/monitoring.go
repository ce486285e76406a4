package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/history"
	"haven/drill/target"
)

// The roles of alarms: fewer web servers are healthy than there always should be, too many requests end in errors, and a server fails
// EC2's status checks.
const (
	serversAlarm  = "servers"
	errorsAlarm   = "errors"
	hardwareAlarm = "hardware"
)

// impairedHold is how long a server that stands still may be without its status checks failing, and then without its alarm.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html: checks run every minute
const impairedHold = 3 * time.Minute

var (
	stewardNeeds = []string{"sns:ListSubscriptionsByTopic", "sns:ConfirmSubscription"}
	alarmNeeds   = append([]string{"cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmHistory"}, stewardNeeds...)
	// serverLostNeeds are those of a server that is terminated, and of the alarm about it.
	serverLostNeeds = append([]string{"ec2:TerminateInstances", "elasticloadbalancing:DescribeTargetHealth"}, alarmNeeds...)
)

func monitoring() []Scenario {
	return []Scenario{
		{
			Name: "failover/monitoring/delivered", Does: "each declared alarm is set by hand: every steward is told of each, and again when it is over",
			Promises: []string{"OPS-03", "OPS-04"}, Errors: 0, Whole: time.Minute,
			Needs: append([]string{"cloudwatch:SetAlarmState"}, alarmNeeds...), Fault: alarmsSet, Judge: everyAlarmTold,
		},
		{
			Name: "failover/monitoring/server-lost", Does: "a web server is terminated, or as many as make fewer than there always should be: the alarm is raised in its declared time, every steward is told, and told again when it is over",
			Promises: []string{"OPS-03", "OPS-04"}, Budget: budget.ServerLost, Errors: 0.02, Whole: 3 * time.Minute,
			Needs: serverLostNeeds, Fault: watched(tooManyTerminated), Judge: serverAlarmTold,
		},
		{
			Name: "failover/monitoring/failover-told", Does: "the database fails over: every steward is told by its event, before any metric shows it",
			Promises: []string{"OPS-04"}, LabOnly: "on AWS nobody can look into the stewards' mailboxes, and events leave no other trace",
			Budget: budget.ForcedFailover, Kinds: []history.Kind{history.Append, history.List}, Errors: 0.5, Whole: 2 * time.Minute,
			Needs: append([]string{"rds:FailoverDBCluster", "cloudwatch:DescribeAlarms"}, stewardNeeds...), Fault: watched(failedOver), Judge: failoverTold,
		},
		{
			Name: "failover/monitoring/errors-told", Does: "the application is stopped on every web server: the alarm is raised in its declared time, every steward is told, and told again when it is over",
			Promises: []string{"OPS-03", "OPS-04"}, Hold: 5 * time.Second, Whole: 3 * time.Minute, Judge: errorsTold,
			Errors: 0.8, // nobody is served until the first server's application runs again: what counts is who is told
			Needs: slices.Concat(alarmNeeds, target.CommandNeeds, []string{
				"elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:ModifyTargetGroup", "autoscaling:SuspendProcesses", "autoscaling:ResumeProcesses",
			}),
			Fault: watched(allStopped),
		},
		{
			Name: "failover/monitoring/hardware-told", Does: "a web server's whole machine stands still, and nobody replaces it: its status checks fail, the alarm is raised in its declared time, every steward is told, and told again when it is over",
			Promises: []string{"OPS-03", "OPS-04"}, LabOnly: onlyLab, Budget: budget.ServerHangs, Errors: shareOfServer / 2, Whole: 3 * time.Minute,
			Needs: append([]string{"ec2:DescribeInstanceStatus", "autoscaling:SuspendProcesses", "autoscaling:ResumeProcesses"}, alarmNeeds...),
			Fault: watched(serverImpaired), Judge: hardwareTold,
		},
	}
}

// tooManyTerminated ends so many servers that fewer are healthy than the alarm allows: one, unless the group has scaled out.
func tooManyTerminated(s Stage) fault.Fault {
	return s.terminates(func(ctx context.Context) (string, error) {
		alarm, _, err := s.alarmOf(ctx, serversAlarm)
		if err != nil {
			return "", err
		}
		healthy, err := s.healthyServers(ctx)
		if err != nil {
			return "", err
		}
		chosen, err := s.below(healthy, int(aws.ToFloat64(alarm.Threshold)))
		return strings.Join(chosen, " "), err
	})
}

// below chooses so many of what is there that fewer than a threshold are left.
func (s Stage) below(there []string, threshold int) (chosen []string, err error) {
	left := slices.Clone(there)
	for len(left) >= max(threshold, 1) {
		one, err := s.oneOf("healthy server", left)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, one)
		left = slices.DeleteFunc(left, func(id string) bool { return id == one })
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("choosing a victim: %d servers are healthy, fewer than %d already", len(there), threshold)
	}
	return chosen, nil
}

// watched is a fault that begins with stewards who can be told, and with no alarm raised: one that is is not raised again.
func watched(make func(Stage) fault.Fault) func(Stage) fault.Fault {
	return func(s Stage) fault.Fault { return &observed{make(s), s} }
}

type observed struct {
	fault.Fault
	stage Stage
}

func (o *observed) Setup(ctx context.Context) (string, error) {
	if err := o.stage.stewardsConfirmed(ctx); err != nil {
		return "", err
	}
	if err := o.stage.settled(ctx); err != nil {
		return "", err
	}
	return o.Fault.Setup(ctx)
}

// settled waits until all alarms are over.
func (s Stage) settled(ctx context.Context) error {
	return target.Await(ctx, "all alarms to be over", 2*time.Minute, func(ctx context.Context) error {
		alarms, err := s.alarms(ctx)
		if err != nil {
			return err
		}
		for role, alarm := range alarms {
			if alarm.StateValue == cwtypes.StateValueAlarm {
				return fmt.Errorf("%s is raised: %s", role, aws.ToString(alarm.StateReason))
			}
		}
		return nil
	})
}

func alarmsSet(s Stage) fault.Fault {
	client := cloudwatch.NewFromConfig(s.Config)
	return watched(func(s Stage) fault.Fault {
		return &call{
			choose: func(context.Context) (string, error) { return "the declared alarms", nil },
			inject: func(ctx context.Context, _ string) error {
				for role, name := range s.Outputs.Monitoring.Alarms {
					_, err := client.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{
						AlarmName: &name, StateValue: cwtypes.StateValueAlarm, StateReason: aws.String("A drill sets the alarm by hand: nothing is wrong"),
					})
					if err != nil {
						return fmt.Errorf("setting the alarm %s: %w", role, err)
					}
				}
				return nil
			},
			active: func(ctx context.Context, _ string) error {
				return s.awaitChanges(ctx, cwtypes.StateValueAlarm, delivering())
			},
			recovered: func(ctx context.Context, _ string) error { return s.awaitChanges(ctx, cwtypes.StateValueOk, healing()) },
		}
	})(s)
}

// delivering is how long to look for what has to be delivered: longer than it may take, so that a late one is told as late.
func delivering() time.Duration { return 2 * budget.Delivery().Total() }

// healing is how long a set alarm may stay until it is looked at again.
func healing() time.Duration { return 2*time.Minute + delivering() }

// everyAlarmTold says that each alarm's messages, of both kinds, were with every steward in the time of a delivery.
func everyAlarmTold(ctx context.Context, s Stage, h history.History) (found []check.Finding, err error) {
	since := wall(h, history.Injecting)
	for _, name := range s.Outputs.Monitoring.Alarms {
		for _, state := range []cwtypes.StateValue{cwtypes.StateValueAlarm, cwtypes.StateValueOk} {
			more, err := s.toldOfAlarm(ctx, name, state, since, budget.Delivery().Total(), delivering())
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
	}
	return found, nil
}

// serverAlarmTold says that the alarm was raised in its declared time after the server was out of service, and over in that time after
// the last server was back; the stewards were told of both in the time of a delivery.
func serverAlarmTold(ctx context.Context, s Stage, h history.History) ([]check.Finding, error) {
	return s.alarmTold(ctx, serversAlarm,
		change{cwtypes.StateValueAlarm, wall(h, history.Injecting), wall(h, history.Active)}, // the alarm's time begins with the effect
		change{cwtypes.StateValueOk, wall(h, history.Active), wall(h, history.Recovered)})
}

// errorsTold says that the alarm was raised in its declared time after the first errors, and over in that time after the servers were
// started again; the stewards were told of both in the time of a delivery.
func errorsTold(ctx context.Context, s Stage, h history.History) ([]check.Finding, error) {
	return s.alarmTold(ctx, errorsAlarm,
		change{cwtypes.StateValueAlarm, wall(h, history.Injecting), wall(h, history.Injecting)},
		change{cwtypes.StateValueOk, wall(h, history.Healing), wall(h, history.Healing)})
}

// hardwareTold says that the alarm was raised in its declared time after the checks failed, and over in that time after they passed; the stewards were told of both in the time of a delivery.
func hardwareTold(ctx context.Context, s Stage, h history.History) ([]check.Finding, error) {
	return s.alarmTold(ctx, hardwareAlarm,
		change{cwtypes.StateValueAlarm, wall(h, history.Injecting), wall(h, history.Active)},
		change{cwtypes.StateValueOk, wall(h, history.Active), wall(h, history.Recovered)})
}

func failoverTold(ctx context.Context, s Stage, h history.History) ([]check.Finding, error) {
	return s.told(ctx, "RDS Notification Message", wall(h, history.Injecting), budget.Delivery().Total()+databaseEvent, delivering()+databaseEvent)
}

// databaseEvent is how long RDS may take to tell of a failover: until it is over.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html
const databaseEvent = time.Minute

// wall is when something was first marked, on the wall clock.
func wall(h history.History, mark string) time.Time {
	at, _ := h.At(mark)
	return h.Begun.Add(at)
}
