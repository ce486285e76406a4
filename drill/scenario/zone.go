package scenario

import (
	"context"
	"time"

	"haven/drill/budget"
)

func zone() []Scenario {
	hold := 15 * time.Second
	return []Scenario{
		{
			Name: "failover/zone/power", Does: "a zone loses its power and gets it back",
			Promises: []string{"HA-03", "HA-05", "HA-07"}, LabOnly: onlyLab, Hold: hold, Budget: budget.ZoneLost, Errors: 0.6, Whole: 4 * time.Minute,
			Fault: breaks("zone-power", nil, hold, func(_ context.Context, s Stage) (string, error) { return s.zone() }),
		},
	}
}

// zone chooses one of the stack's zones.
func (s Stage) zone() (string, error) {
	var names []string
	for _, zone := range s.Outputs.Network.Zones {
		names = append(names, zone.Name)
	}
	return s.oneOf("zone", names)
}
