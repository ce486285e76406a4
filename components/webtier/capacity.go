package webtier

import (
	"errors"
	"fmt"
)

// Load is what the fleet is sized for, in requests a second. PerServer is
// measured, not guessed: the load at which one server still meets its latency
// objective.
type Load struct {
	Stated    int // what the fleet has to carry with one zone gone
	Peak      int // what it may grow to carry, again with one zone gone
	PerServer int // what one server carries
}

// Capacity is how many servers the fleet has.
type Capacity struct {
	PerZone int // at rest
	Min     int // at rest, all zones
	Max     int // at the peak, all zones
}

// PlanCapacity sizes a fleet so that any one zone can be lost: the servers of
// the other zones alone carry the load.
func PlanCapacity(load Load, zoneCount int) (Capacity, error) {
	var problems []error
	check := func(ok bool, format string, values ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, values...))
		}
	}
	check(zoneCount >= 2, "%d zones: one cannot be lost out of fewer than two", zoneCount)
	check(load.PerServer > 0, "Load.PerServer is %d: expected at least 1 request a second", load.PerServer)
	check(load.Stated > 0, "Load.Stated is %d: expected at least 1 request a second", load.Stated)
	check(load.Peak >= load.Stated, "Load.Peak is %d: expected at least Load.Stated, %d", load.Peak, load.Stated)
	if err := errors.Join(problems...); err != nil {
		return Capacity{}, err
	}
	perZone := func(requests int) int {
		return ceilDiv(ceilDiv(requests, load.PerServer), zoneCount-1)
	}
	return Capacity{
		PerZone: perZone(load.Stated),
		Min:     perZone(load.Stated) * zoneCount,
		Max:     perZone(load.Peak) * zoneCount,
	}, nil
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
