package autoscaling

import (
	"encoding/json"
	"fmt"
	"time"

	"haven/lab/cloud"
)

// Kinds of events that topics are told of
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-sns-notifications.html).
const (
	launchDone     = "autoscaling:EC2_INSTANCE_LAUNCH"
	launchError    = "autoscaling:EC2_INSTANCE_LAUNCH_ERROR"
	terminateDone  = "autoscaling:EC2_INSTANCE_TERMINATE"
	terminateError = "autoscaling:EC2_INSTANCE_TERMINATE_ERROR"
	testEvent      = "autoscaling:TEST_NOTIFICATION"
)

var notificationKinds = []string{launchDone, launchError, terminateDone, terminateError, testEvent}

// subjects are the messages' subjects by event, for the name of the group.
var subjects = map[string]string{
	launchDone: `Auto Scaling: launch for group "%s"`, launchError: `Auto Scaling: failed launch for group "%s"`,
	terminateDone: `Auto Scaling: termination for group "%s"`, terminateError: `Auto Scaling: failed termination for group "%s"`,
	testEvent: `Auto Scaling: test notification for group "%s"`,
}

// header is what all messages have in common.
type header struct {
	Service              string
	Time                 string
	AccountID            string `json:"AccountId"`
	RequestID            string `json:"RequestId"`
	AutoScalingGroupName string
	AutoScalingGroupARN  string `json:",omitempty"`
	Event                string `json:",omitempty"`
}

func headerOf(g *group, event, request string, now time.Time) header {
	return header{
		Service: "AWS Auto Scaling", Time: precise(now), AccountID: cloud.Account, RequestID: request,
		AutoScalingGroupName: g.Name, AutoScalingGroupARN: g.ARN, Event: event,
	}
}

// activityMessage tells of an activity that ended.
type activityMessage struct {
	header
	ActivityID    string `json:"ActivityId"`
	Description   string
	Cause         string
	StartTime     string
	EndTime       string
	Progress      int32
	StatusCode    string
	StatusMessage string
	Details       json.RawMessage
	EC2InstanceID string `json:"EC2InstanceId"`
	Origin        string
	Destination   string
}

// hookMessage asks for a lifecycle action
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/prepare-for-lifecycle-notifications.html).
type hookMessage struct {
	header
	LifecycleHookName    string
	LifecycleTransition  string
	LifecycleActionToken string
	EC2InstanceID        string `json:"EC2InstanceId"`
	NotificationMetadata string `json:",omitempty"`
	Origin               string
	Destination          string
}

// precise is a time with milliseconds, as messages have it.
func precise(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// way tells where an instance comes from and where it goes.
func way(leaving bool) (origin, destination string) {
	if leaving {
		return "AutoScalingGroup", "EC2"
	}
	return "EC2", "AutoScalingGroup"
}

// messageOf is the message of an event about an activity.
func messageOf(g *group, event string, a *activity, now time.Time) any {
	m := activityMessage{
		header: headerOf(g, event, a.ID, now), ActivityID: a.ID, Description: a.Description, Cause: a.Cause, StartTime: precise(a.Started),
		Progress: a.percent(), StatusCode: string(a.Status), StatusMessage: a.Message, Details: json.RawMessage(a.Details), EC2InstanceID: a.Instance,
	}
	if a.Ended != nil {
		m.EndTime = precise(*a.Ended)
	}
	if event == launchDone || event == terminateDone {
		m.Progress, m.StatusCode = 50, "InProgress" // AWS tells of a success while it still writes the activity down
	}
	m.Origin, m.Destination = way(event == terminateDone || event == terminateError)
	return m
}

// hookMessageOf is the message and subject of a lifecycle action that waits.
func hookMessageOf(g *group, h hook, instance, token string, now time.Time) (subject string, message any) {
	m := hookMessage{
		header: headerOf(g, "", cloud.NewUUID(), now), LifecycleHookName: h.Name, LifecycleTransition: h.Transition, LifecycleActionToken: token,
		EC2InstanceID: instance, NotificationMetadata: h.Metadata,
	}
	m.AutoScalingGroupARN = ""
	m.Origin, m.Destination = way(h.Transition == onTerminate)
	moving := "LAUNCHING"
	if h.Transition == onTerminate {
		moving = "TERMINATING"
	}
	return fmt.Sprintf("Auto Scaling:  Lifecycle action '%s' for instance %s in progress.", moving, instance), m
}
