package elasticloadbalancingv2

import (
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/timeline"
)

// source is who tells the timeline.
const source = "elasticloadbalancingv2"

// tellNodes tells the timeline which of a balancer's nodes came and went. What a start of the lab brings up is no news.
func (s *Service) tellNodes(region string, b *loadBalancer, now []node) {
	for i, n := range now {
		before := b.Nodes[i]
		switch {
		case n.Running && !before.Running:
			s.deps.Timeline(timeline.Event{Region: region, Zone: n.Zone, Source: source, Subject: b.Name, Text: "the node runs", Severity: timeline.Good})
		case !n.Running && before.Running:
			s.deps.Timeline(timeline.Event{Region: region, Zone: n.Zone, Source: source, Subject: b.Name, Text: "the node does not run: " + n.Reason, Severity: timeline.Warning})
		}
	}
}

// tellTarget tells the timeline that a target's health changed.
func (s *Service) tellTarget(region string, t *target, now health) {
	if now.State == t.Health.State && now.Reason == t.Health.Reason {
		return
	}
	event := timeline.Event{Region: region, Source: source, Subject: t.ID, Text: "target is " + string(now.State) + " in " + groupSuffix(t.Group)}
	if now.Reason != "" {
		event.Text += " (" + string(now.Reason) + ")"
	}
	switch now.State {
	case types.TargetHealthStateEnumHealthy:
		event.Severity = timeline.Good
	case types.TargetHealthStateEnumUnhealthy:
		event.Severity = timeline.Warning
	default:
		return
	}
	s.deps.Timeline(event)
}
