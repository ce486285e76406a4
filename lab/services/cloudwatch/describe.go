package cloudwatch

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatch/rule"
)

// DescribeAlarms lists alarms: without AlarmTypes, as CloudWatch does, those on metrics only.
func (s *Service) DescribeAlarms(ctx context.Context, in *cloudwatch.DescribeAlarmsInput) (*cloudwatch.DescribeAlarmsOutput, error) {
	if len(in.AlarmNames) > 0 && in.AlarmNamePrefix != nil {
		return nil, invalidCombination("The parameters AlarmNames and AlarmNamePrefix cannot be used together.")
	}
	if in.ChildrenOfAlarmName != nil && in.ParentsOfAlarmName != nil {
		return nil, invalidCombination("The parameters ChildrenOfAlarmName and ParentsOfAlarmName cannot be used together.")
	}
	kinds := in.AlarmTypes
	related := in.ChildrenOfAlarmName != nil || in.ParentsOfAlarmName != nil
	if len(kinds) == 0 {
		kinds = []types.AlarmType{types.AlarmTypeMetricAlarm}
		if related {
			kinds = []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm}
		}
	}
	region := cloud.RegionOf(ctx)
	out := &cloudwatch.DescribeAlarmsOutput{MetricAlarms: []types.MetricAlarm{}, CompositeAlarms: []types.CompositeAlarm{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		all, err := alarms.List(tx, region)
		if err != nil {
			return err
		}
		chosen, err := relatives(tx, region, in.ChildrenOfAlarmName, in.ParentsOfAlarmName)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(a *alarm) bool {
			is := a.common()
			return !slices.Contains(kinds, a.kind()) || len(in.AlarmNames) > 0 && !slices.Contains(in.AlarmNames, is.name) ||
				!strings.HasPrefix(is.name, aws.ToString(in.AlarmNamePrefix)) || in.StateValue != "" && is.state != in.StateValue ||
				in.ActionPrefix != nil && !hasAction(is, *in.ActionPrefix) || related && !slices.Contains(chosen, is.name)
		})
		rows, next, err := page(all, func(a *alarm) string { return a.common().name }, in.NextToken, limit(in.MaxRecords, 50))
		out.NextToken = next
		for _, row := range rows {
			if row.Metric != nil {
				out.MetricAlarms = append(out.MetricAlarms, *row.Metric)
			} else {
				out.CompositeAlarms = append(out.CompositeAlarms, row.described())
			}
		}
		return err
	})
}

func hasAction(c common, prefix string) bool {
	all := slices.Concat(c.okActions, c.alarmActions, c.otherActions)
	return slices.ContainsFunc(all, func(arn string) bool { return strings.HasPrefix(arn, prefix) })
}

// relatives returns the names of an alarm's children or parents.
func relatives(tx *cloud.Tx, region string, of, parentsOf *string) (names []string, err error) {
	if parentsOf != nil {
		return compositesOn(tx, region, *parentsOf)
	}
	if of == nil {
		return nil, nil
	}
	parent, err := find(tx, region, *of)
	if err != nil || parent == nil || parent.Composite == nil {
		return nil, err
	}
	parsed, err := rule.Parse(*parent.Composite.AlarmRule)
	if err != nil {
		return nil, err
	}
	for _, child := range parsed.Alarms() {
		names = append(names, alarmName(region, child))
	}
	return names, nil
}

// described returns a composite alarm with what holds back its actions.
func (a *alarm) described() types.CompositeAlarm {
	shown := *a.Composite
	if a.Held != nil {
		shown.ActionsSuppressedBy = a.Held.By
		shown.ActionsSuppressedReason = aws.String("Actions suppressed by " + string(a.Held.By))
	}
	return shown
}

// DescribeAlarmsForMetric lists the alarms that watch a metric itself.
func (s *Service) DescribeAlarmsForMetric(ctx context.Context, in *cloudwatch.DescribeAlarmsForMetricInput) (*cloudwatch.DescribeAlarmsForMetricOutput, error) {
	dimensions, err := dimensionsOf(in.Dimensions)
	if err != nil {
		return nil, err
	}
	out := &cloudwatch.DescribeAlarmsForMetricOutput{MetricAlarms: []types.MetricAlarm{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		all, err := alarms.List(tx, cloud.RegionOf(ctx))
		if err != nil {
			return err
		}
		for _, row := range all {
			m := row.Metric
			if m == nil || aws.ToString(m.Namespace) != *in.Namespace || aws.ToString(m.MetricName) != *in.MetricName {
				continue
			}
			own, err := dimensionsOf(m.Dimensions)
			if err != nil {
				return err
			}
			if slices.Equal(own, dimensions) && (in.Period == nil || aws.ToInt32(m.Period) == *in.Period) && (in.Unit == "" || m.Unit == in.Unit) &&
				(in.Statistic == "" || m.Statistic == in.Statistic) &&
				(in.ExtendedStatistic == nil || aws.ToString(m.ExtendedStatistic) == *in.ExtendedStatistic) {
				out.MetricAlarms = append(out.MetricAlarms, *m)
			}
		}
		return nil
	})
}
