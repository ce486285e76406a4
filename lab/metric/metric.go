// Package metric is how the lab's services say what they measured: plain data, on its way to CloudWatch. It knows no
// service, so that each of them can measure without knowing who keeps the numbers.
package metric

import "time"

// Datum is one measurement, as CloudWatch's MetricDatum: a value or several with how often each was seen.
type Datum struct {
	Namespace  string // "AWS/ApplicationELB"
	Name       string // "RequestCount"
	Dimensions []Dimension
	Time       time.Time // zero: now
	Unit       string    // CloudWatch's StandardUnit, such as "Count" or "Seconds"; empty is "None"
	Values     []float64
	Counts     []float64 // as long as Values, or nil: each value was seen once
}

// Dimension is a part of a metric's identity.
type Dimension struct{ Name, Value string }

// Sink takes measurements. Record never blocks and may be called from any goroutine.
type Sink interface {
	Record(region string, data ...Datum)
}

// Discard is a sink for services that run without CloudWatch.
type Discard struct{}

// Record forgets the data.
func (Discard) Record(string, ...Datum) {}
