package cloudwatch

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/services/cloudwatch/series"
	"haven/lab/services/cloudwatch/summary"
)

var _ metric.Sink = (*Service)(nil)

// Record takes what services of the lab measured. It never blocks for long; what cannot be kept is counted and told in
// the lab's log.
func (s *Service) Record(region string, data ...metric.Datum) {
	for _, datum := range data {
		if err := s.record(region, datum); err != nil {
			s.complain(datum, err)
		}
	}
}

func (s *Service) record(region string, datum metric.Datum) error {
	at, unit := datum.Time, datum.Unit
	if at.IsZero() {
		at = s.now()
	}
	if unit == "" {
		unit = string(types.StandardUnitNone)
	}
	m := series.Metric{Region: region, Namespace: datum.Namespace, Name: datum.Name, Dimensions: series.Sorted(datum.Dimensions)}
	measured := summary.Of(datum.Values, datum.Counts)
	if measured.Count == 0 {
		return nil
	}
	return s.data.Add(m, unit, at, measured, false)
}

func (s *Service) complain(datum metric.Datum, err error) {
	s.mu.Lock()
	s.refused++
	refused := s.refused
	s.mu.Unlock()
	if refused&(refused-1) == 0 { // told at 1, 2, 4, 8 …
		s.log.Warn("a measurement was not kept", "namespace", datum.Namespace, "metric", datum.Name, "so far", refused, "error", err)
	}
}

// Limits of PutMetricData (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html).
const (
	maxData       = 1000 // of a call
	maxValues     = 150  // of a datum
	maxDimensions = 30
	maxPast       = 14 * 24 * time.Hour
	maxFuture     = 2 * time.Hour
)

// PutMetricData keeps measurements, all of a call or none.
func (s *Service) PutMetricData(ctx context.Context, in *cloudwatch.PutMetricDataInput) (*cloudwatch.PutMetricDataOutput, error) {
	namespace := *in.Namespace
	if namespace == "" || strings.HasPrefix(namespace, ":") || !printable(namespace) {
		return nil, invalid("The value %q for parameter Namespace is invalid.", namespace)
	}
	if strings.HasPrefix(namespace, "AWS/") {
		return nil, invalid("The value AWS/ for parameter Namespace is invalid: namespaces that begin with it are Amazon's.")
	}
	if len(in.MetricData) == 0 {
		return nil, missing("The parameter MetricData is required.")
	}
	if len(in.MetricData) > maxData {
		return nil, validation("The collection MetricData must not have a size greater than %d.", maxData)
	}
	region := cloud.RegionOf(ctx)
	checked := make([]measurement, len(in.MetricData))
	for i, datum := range in.MetricData {
		var err error
		if checked[i], err = s.check(region, namespace, datum); err != nil {
			return nil, err
		}
	}
	for _, m := range checked {
		if err := s.data.Add(m.metric, m.unit, m.at, m.summary, m.fine); err != nil {
			return nil, cloud.Errorf("LimitExceeded", "%v.", err)
		}
	}
	return &cloudwatch.PutMetricDataOutput{}, nil
}

// measurement is a datum that was checked.
type measurement struct {
	metric  series.Metric
	unit    string
	at      time.Time
	summary summary.Summary
	fine    bool
}

func (s *Service) check(region, namespace string, datum types.MetricDatum) (m measurement, err error) {
	name := aws.ToString(datum.MetricName)
	if name == "" || len(name) > 255 {
		return m, invalid("The value %q for parameter MetricData.member.MetricName is invalid.", name)
	}
	dimensions, err := dimensionsOf(datum.Dimensions)
	if err != nil {
		return m, err
	}
	m = measurement{metric: series.Metric{Region: region, Namespace: namespace, Name: name, Dimensions: dimensions}, unit: string(datum.Unit), at: s.now()}
	if m.unit == "" {
		m.unit = string(types.StandardUnitNone)
	}
	if datum.Timestamp != nil {
		m.at = *datum.Timestamp
	}
	if m.at.Before(s.now().Add(-maxPast)) || m.at.After(s.now().Add(maxFuture)) {
		return m, invalid("The parameter MetricData.member.Timestamp must specify a time within two weeks in the past and two hours ahead, and not %s.", m.at.Format(time.RFC3339))
	}
	switch aws.ToInt32(datum.StorageResolution) {
	case 1:
		m.fine = true
	case 0, 60:
	default:
		return m, invalid("The value %d for parameter MetricData.member.StorageResolution is invalid: it is 1 or 60.", *datum.StorageResolution)
	}
	m.summary, err = measured(datum)
	return m, err
}

