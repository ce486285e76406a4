package scenario

import (
	"context"
	"slices"
	"time"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/history"
)

func balancer() []Scenario {
	hold := 10 * time.Second
	return []Scenario{
		{
			Name: "failover/balancer/node-lost", Does: "the balancer's node in a zone is lost; clients that come through the other nodes notice nothing",
			Promises: []string{"HA-02"}, LabOnly: onlyLab, Times: 2, Hold: hold, Budget: budget.BalancerNodeLost, Whole: 2 * time.Minute,
			// One of two or more ways in is gone, and this load's clients are of those that never ask for the name again.
			Errors: 0.5, Judge: otherNodesServe,
			Fault: breaks("balancer-node", nil, hold, func(_ context.Context, s Stage) (string, error) { return s.zone() }),
		},
		{
			Name: "failover/balancer/zonal-shift", Does: "an operator shifts traffic away from a zone and back again; no request fails, and none goes to the zone's servers meanwhile",
			Promises: []string{"HA-02", "HA-03"}, Times: 3, Hold: 12 * time.Second, Errors: 0, Whole: time.Minute, Judge: shiftedAway,
			Needs: []string{
				"ec2:DescribeAvailabilityZones", "arc-zonal-shift:StartZonalShift", "arc-zonal-shift:ListZonalShifts", "arc-zonal-shift:CancelZonalShift",
				"elasticloadbalancing:DescribeLoadBalancerAttributes", "elasticloadbalancing:ModifyLoadBalancerAttributes",
			},
			Fault: shifted,
		},
		{
			Name: "failover/balancer/fail-open", Does: "a wrong health check calls every server broken at once; the balancer fails open and requests go on",
			Promises: []string{"HA-02", "HA-03"}, Times: 2, Hold: 10 * time.Second, Errors: 0, Whole: time.Minute, Judge: allServeWhileActive,
			Needs: []string{
				"elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:ModifyTargetGroup", "autoscaling:SuspendProcesses", "autoscaling:ResumeProcesses",
			},
			Fault: calledBroken,
		},
	}
}

// otherNodesServe says that no request through another node than the one that was lost failed.
func otherNodesServe(_ context.Context, _ Stage, h history.History) (found []check.Finding, err error) {
	for _, mark := range h.Marks {
		if mark.Name == history.Injecting {
			found = append(found, check.ErrorShare(throughOthers(h, first(mark.Text)), mark.At, next(h, history.Recovered, mark.At), 0)...)
		}
	}
	return found, nil
}

// throughOthers is the history of what did not go through one zone's node.
func throughOthers(h history.History, zone string) history.History {
	h.Operations = slices.DeleteFunc(slices.Clone(h.Operations), func(o history.Operation) bool { return o.Node == zone })
	return h
}

// shiftedAway says that no node sent a request to the zone while traffic was shifted away from it. Cross-zone load balancing is on, so
// that the zone's own node, to which this load's clients still go, sends what it gets to the other zones.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/zonal-shift.html
func shiftedAway(_ context.Context, s Stage, h history.History) (found []check.Finding, err error) {
	for _, mark := range h.Marks {
		if mark.Name == history.Active {
			found = append(found, check.EjectedZone(h, first(mark.Text), mark.At+s.lag(), next(h, history.Healing, mark.At))...)
		}
	}
	return found, nil
}

// allServeWhileActive says that every server answered while the fault held.
func allServeWhileActive(ctx context.Context, s Stage, h history.History) (found []check.Finding, err error) {
	states, err := s.Targets(ctx)
	if err != nil {
		return nil, err
	}
	for _, mark := range h.Marks {
		if mark.Name != history.Active {
			continue
		}
		for id := range states {
			found = append(found, check.Serving(h, id, mark.At, next(h, history.Healing, mark.At))...)
		}
	}
	return found, nil
}
