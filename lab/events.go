package lab

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/faults"
	"haven/lab/services/cloudwatch"
	"haven/lab/timeline"
)

// alarmEvent tells an alarm's change of state.
func alarmEvent(c cloudwatch.Change) timeline.Event {
	severity := timeline.Info
	switch {
	case strings.HasPrefix(c.Alarm, "TargetTracking-"): // these are in ALARM whenever there is little to do
	case c.New == types.StateValueAlarm:
		severity = timeline.Critical
	case c.New == types.StateValueOk && c.Old == types.StateValueAlarm:
		severity = timeline.Good
	}
	return timeline.Event{
		Region: c.Region, Source: "cloudwatch", Subject: c.Alarm, Severity: severity,
		Text: fmt.Sprintf("goes from %s to %s: %s", c.Old, c.New, c.Reason),
	}
}

// faultEvent tells that a fault was injected or healed.
func faultEvent(h faults.Happening) timeline.Event {
	event := timeline.Event{
		Region: h.Fault.Region, Zone: h.Fault.Zone, Source: "faults", Subject: h.Fault.Target, Severity: timeline.Warning,
		Text: "is broken on purpose: " + h.Fault.String(),
	}
	if h.Healed {
		event.Severity, event.Text = timeline.Good, h.Fault.String()+" is healed: "+h.Reason
	}
	return event
}
