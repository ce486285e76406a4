package scenario

import (
	"context"
	"slices"
	"time"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/history"
	"haven/drill/target"
	"haven/drill/workload"
)

// files are the operations on shared files.
var files = []history.Kind{history.Put, history.Get}

// fileRates write and read files rather than the ledger.
var fileRates = workload.Rates{history.Look: 5, history.Append: 1, history.Put: 5, history.Get: 5}

func storage() []Scenario {
	hold := 5 * time.Second
	return []Scenario{
		{
			Name: "failover/storage/mirror-lost", Does: "a zone's copy of the files is lost while files are written; they are written and read in the other zones",
			Promises: []string{"HA-07", "HA-08"}, LabOnly: onlyLab, Times: 3, Hold: hold, Budget: budget.MirrorLost, Kinds: files, Whole: 2 * time.Minute,
			Rates: fileRates, Fault: breaks("disk", nil, hold, func(_ context.Context, s Stage) (string, error) { return s.zone() }), Judge: allUndisturbed,
		},
		{
			Name: "failover/storage/mirror-replaced", Does: "each zone's copy of the files is lost and rebuilt in turn: in the end none of the first disks is left, and every file",
			Promises: []string{"HA-07", "HA-08"}, LabOnly: onlyLab, Times: 3, Hold: time.Second, Budget: budget.MirrorLost, Kinds: files, Whole: 2 * time.Minute,
			Rates: fileRates, Fault: breaks("disk", nil, time.Second, func(_ context.Context, s Stage) (string, error) { return s.nextZone() }), Judge: allUndisturbed,
		},
		{
			Name: "failover/storage/mount-target-lost", Does: "a zone's mount target can't be reached; its servers are taken out until it can be again",
			Promises: []string{"HA-03", "HA-07"}, Hold: hold, Budget: budget.MountTargetLost, Kinds: files, Errors: 0.5, Whole: 4 * time.Minute,
			Rates: fileRates, Needs: mountNeeds, Fault: mountCutOff,
		},
		{
			Name: "failover/storage/slow", Does: "all mount targets are slow; no server is taken out or replaced for it, and what needs no files goes on",
			Promises: []string{"HA-04", "HA-07"}, LabOnly: onlyLab, Hold: slowHold, Kinds: append([]history.Kind{history.Look}, ledger...), Errors: 0, Whole: time.Minute,
			Rates: workload.Rates{history.Look: 10, history.Append: 5, history.Put: 0.1, history.Get: 0.2, history.List: 0.05}, // files are no line's full load
			Needs: append([]string{"autoscaling:DescribeAutoScalingGroups"}, target.CommandNeeds...), Fault: storageSlowed, Judge: allServersStay,
		},
		{
			Name: "failover/storage/zone-lost", Does: "a zone loses its power with its copy of the files and its mount target; files are written and read in the others",
			Promises: []string{"HA-03", "HA-07", "HA-08"}, LabOnly: onlyLab, Hold: 10 * time.Second, Budget: budget.ZoneLost, Kinds: files, Errors: 0.6, Whole: 4 * time.Minute,
			Rates: fileRates, Fault: breaks("zone-power", nil, 10*time.Second, func(_ context.Context, s Stage) (string, error) { return s.zone() }),
		},
	}
}

// nextZone takes the zones in turn, one more for each injection of a drill.
func (s Stage) nextZone() (string, error) {
	var names []string
	for _, zone := range s.Outputs.Network.Zones {
		names = append(names, zone.Name)
	}
	if len(names) == 0 {
		return s.oneOf("zone", names) // says so
	}
	slices.Sort(names)
	before := 0
	for _, mark := range s.Seen().Marks {
		if mark.Name == history.Injecting {
			before++
		}
	}
	return names[before%len(names)], nil
}

// allUndisturbed judges that nothing at all failed.
func allUndisturbed(_ context.Context, _ Stage, h history.History) ([]check.Finding, error) {
	at, _ := h.At(history.Injecting)
	return check.ErrorShare(h, at, 1<<62, 0), nil
}
