package lab

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"

	"haven/lab/faults"
	"haven/lab/overview"
	"haven/lab/overview/overviewtest"
	"haven/lab/realm/balancer"
	"haven/lab/realm/vpc"
	"haven/lab/services/cloudwatch"
	"haven/lab/timeline"
	"haven/lab/traffic"
)

func TestRates(t *testing.T) {
	before := map[string]vpc.Counter{"eni-1": {ReceivedBytes: 1000, SentBytes: 10}, "eni-2": {ReceivedBytes: 500}, "eni-gone": {}}
	after := map[string]vpc.Counter{"eni-1": {ReceivedBytes: 3000, SentBytes: 20}, "eni-2": {ReceivedBytes: 3}, "eni-new": {ReceivedBytes: 9}}
	assert.Equal(t, map[string]rate{"eni-1": {received: 1000, sent: 5}}, rates(before, after, 2*time.Second), "one that was made anew has no rate yet")
	assert.Empty(t, rates(before, after, time.Hour), "nobody looked on meanwhile")
}

func TestRequestsAreCountedAtTheirTarget(t *testing.T) {
	now := time.Now()
	entry := balancer.Entry{
		Interface: "eni-1", Group: "web", Target: "10.0.0.1:8080", Status: 502, Begun: now.Add(-30 * time.Millisecond), Time: now, Received: 100, Sent: 900,
	}
	assert.Equal(t, traffic.Request{At: now, Node: "eni-1", Target: "10.0.0.1", Status: 502, Seconds: 0.03, Bytes: 1000}, request(entry))
	entry.Group = "" // a redirect has no target
	assert.Empty(t, request(entry).Target)
}

// Everything that the page offers is a fault that the lab takes.
func TestWhatIsOfferedCanBePlanned(t *testing.T) {
	p := overview.Build(overviewtest.Facts())
	var there faults.Inventory
	for _, zone := range p.Zones {
		for _, x := range zone.Servers {
			there.Subjects = append(there.Subjects, faults.Subject{Region: p.Region, Zone: zone.Name, Name: x.ID, Instance: true})
		}
		for _, x := range zone.Database {
			there.Subjects = append(there.Subjects, faults.Subject{Region: p.Region, Zone: zone.Name, Name: x.ID, Member: true})
		}
		for _, x := range zone.Balancer {
			there.Subjects = append(there.Subjects, faults.Subject{Region: p.Region, Zone: zone.Name, Name: x.Group + "/" + zone.Name, Node: true})
		}
	}
	offered := choices(p)
	kinds, labels := map[string]bool{}, map[string]bool{}
	for _, choice := range offered {
		planned, err := faults.Plan(faults.Request{Kind: faults.Kind(choice.Kind), Target: choice.Target, Parameters: choice.Parameters}, there)
		assert.NoError(t, err)
		assert.Equal(t, choice.Zone, planned.Zone)
		assert.NotEmpty(t, choice.About)
		assert.False(t, labels[choice.Zone+choice.On+choice.Label], "%s is offered twice", choice.Label)
		kinds[choice.Kind], labels[choice.Zone+choice.On+choice.Label] = true, true
	}
	assert.Len(t, kinds, len(faults.Kinds()), "each kind of fault is offered")
	assert.Len(t, offered, 3*(2+1+1+5+2*5+(5+2)+1)+2+1, "and each of the two readers can fall behind, and the writer be left unfenced")
	assert.Empty(t, choices(overview.Build(overview.Facts{Region: "us-east-1", Zones: []string{"us-east-1a"}})))
}

func TestEventsOfAlarmsAndFaults(t *testing.T) {
	change := func(name string, from, to types.StateValue) timeline.Severity {
		return alarmEvent(cloudwatch.Change{Alarm: name, Old: from, New: to}).Severity
	}
	assert.Equal(t, timeline.Critical, change("5xx", types.StateValueOk, types.StateValueAlarm))
	assert.Equal(t, timeline.Good, change("5xx", types.StateValueAlarm, types.StateValueOk))
	assert.Equal(t, timeline.Info, change("5xx", types.StateValueInsufficientData, types.StateValueOk))
	assert.Equal(t, timeline.Info, change("TargetTracking-web-AlarmLow", types.StateValueOk, types.StateValueAlarm))
	fault := faults.Fault{Kind: faults.Hang, Region: "us-east-1", Zone: "us-east-1a", Target: "i-1"}
	assert.Equal(t, timeline.Event{
		Region: "us-east-1", Zone: "us-east-1a", Source: "faults", Subject: "i-1", Text: "is broken on purpose: hang i-1", Severity: timeline.Warning,
	}, faultEvent(faults.Happening{Fault: fault}))
	assert.Equal(t, timeline.Good, faultEvent(faults.Happening{Fault: fault, Healed: true}).Severity)
}
