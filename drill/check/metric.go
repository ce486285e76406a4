package check

import (
	"fmt"
	"time"
)

// Point is one published value of a metric.
type Point struct {
	At    time.Time // of the period's begin
	Value float64
}

// RoseAndFell says that a metric was over a threshold in a period that began before something was healed, and that the last value, of
// a period that ended after it, is not.
func RoseAndFell(points []Point, period time.Duration, threshold float64, healed time.Time) (found []Finding) {
	var most float64
	var last *Point
	for i, p := range points {
		if p.At.Before(healed) {
			most = max(most, p.Value)
		}
		if p.At.Add(period).After(healed) {
			last = &points[i]
		}
	}
	if most <= threshold {
		found = append(found, Finding{Promise: ErrAlarm, Text: fmt.Sprintf("the metric was published %d times and rose to %g at most, the threshold is %g", len(points), most, threshold)})
	}
	switch {
	case last == nil:
		found = append(found, Finding{Promise: ErrAlarm, Text: "the metric was not published after the healing"})
	case last.Value > threshold:
		found = append(found, Finding{Promise: ErrAlarm, Text: fmt.Sprintf("the metric is still %g after the healing, the threshold is %g", last.Value, threshold)})
	}
	return found
}
