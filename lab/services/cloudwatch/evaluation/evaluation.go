// Package evaluation decides an alarm's state from its newest datapoints. It is pure: the rules, with their documented
// examples as tests, are those of
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html and
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html.
package evaluation

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Point is a period of the evaluation range.
type Point struct {
	Time    time.Time // its beginning
	Missing bool
	Value   float64
	Samples float64 // how many values it comes from
}

// Missing is what a period without data counts as.
type Missing string

// What PutMetricAlarm's TreatMissingData may be.
const (
	AsMissing     Missing = "missing" // the default
	AsIgnored     Missing = "ignore"
	AsBreaching   Missing = "breaching"
	AsNotBreaking Missing = "notBreaching"
)

// Alarm is what the decision depends on.
type Alarm struct {
	Periods    int // N: EvaluationPeriods
	Datapoints int // M: DatapointsToAlarm
	Missing    Missing
	Breaches   func(value float64) bool
	// MinSamples is how many values a period needs to count at all, for percentile alarms that ignore low counts; 0: any.
	MinSamples float64
}

// extra is how many periods more than needed are looked at, in case some are missing. AWS documents the examples (5 for
// 3), not the rule.
const extra = 2

// Range returns how many periods to look at.
func Range(periods int) int { return periods + extra }

// Decision is an alarm's state and what it comes from.
type Decision struct {
	State     types.StateValue
	Evaluated []Point // the real datapoints that counted, oldest first
	Breaching []Point // those of them that breach
	Filled    int     // periods without data that counted
	Retained  bool    // the state is the one before, because the data do not decide
}

// Decide returns the state that the datapoints of the evaluation range, oldest first, put an alarm in.
func Decide(a Alarm, points []Point, current types.StateValue) Decision {
	real := slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return p.Missing })
	if len(real) > a.Periods {
		real = real[len(real)-a.Periods:]
	}
	d := Decision{State: types.StateValueOk, Evaluated: real, Filled: a.Periods - len(real)}
	for _, p := range real {
		if a.Breaches(p.Value) {
			d.Breaching = append(d.Breaching, p)
		}
	}
	switch {
	case slices.ContainsFunc(real, func(p Point) bool { return p.Samples < a.MinSamples }):
		return d.retain(current)
	case len(d.Breaching) >= a.Datapoints:
		d.State = types.StateValueAlarm
		return d
	case d.Filled == 0:
		return d
	}
	return d.fill(a, points, current)
}

// fill decides with periods that have no data, where the others alone do not make an alarm.
func (d Decision) fill(a Alarm, points []Point, current types.StateValue) Decision {
	onlyBreaching := len(d.Breaching) == len(d.Evaluated)
	switch a.Missing {
	case AsBreaching:
		if len(d.Breaching)+d.Filled >= a.Datapoints {
			d.State = types.StateValueAlarm
		}
	case AsNotBreaking:
	case AsIgnored:
		if onlyBreaching {
			return d.retain(current)
		}
	default:
		switch {
		case len(d.Evaluated) == 0:
			d.State = types.StateValueInsufficientData
		case onlyBreaching && age(points) >= a.Datapoints:
			d.State = types.StateValueAlarm
		case onlyBreaching:
			return d.retain(current)
		}
	}
	return d
}

func (d Decision) retain(current types.StateValue) Decision {
	d.State, d.Retained = current, true
	return d
}

// age returns how many periods ago the oldest datapoint began: 1 for the newest period. An alarm whose only datapoints
// breach goes off when the oldest of them is as old as it needs datapoints; before, the next one may yet be good
// ("Avoiding premature transitions to alarm state").
func age(points []Point) int {
	oldest := slices.IndexFunc(points, func(p Point) bool { return !p.Missing })
	return len(points) - oldest
}
