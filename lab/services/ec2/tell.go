package ec2

import (
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/timeline"
)

// condition is what of an instance is worth telling when it changes.
type condition struct {
	state    types.InstanceStateName
	impaired bool
}

func (i *instanceRow) condition() condition { return condition{i.State, i.Impaired} }

// tell puts a change of an instance on the timeline, once it is committed.
func (s *Service) tell(tx *cloud.Tx, region string, was condition, row *instanceRow) {
	text, severity := news(was, row)
	if s.timeline == nil || text == "" {
		return
	}
	event := timeline.Event{Region: region, Zone: row.Zone, Source: "ec2", Subject: row.ID, Text: text, Severity: severity}
	tx.AfterCommit(func() { s.timeline(event) })
}

// news says what changed, in a sentence without its subject.
func news(was condition, row *instanceRow) (string, timeline.Severity) {
	is := row.condition()
	why := ""
	if row.Reason != nil && row.Reason.Code != "pending" {
		why = " (" + row.Reason.Code + ")"
	}
	switch {
	case was == is:
		return "", ""
	case was.state != is.state && is.state == types.InstanceStateNameRunning:
		return "is running", timeline.Good
	case was.state != is.state && was.state == "":
		return "is launched as " + row.Type, timeline.Info
	case was.state != is.state:
		return "is " + string(is.state) + why, timeline.Info
	case is.impaired:
		return "fails its status check", timeline.Critical
	}
	return "passes its status check again", timeline.Good
}

func (s *Service) tellZone(region, zone string, on bool) {
	if s.timeline == nil {
		return
	}
	event := timeline.Event{Region: region, Zone: zone, Source: "ec2", Subject: zone, Text: "has lost its power", Severity: timeline.Critical}
	if on {
		event.Text, event.Severity = "has power again", timeline.Good
	}
	s.timeline(event)
}
