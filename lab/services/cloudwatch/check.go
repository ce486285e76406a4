package cloudwatch

import (
	"math"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/services/cloudwatch/evaluation"
	"haven/lab/services/cloudwatch/summary"
)

// comparisons are the operators of alarms on static thresholds.
var comparisons = map[types.ComparisonOperator]func(value, threshold float64) bool{
	types.ComparisonOperatorGreaterThanOrEqualToThreshold: func(v, t float64) bool { return v >= t },
	types.ComparisonOperatorGreaterThanThreshold:          func(v, t float64) bool { return v > t },
	types.ComparisonOperatorLessThanThreshold:             func(v, t float64) bool { return v < t },
	types.ComparisonOperatorLessThanOrEqualToThreshold:    func(v, t float64) bool { return v <= t },
}

// checkAlarm checks what an alarm is made of
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html).
func checkAlarm(region string, in *cloudwatch.PutMetricAlarmInput) error {
	if err := checkName(*in.AlarmName); err != nil {
		return err
	}
	if comparisons[in.ComparisonOperator] == nil {
		return unsupported("the comparison operator %s: anomaly detection", in.ComparisonOperator)
	}
	if in.Threshold == nil {
		return missing("Exactly one of Threshold, ThresholdMetricId must be specified; the lab has Threshold only.")
	}
	if math.IsNaN(*in.Threshold) || math.IsInf(*in.Threshold, 0) {
		return invalid("The parameter Threshold must be a finite number.")
	}
	periods, datapoints := aws.ToInt32(in.EvaluationPeriods), in.DatapointsToAlarm
	if periods < 1 {
		return missing("The parameter EvaluationPeriods is required and must be at least 1.")
	}
	if datapoints != nil && (*datapoints < 1 || *datapoints > periods) {
		return validation("DatapointsToAlarm must be between 1 and EvaluationPeriods (%d), and not %d.", periods, *datapoints)
	}
	treatments := []evaluation.Missing{"", evaluation.AsMissing, evaluation.AsIgnored, evaluation.AsBreaching, evaluation.AsNotBreaking}
	if !slices.Contains(treatments, evaluation.Missing(aws.ToString(in.TreatMissingData))) {
		return validation("Invalid value %q for TreatMissingData: it is breaching, notBreaching, ignore or missing.", *in.TreatMissingData)
	}
	if !slices.Contains([]string{"", "evaluate", "ignore"}, aws.ToString(in.EvaluateLowSampleCountPercentile)) {
		return validation("Option %s is not supported for EvaluateLowSampleCountPercentile: it is evaluate or ignore.", *in.EvaluateLowSampleCountPercentile)
	}
	for _, actions := range [][]string{in.OKActions, in.AlarmActions, in.InsufficientDataActions} {
		if err := checkActions(region, actions); err != nil {
			return err
		}
	}
	if len(in.Metrics) > 0 {
		return checkExpressionAlarm(in)
	}
	return checkMetricAlarm(in)
}

func checkName(name string) error {
	if name == "" || len(name) > 255 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return validation("The alarm name %q is invalid: it has 1 to 255 characters, none of them control characters.", name)
	}
	return nil
}

func checkMetricAlarm(in *cloudwatch.PutMetricAlarmInput) error {
	if in.MetricName == nil || in.Namespace == nil {
		return validation("Exactly one of MetricName with Namespace, and Metrics must be specified.")
	}
	if (in.Statistic == "") == (in.ExtendedStatistic == nil) {
		return validation("Exactly one of Statistic and ExtendedStatistic must be specified.")
	}
	name := string(in.Statistic) + aws.ToString(in.ExtendedStatistic)
	statistic, err := summary.Parse(name)
	if err != nil || in.ExtendedStatistic != nil && summary.IsPlain(name) {
		return validation("The value %s is not a valid statistic.", name)
	}
	if in.EvaluateLowSampleCountPercentile != nil && statistic.Percentile < 0 {
		return validation("EvaluateLowSampleCountPercentile is for alarms on percentiles only.")
	}
	if in.Period == nil {
		return missing("The parameter Period is required.")
	}
	if _, err := dimensionsOf(in.Dimensions); err != nil {
		return err
	}
	return checkReach(*in.Period, *in.EvaluationPeriods)
}

// checkReach checks an alarm's period, and how far back it looks.
func checkReach(period, periods int32) error {
	if err := checkPeriod(period, false); err != nil {
		return err
	}
	reach := int64(period) * int64(periods)
	if period < 3600 && reach > 86400 || reach > 604800 {
		return validation("Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400), or a week with periods of an hour and more.")
	}
	return nil
}

func checkExpressionAlarm(in *cloudwatch.PutMetricAlarmInput) error {
	if in.MetricName != nil || in.Namespace != nil || in.Statistic != "" || in.ExtendedStatistic != nil || in.Period != nil || in.Unit != "" || len(in.Dimensions) > 0 {
		return validation("An alarm with Metrics must not have MetricName, Namespace, Dimensions, Period, Unit, Statistic or ExtendedStatistic.")
	}
	plan, err := newPlan(in.Metrics)
	if err != nil {
		return err
	}
	if len(in.Metrics) > maxAlarmQueries {
		return validation("An alarm has at most %d metrics and expressions.", maxAlarmQueries)
	}
	if len(plan.returned()) != 1 {
		return validation("Exactly one element of the metrics list should return data: set ReturnData to false for the others.")
	}
	return checkReach(plan.period(), *in.EvaluationPeriods)
}

const (
	maxAlarmQueries = 20
	maxActions      = 5 // of a state
)

// actionServices are those whose resources can be actions in the lab.
var actionServices = []string{"sns", "autoscaling", "ec2"}

// checkActions checks a state's actions.
func checkActions(region string, actions []string) error {
	if len(actions) > maxActions {
		return validation("A state has at most %d actions.", maxActions)
	}
	for i, arn := range actions {
		parts := strings.SplitN(arn, ":", 6)
		if len(parts) < 6 || parts[0] != "arn" {
			return validation("Invalid arn syntax: %s", arn)
		}
		if !slices.Contains(actionServices, actionService(arn)) {
			return unsupported("the alarm action %s; it has SNS topics, scaling policies of EC2 Auto Scaling, and arn:aws:automate:REGION:ec2:stop, terminate and reboot", arn)
		}
		if parts[3] != region {
			return validation("Invalid region %s specified. Only %s is supported.", parts[3], region)
		}
		if slices.Contains(actions[:i], arn) {
			return validation("The alarm action %s is there twice.", arn)
		}
	}
	return nil
}

// ec2Actions are the ARNs of EC2's actions, without their region.
var ec2Actions = []string{"stop", "terminate", "reboot"}

// actionService returns the service that carries out an action.
func actionService(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	switch {
	case len(parts) < 6:
		return ""
	case parts[2] != "automate":
		return parts[2]
	case parts[4] == "ec2" && slices.Contains(ec2Actions, parts[5]):
		return "ec2"
	}
	return ""
}
