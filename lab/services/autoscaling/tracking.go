package autoscaling

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
)

// Target tracking's alarms: the upper one rings after three periods above the target, the lower one after fifteen below
// nine tenths of it, so that a group grows sooner than it shrinks.
const (
	highPeriods = 3
	lowPeriods  = 15
	lowShare    = 0.9
)

func isLowAlarm(group, name string) bool {
	return strings.HasPrefix(name, "TargetTracking-"+group+"-AlarmLow-")
}

// putAlarms makes or changes the alarms of a target tracking policy and notes them in it. A policy that is disabled
// has none (https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-enable-disable-scaling-policy.html).
func (s *Service) putAlarms(tx *cloud.Tx, region string, p *types.ScalingPolicy) error {
	if text(p.PolicyType) != tracking || !aws.ToBool(p.Enabled) {
		err := s.dropAlarms(tx, region, p.Alarms)
		p.Alarms = []types.Alarm{}
		return err
	}
	if s.alarms == nil {
		return unsupported("target tracking, because this lab runs without CloudWatch")
	}
	if len(p.Alarms) == 0 {
		for _, kind := range []string{"High", "Low"} {
			p.Alarms = append(p.Alarms, types.Alarm{AlarmName: aws.String("TargetTracking-" + text(p.AutoScalingGroupName) + "-Alarm" + kind + "-" + cloud.NewUUID())})
		}
	}
	for i := range p.Alarms {
		wanted, err := trackingAlarm(*p, text(p.Alarms[i].AlarmName))
		if err != nil {
			return err
		}
		arn, err := s.alarms.PutAlarm(tx, region, wanted)
		if err != nil {
			return err
		}
		p.Alarms[i].AlarmARN = &arn
	}
	return nil
}

func (s *Service) dropAlarms(tx *cloud.Tx, region string, alarms []types.Alarm) error {
	for _, a := range alarms {
		if s.alarms == nil {
			return nil
		}
		if err := s.alarms.DeleteAlarm(tx, region, text(a.AlarmName)); err != nil {
			return err
		}
	}
	return nil
}

// trackingAlarm is one of the two alarms of a target tracking policy.
func trackingAlarm(p types.ScalingPolicy, name string) (*cloudwatch.PutMetricAlarmInput, error) {
	alarm := &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, AlarmActions: []string{text(p.PolicyARN)},
		AlarmDescription:   aws.String("DO NOT EDIT OR DELETE. For TargetTrackingScaling policy " + text(p.PolicyARN) + "."),
		ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, EvaluationPeriods: aws.Int32(highPeriods),
		Threshold: p.TargetTrackingConfiguration.TargetValue,
	}
	if isLowAlarm(text(p.AutoScalingGroupName), name) {
		alarm.ComparisonOperator, alarm.EvaluationPeriods = cwtypes.ComparisonOperatorLessThanThreshold, aws.Int32(lowPeriods)
		alarm.Threshold = aws.Float64(*p.TargetTrackingConfiguration.TargetValue * lowShare)
	}
	if custom := p.TargetTrackingConfiguration.CustomizedMetricSpecification; custom != nil {
		customized(alarm, custom)
		return alarm, nil
	}
	return alarm, predefined(alarm, text(p.AutoScalingGroupName), p.TargetTrackingConfiguration.PredefinedMetricSpecification)
}

// predefined watches one of Auto Scaling's own metrics
// (https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PredefinedMetricSpecification.html).
func predefined(alarm *cloudwatch.PutMetricAlarmInput, group string, metric *types.PredefinedMetricSpecification) error {
	ofGroup := []cwtypes.Dimension{{Name: aws.String("AutoScalingGroupName"), Value: &group}}
	alarm.Namespace, alarm.Period, alarm.Statistic, alarm.Dimensions = aws.String("AWS/EC2"), aws.Int32(60), cwtypes.StatisticAverage, ofGroup
	switch metric.PredefinedMetricType {
	case types.MetricTypeASGAverageCPUUtilization:
		alarm.MetricName, alarm.Unit = aws.String("CPUUtilization"), cwtypes.StandardUnitPercent
	case types.MetricTypeASGAverageNetworkIn:
		alarm.MetricName = aws.String("NetworkIn")
	case types.MetricTypeASGAverageNetworkOut:
		alarm.MetricName = aws.String("NetworkOut")
	case types.MetricTypeALBRequestCountPerTarget:
		balancer, target, ok := splitLabel(text(metric.ResourceLabel))
		if !ok {
			return invalid("ResourceLabel %q: it is app/<load-balancer-name>/<load-balancer-id>/targetgroup/<target-group-name>/<target-group-id>", text(metric.ResourceLabel))
		}
		alarm.Namespace, alarm.MetricName, alarm.Statistic = aws.String("AWS/ApplicationELB"), aws.String("RequestCountPerTarget"), cwtypes.StatisticSum
		alarm.Dimensions = []cwtypes.Dimension{{Name: aws.String("LoadBalancer"), Value: &balancer}, {Name: aws.String("TargetGroup"), Value: &target}}
	default:
		return invalid("The predefined metric type %q is not supported", metric.PredefinedMetricType)
	}
	return nil
}

// splitLabel takes "app/name/id/targetgroup/name/id" apart.
func splitLabel(label string) (balancer, target string, ok bool) {
	parts := strings.Split(label, "/")
	if len(parts) != 6 || parts[0] != "app" || parts[3] != "targetgroup" {
		return "", "", false
	}
	return strings.Join(parts[:3], "/"), strings.Join(parts[3:], "/"), true
}

// customized watches a metric of the user's, or an expression over several.
func customized(alarm *cloudwatch.PutMetricAlarmInput, custom *types.CustomizedMetricSpecification) {
	if len(custom.Metrics) == 0 {
		alarm.Namespace, alarm.MetricName, alarm.Statistic = custom.Namespace, custom.MetricName, cwtypes.Statistic(custom.Statistic)
		alarm.Dimensions, alarm.Period = dimensions(custom.Dimensions), orPeriod(custom.Period)
		alarm.Unit = cwtypes.StandardUnit(text(custom.Unit))
		return
	}
	for _, q := range custom.Metrics {
		query := cwtypes.MetricDataQuery{Id: q.Id, Expression: q.Expression, Label: q.Label, ReturnData: q.ReturnData}
		if q.Expression != nil {
			query.Period = orPeriod(q.Period)
		}
		if stat := q.MetricStat; stat != nil {
			query.MetricStat = &cwtypes.MetricStat{Stat: stat.Stat, Period: orPeriod(stat.Period), Unit: cwtypes.StandardUnit(text(stat.Unit))}
			if m := stat.Metric; m != nil {
				query.MetricStat.Metric = &cwtypes.Metric{Namespace: m.Namespace, MetricName: m.MetricName, Dimensions: dimensions(m.Dimensions)}
			}
		}
		alarm.Metrics = append(alarm.Metrics, query)
	}
}

func orPeriod(seconds *int32) *int32 {
	if seconds == nil {
		return aws.Int32(60)
	}
	return seconds
}

func dimensions(given []types.MetricDimension) (dims []cwtypes.Dimension) {
	for _, d := range given {
		dims = append(dims, cwtypes.Dimension{Name: d.Name, Value: d.Value})
	}
	return dims
}
