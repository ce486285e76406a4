package autoscaling

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

// mostActivities is how many are kept of a region.
const mostActivities = 1000

// mostCause is how long a cause is told (API_Activity).
const mostCause = 1023

// activity is one step that a group took, kept as a record of the past.
type activity struct {
	ID          string
	Group       string
	GroupARN    string
	Description string
	Cause       string
	Started     time.Time
	Ended       *time.Time
	Status      types.ScalingActivityStatusCode
	Message     string
	Details     string // JSON
	Instance    string
	Zone        string
}

// Gone is always true: an activity is no resource.
func (*activity) Gone() bool { return true }

// key orders activities newest first.
func (a *activity) key() string {
	return fmt.Sprintf("%020d-%s", math.MaxInt64-a.Started.UnixNano(), a.ID)
}

// progress is how far each status is, in percent.
var progress = map[types.ScalingActivityStatusCode]int32{
	types.ScalingActivityStatusCodePreInService: 20, types.ScalingActivityStatusCodeInProgress: 50, types.ScalingActivityStatusCodeMidLifecycleAction: 60,
	types.ScalingActivityStatusCodeWaitingForELBConnectionDraining: 40,
}

func (a *activity) percent() int32 {
	if a.Ended != nil {
		return 100
	}
	return progress[a.Status]
}

func (a *activity) describe(state string) types.Activity {
	return types.Activity{
		ActivityId: aws.String(a.ID), AutoScalingGroupName: aws.String(a.Group), AutoScalingGroupARN: optional(a.GroupARN), AutoScalingGroupState: optional(state),
		Description: aws.String(a.Description), Cause: aws.String(a.Cause), StartTime: &a.Started, EndTime: a.Ended, StatusCode: a.Status,
		Progress: aws.Int32(a.percent()), Details: aws.String(a.Details), StatusMessage: optional(cut(a.Message, 255)),
	}
}

func cut(s string, most int) string { return s[:min(len(s), most)] }

// sentence is one part of a cause as AWS writes them: "At <time> <what happened>."
func sentence(at time.Time, format string, args ...any) string {
	return fmt.Sprintf("At %s %s.", stamp(at), fmt.Sprintf(format, args...))
}

// because joins the sentences of a cause.
func because(sentences ...string) string {
	var told []string
	for _, s := range sentences {
		if s != "" {
			told = append(told, s)
		}
	}
	return cut(strings.Join(told, "  "), mostCause)
}

// newActivity begins an activity of a group.
func newActivity(g *group, description, cause, instance, subnet, zone string, now time.Time) *activity {
	details := map[string]any{"Subnet ID": subnet, "Availability Zone": zone}
	if g.Alarm != nil && strings.Contains(cause, g.Alarm.AlarmName) {
		details["InvokingAlarms"] = []invokingAlarm{*g.Alarm}
	}
	told, _ := json.Marshal(details) // of strings only: it cannot fail
	return &activity{
		ID: cloud.NewUUID(), Group: g.Name, GroupARN: g.ARN, Description: description, Cause: cause, Started: now.UTC(),
		Status: types.ScalingActivityStatusCodeInProgress, Details: string(told), Instance: instance, Zone: zone,
	}
}

func (a *activity) put(tx *cloud.Tx, region string) error {
	if err := activities.Put(tx, region, a.key(), a); err != nil {
		return err
	}
	return prune(tx, region)
}

// markActivity records how far an activity is.
func markActivity(tx *cloud.Tx, region, key string, status types.ScalingActivityStatusCode) error {
	a, err := activities.Get(tx, region, key)
	if err != nil || a == nil || a.Ended != nil {
		return err
	}
	a.Status = status
	return activities.Put(tx, region, key, a)
}

// finishActivity records how an activity ended and returns it; nil when it had ended before.
func finishActivity(tx *cloud.Tx, region, key string, status types.ScalingActivityStatusCode, message string, now time.Time) (*activity, error) {
	a, err := activities.Get(tx, region, key)
	if err != nil || a == nil || a.Ended != nil {
		return nil, err
	}
	ended := now.UTC()
	a.Ended, a.Status, a.Message = &ended, status, message
	if message != "" {
		a.Description += ".  Status Reason: " + message
	}
	return a, activities.Put(tx, region, key, a)
}

func prune(tx *cloud.Tx, region string) error {
	all, err := activities.List(tx, region)
	if err != nil || len(all) <= mostActivities {
		return err
	}
	for _, old := range all[mostActivities:] {
		if err := activities.Delete(tx, region, old.key()); err != nil {
			return err
		}
	}
	return nil
}
