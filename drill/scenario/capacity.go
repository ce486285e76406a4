package scenario

import (
	"context"
	"maps"
	"slices"
	"time"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/history"
	"haven/drill/target"
	"haven/drill/workload"
)

// carried is the longest that nineteen of twenty answers may take under a load that the stack states that it carries: what takes longer
// than a second interrupts people. https://www.nngroup.com/articles/response-times-3-important-limits/
const carried = time.Second

func capacity() []Scenario {
	hold := 30 * time.Second // a lost zone's servers get requests for half of it at most
	return []Scenario{
		{
			Name: "failover/capacity/zone-down-load", Does: "a zone loses its power under the stated load; the other zones carry all of it",
			Promises: []string{"HA-05"}, LabOnly: onlyLab, Hold: hold, Budget: budget.ZoneLost, Whole: 4 * time.Minute,
			// Clients that come by the lost zone's node and never ask for the name again get no answer, and writes wait for a new writer.
			Errors: 0.6, RatesFor: statedLoad, Judge: othersCarry,
			Fault: breaks("zone-power", nil, hold, func(_ context.Context, s Stage) (string, error) { return s.zone() }),
		},
		{
			Name: "failover/capacity/scale-out", Does: "requests come at more than the stated threshold; the group adds servers, and each has less than the threshold again",
			Promises: []string{"HA-09"}, Hold: 20 * time.Second, Errors: 0, Whole: 3 * time.Minute, Judge: relieved,
			Needs: []string{"autoscaling:DescribePolicies", "autoscaling:SetDesiredCapacity", "cloudwatch:DescribeAlarms"},
			Fault: overThreshold,
		},
	}
}

// statedLoad is so much that the nodes which are left when a zone is lost get all of the load that the stack states.
func statedLoad(e *target.Environment) workload.Rates {
	zones := float64(len(e.Outputs.Network.Zones))
	rates := maps.Clone(StandardRates)
	rates[history.Look] = float64(e.Outputs.Web.StatedLoad) * zones / (zones - 1)
	return rates
}

// othersCarry says that, once the lost servers were out of service, what came by the other zones' nodes was answered, and in time.
func othersCarry(_ context.Context, s Stage, h history.History) (found []check.Finding, err error) {
	ejection, err := budget.For(budget.ServerLost, s.Declared)
	if err != nil {
		return nil, err
	}
	for _, mark := range h.Marks {
		if mark.Name != history.Active {
			continue
		}
		others := h
		others.Operations = slices.DeleteFunc(slices.Clone(h.Operations), func(o history.Operation) bool { return o.Node == first(mark.Text) })
		// Those that were asked shortly before the power came back are of the time after it.
		from, to := mark.At+ejection.Total(), next(h, history.Healing, mark.At)-carried
		found = append(found, check.Carried(others, from, to, float64(s.Outputs.Web.StatedLoad), carried, history.Look)...)
	}
	return found, nil
}
