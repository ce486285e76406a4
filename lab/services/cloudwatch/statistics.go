package cloudwatch

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatch/series"
	"haven/lab/services/cloudwatch/summary"
)

// maxDatapoints is how many a call of GetMetricStatistics may ask for.
const maxDatapoints = 1440

// GetMetricStatistics returns a metric's statistics, period by period and unit by unit.
func (s *Service) GetMetricStatistics(ctx context.Context, in *cloudwatch.GetMetricStatisticsInput) (*cloudwatch.GetMetricStatisticsOutput, error) {
	if (len(in.Statistics) == 0) == (len(in.ExtendedStatistics) == 0) {
		return nil, invalidCombination("Exactly one of the parameters Statistics and ExtendedStatistics must be specified.")
	}
	statistics, err := parseStatistics(in.Statistics, in.ExtendedStatistics)
	if err != nil {
		return nil, err
	}
	dimensions, err := dimensionsOf(in.Dimensions)
	if err != nil {
		return nil, err
	}
	from, period, err := s.span(*in.StartTime, *in.EndTime, *in.Period)
	if err != nil {
		return nil, err
	}
	if asked := in.EndTime.Sub(from) / period; asked > maxDatapoints {
		return nil, invalidCombination("You have requested up to %d datapoints, which exceeds the limit of %d.", asked, maxDatapoints)
	}
	m := series.Metric{Region: cloud.RegionOf(ctx), Namespace: *in.Namespace, Name: *in.MetricName, Dimensions: dimensions}
	cells, err := s.data.Read(m, string(in.Unit), from, *in.EndTime, period)
	if err != nil {
		return nil, err
	}
	out := &cloudwatch.GetMetricStatisticsOutput{Label: in.MetricName, Datapoints: []types.Datapoint{}}
	for _, cell := range cells {
		if point, ok := datapoint(cell, statistics); ok {
			out.Datapoints = append(out.Datapoints, point)
		}
	}
	return out, nil
}

func parseStatistics(plain []types.Statistic, extended []string) (all []summary.Statistic, err error) {
	names := extended
	for _, name := range plain {
		names = append(names, string(name))
	}
	for _, name := range names {
		statistic, err := summary.Parse(name)
		if err != nil || len(extended) > 0 && summary.IsPlain(name) {
			return nil, invalid("The value %s for parameter ExtendedStatistics is not supported.", name)
		}
		all = append(all, statistic)
	}
	return all, nil
}

// datapoint has the statistics of a period; without any there is none.
func datapoint(cell series.Cell, statistics []summary.Statistic) (point types.Datapoint, any bool) {
	point = types.Datapoint{Timestamp: aws.Time(cell.Start), Unit: types.StandardUnit(cell.Unit)}
	plain := map[string]**float64{
		"SampleCount": &point.SampleCount, "Average": &point.Average, "Sum": &point.Sum, "Minimum": &point.Minimum, "Maximum": &point.Maximum,
	}
	for _, statistic := range statistics {
		value, ok := statistic.Of(cell.Summary)
		if !ok {
			continue
		}
		any = true
		if target := plain[statistic.Name]; target != nil {
			*target = &value
			continue
		}
		if point.ExtendedStatistics == nil {
			point.ExtendedStatistics = map[string]float64{}
		}
		point.ExtendedStatistics[statistic.Name] = value
	}
	return point, any
}

// span checks a range and its period, and rounds the beginning as CloudWatch does: down to a minute, five minutes or an
// hour, by how long ago it is, or to the period when that is shorter than a minute.
func (s *Service) span(start, end time.Time, seconds int32) (from time.Time, period time.Duration, err error) {
	if !start.Before(end) {
		return from, 0, invalid("The parameter StartTime must be less than the parameter EndTime.")
	}
	if err := checkPeriod(seconds, true); err != nil {
		return from, 0, err
	}
	period = time.Duration(seconds) * time.Second
	return s.round(start, period), period, nil
}

const day = 24 * time.Hour

func (s *Service) round(start time.Time, period time.Duration) time.Time {
	width := time.Minute
	switch age := s.now().Sub(start); {
	case period < time.Minute:
		width = period
	case age > 63*day:
		width = time.Hour
	case age > 15*day:
		width = 5 * time.Minute
	}
	return time.Unix(start.Unix()-start.Unix()%int64(width/time.Second), 0).UTC()
}

// checkPeriod checks that a period is 1, 5, 10, 20, 30 or a multiple of 60 seconds; alarms have 10, 20 and 30 of the short
// ones.
func checkPeriod(seconds int32, shortest bool) error {
	switch {
	case seconds == 10, seconds == 20, seconds == 30, seconds > 0 && seconds%60 == 0:
		return nil
	case shortest && (seconds == 1 || seconds == 5):
		return nil
	}
	return invalid("The value %d for parameter Period is invalid: it must be 10, 20, 30 or a multiple of 60.", seconds)
}