// measured reads the values of a datum: one, several with counts, or a statistic set.
func measured(datum types.MetricDatum) (none summary.Summary, err error) {
	switch {
	case datum.StatisticValues != nil && (datum.Value != nil || len(datum.Values) > 0), datum.Value != nil && len(datum.Values) > 0:
		return none, invalidCombination("The parameters MetricData.member.Value, Values and StatisticValues are mutually exclusive.")
	case datum.Value != nil:
		datum.Values = []float64{*datum.Value}
	case datum.StatisticValues != nil:
		return statisticSet(*datum.StatisticValues)
	case len(datum.Values) == 0:
		return none, missing("At least one of the parameters MetricData.member.Value, Values and StatisticValues is required.")
	}
	if len(datum.Values) > maxValues {
		return none, validation("The collection MetricData.member.Values must not have a size greater than %d.", maxValues)
	}
	if datum.Counts != nil && len(datum.Counts) != len(datum.Values) {
		return none, invalid("The parameters MetricData.member.Values and Counts must have the same number of elements.")
	}
	for _, value := range datum.Values {
		if !usable(value) {
			return none, invalid("The value %v for parameter MetricData.member.Value is invalid: it must be a number between -2^360 and 2^360.", value)
		}
	}
	for _, count := range datum.Counts {
		if !usable(count) || count <= 0 {
			return none, invalid("The value %v for parameter MetricData.member.Counts is invalid.", count)
		}
	}
	return summary.Of(datum.Values, datum.Counts), nil
}

func statisticSet(set types.StatisticSet) (none summary.Summary, err error) {
	for _, number := range []*float64{set.SampleCount, set.Sum, set.Minimum, set.Maximum} {
		if number == nil || !usable(*number) {
			return none, invalid("A StatisticSet needs SampleCount, Sum, Minimum and Maximum, each a number between -2^360 and 2^360.")
		}
	}
	if *set.SampleCount <= 0 || *set.Minimum > *set.Maximum {
		return none, invalid("The StatisticSet is invalid: its count must be above zero and its minimum not above its maximum.")
	}
	return summary.OfSet(*set.SampleCount, *set.Sum, *set.Minimum, *set.Maximum), nil
}

func usable(value float64) bool { return !math.IsNaN(value) && math.Abs(value) <= math.Pow(2, 360) }

// dimensionsOf checks a metric's dimensions and puts them in order.
func dimensionsOf(given []types.Dimension) ([]metric.Dimension, error) {
	if len(given) > maxDimensions {
		return nil, validation("The collection Dimensions must not have a size greater than %d.", maxDimensions)
	}
	var all []metric.Dimension
	names := map[string]bool{}
	for _, d := range given {
		name, value := aws.ToString(d.Name), aws.ToString(d.Value)
		if name == "" || value == "" || strings.HasPrefix(name, ":") || !printable(name) || !printable(value) {
			return nil, invalid("The dimension %q with the value %q is invalid.", name, value)
		}
		if names[name] {
			return nil, invalid("No two dimensions may have the same name, and %q is there twice.", name)
		}
		names[name] = true
		all = append(all, metric.Dimension{Name: name, Value: value})
	}
	return series.Sorted(all), nil
}

// printable tells whether a text has only ASCII characters, none of them control characters.
func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) && strings.TrimSpace(text) != ""
}
