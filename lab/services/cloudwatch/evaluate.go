package cloudwatch

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatch/evaluation"
	"haven/lab/services/cloudwatch/expression"
	"haven/lab/services/cloudwatch/series"
	"haven/lab/services/cloudwatch/summary"
)

// evaluate looks at an alarm's newest datapoints and changes its state when they say so. It tells whether the alarm has
// been in its state before, so that actions that repeat are due.
func (s *Service) evaluate(row *alarm, end time.Time) (repeats bool, err error) {
	rules, points, err := s.gather(row, end)
	if err != nil {
		return false, err
	}
	seen := row.common()
	decision := evaluation.Decide(rules, points, seen.state)
	if decision.State == seen.state {
		return true, s.remember(row, decision, func(m *types.MetricAlarm) string { return reasonFor(m, rules, decision) })
	}
	return false, s.store.Update(func(tx *cloud.Tx) error {
		now, err := alarms.Get(tx, row.Region, seen.name)
		if err != nil || now == nil || now.Metric == nil {
			return err
		}
		if is := now.common(); is.state != seen.state || !is.configured.Equal(seen.configured) {
			return nil // it is another alarm by now, and will be evaluated as that
		}
		now.Newest, now.Breaching = newest(decision, now.Newest), valuesOf(decision.Breaching)
		return s.transition(tx, now, decision.State, reasonFor(now.Metric, rules, decision), reasonData(now.Metric, decision, s.now()))
	})
}

// remember notes what is new of an alarm that stays in its state: the newest breaching datapoint, where actions repeat,
// and the first reason.
func (s *Service) remember(row *alarm, d evaluation.Decision, reason func(*types.MetricAlarm) string) error {
	value := newest(d, row.Newest)
	unchecked := *row.Metric.StateReason == initialReason && !d.Retained
	if !unchecked && (value == row.Newest || !row.repeating()) {
		return nil
	}
	return s.store.Update(func(tx *cloud.Tx) error {
		now, err := alarms.Get(tx, row.Region, row.common().name)
		if err != nil || now == nil || now.Metric == nil {
			return err
		}
		now.Newest, now.Breaching = value, valuesOf(d.Breaching)
		if is := now.common(); unchecked && is.state == d.State && *is.reason == initialReason {
			now.setState(d.State, reason(now.Metric), reasonData(now.Metric, d, s.now()), s.now())
		}
		return now.put(tx)
	})
}

// newest returns the value of the newest breaching datapoint, or without one of the newest that there is.
func newest(d evaluation.Decision, before float64) float64 {
	if n := len(d.Breaching); n > 0 {
		return d.Breaching[n-1].Value
	}
	if n := len(d.Evaluated); n > 0 {
		return d.Evaluated[n-1].Value
	}
	return before
}

func valuesOf(points []evaluation.Point) (all []float64) {
	for _, p := range points {
		all = append(all, p.Value)
	}
	return all
}

// gather returns an alarm's rules, and the datapoints of its evaluation range, which ends at a time.
func (s *Service) gather(row *alarm, end time.Time) (rules evaluation.Alarm, points []evaluation.Point, err error) {
	m := row.Metric
	compare, threshold := comparisons[m.ComparisonOperator], *m.Threshold
	rules = evaluation.Alarm{
		Periods: int(*m.EvaluationPeriods), Datapoints: int(*m.EvaluationPeriods), Missing: evaluation.Missing(aws.ToString(m.TreatMissingData)),
		Breaches: func(value float64) bool { return compare(value, threshold) },
	}
	if m.DatapointsToAlarm != nil {
		rules.Datapoints = int(*m.DatapointsToAlarm)
	}
	if len(m.Metrics) > 0 {
		points, err = s.expressionPoints(row, end, rules.Periods)
		return rules, points, err
	}
	statistic, err := summary.Parse(string(m.Statistic) + aws.ToString(m.ExtendedStatistic))
	if err != nil {
		return rules, nil, err
	}
	if aws.ToString(m.EvaluateLowSampleCountPercentile) == "ignore" {
		rules.MinSamples = minSamples(statistic.Percentile)
	}
	points, err = s.metricPoints(row, statistic, end, rules.Periods)
	return rules, points, err
}

// minSamples is how many values a percentile needs to say something
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html).
func minSamples(percentile float64) float64 {
	p := percentile / 100
	if p < 0.5 {
		return 10 / p
	}
	return 10 / (1 - p)
}

func (s *Service) metricPoints(row *alarm, statistic summary.Statistic, end time.Time, periods int) ([]evaluation.Point, error) {
	m := row.Metric
	dimensions, err := dimensionsOf(m.Dimensions)
	if err != nil {
		return nil, err
	}
	period := time.Duration(*m.Period) * time.Second
	points, from := blank(end, period, periods)
	metric := series.Metric{Region: row.Region, Namespace: *m.Namespace, Name: *m.MetricName, Dimensions: dimensions}
	cells, err := s.data.Read(metric, string(m.Unit), from, end, period)
	if err != nil {
		return nil, err
	}
	for _, cell := range merged(cells) {
		if value, ok := statistic.Of(cell.Summary); ok {
			points[cell.Start.Sub(from)/period] = evaluation.Point{Time: cell.Start, Value: value, Samples: cell.Summary.Count}
		}
	}
	return points, nil
}

// blank returns the periods of an evaluation range, all of them missing.
func blank(end time.Time, period time.Duration, periods int) (points []evaluation.Point, from time.Time) {
	count := evaluation.Range(periods)
	from = end.Add(-time.Duration(count) * period)
	for i := range count {
		points = append(points, evaluation.Point{Time: from.Add(time.Duration(i) * period), Missing: true})
	}
	return points, from
}

func (s *Service) expressionPoints(row *alarm, end time.Time, periods int) ([]evaluation.Point, error) {
	plan, err := newPlan(row.Metric.Metrics)
	if err != nil {
		return nil, err
	}
	period := time.Duration(plan.period()) * time.Second
	points, from := blank(end, period, periods)
	c := &computation{
		plan: plan, service: s, region: row.Region, to: end, values: map[string]expression.Value{},
		from: func(time.Duration) time.Time { return from },
	}
	watched := plan.returned()[0]
	value, err := c.value(watched)
	if err != nil {
		return nil, err
	}
	all := value.All(c.grid(watched))
	if len(all) != 1 {
		return nil, validation("The expression of the alarm %s yields %d series, and not one.", *row.Metric.AlarmName, len(all))
	}
	for at, value := range all[0] {
		if index := int(at.Sub(from) / period); index >= 0 && index < len(points) {
			points[index] = evaluation.Point{Time: at, Value: value, Samples: 1}
		}
	}
	return points, nil
}
