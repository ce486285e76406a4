package cloudwatch

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/services/cloudwatch/evaluation"
)

// operatorWords are CloudWatch's words for its operators.
var operatorWords = map[types.ComparisonOperator]string{
	types.ComparisonOperatorGreaterThanOrEqualToThreshold: "greater than or equal to",
	types.ComparisonOperatorGreaterThanThreshold:          "greater than",
	types.ComparisonOperatorLessThanThreshold:             "less than",
	types.ComparisonOperatorLessThanOrEqualToThreshold:    "less than or equal to",
}

// reasonFor words why an alarm changes its state, as CloudWatch does.
func reasonFor(m *types.MetricAlarm, rules evaluation.Alarm, d evaluation.Decision) string {
	if d.State == types.StateValueInsufficientData {
		return fmt.Sprintf("Insufficient Data: %s %s unknown.", datapoints(rules.Periods), were(rules.Periods))
	}
	if len(d.Evaluated) == 0 {
		return fmt.Sprintf("Threshold Crossed: no datapoints were received for %d %s and %d missing %s treated as [%s].", rules.Periods,
			plural(rules.Periods, "period"), d.Filled, plural(d.Filled, "datapoint")+" "+were(d.Filled), treatmentWord(rules.Missing))
	}
	shown, to := d.Breaching, fmt.Sprintf("minimum %s for OK -> ALARM transition", datapoints(rules.Datapoints))
	not := ""
	if d.State == types.StateValueOk {
		shown, not = nil, "not "
		for _, p := range d.Evaluated {
			if !rules.Breaches(p.Value) {
				shown = append(shown, p)
			}
		}
		to = fmt.Sprintf("minimum %s for ALARM -> OK transition", datapoints(rules.Periods-rules.Datapoints+1))
	}
	filled := ""
	if d.Filled > 0 && (rules.Missing == evaluation.AsBreaching || rules.Missing == evaluation.AsNotBreaking) {
		filled = fmt.Sprintf(" and %d missing %s %s treated as [%s]", d.Filled, plural(d.Filled, "datapoint"), were(d.Filled), treatmentWord(rules.Missing))
	}
	return fmt.Sprintf("Threshold Crossed: %d out of the last %s [%s] %s %s%s the threshold (%s)%s (%s).", len(shown), datapoints(rules.Periods),
		values(shown), were(len(shown)), not, operatorWords[m.ComparisonOperator], number(*m.Threshold), filled, to)
}

func treatmentWord(m evaluation.Missing) string {
	return map[evaluation.Missing]string{evaluation.AsBreaching: "Breaching", evaluation.AsNotBreaking: "NonBreaching"}[m]
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func datapoints(n int) string { return fmt.Sprintf("%d %s", n, plural(n, "datapoint")) }

// values lists datapoints, the newest first.
func values(points []evaluation.Point) string {
	var all []string
	for i := len(points) - 1; i >= 0; i-- {
		all = append(all, fmt.Sprintf("%s (%s)", number(points[i].Value), points[i].Time.UTC().Format("02/01/06 15:04:05")))
	}
	return strings.Join(all, ", ")
}

// number writes a number as CloudWatch does: always with a point.
func number(f float64) string {
	text := strings.TrimRight(fmt.Sprintf("%.12f", f), "0")
	if strings.HasSuffix(text, ".") {
		text += "0"
	}
	return text
}

// reasonData is the reason for programs, as CloudWatch's StateReasonData.
func reasonData(m *types.MetricAlarm, d evaluation.Decision, at time.Time) string {
	type datapoint struct {
		Timestamp   string  `json:"timestamp"`
		SampleCount float64 `json:"sampleCount,omitempty"`
		Value       float64 `json:"value"`
	}
	data := struct {
		Version             string      `json:"version"`
		QueryDate           string      `json:"queryDate"`
		StartDate           string      `json:"startDate,omitempty"`
		Unit                string      `json:"unit,omitempty"`
		Statistic           string      `json:"statistic,omitempty"`
		Period              int32       `json:"period,omitempty"`
		RecentDatapoints    []float64   `json:"recentDatapoints"`
		Threshold           float64     `json:"threshold"`
		EvaluatedDatapoints []datapoint `json:"evaluatedDatapoints,omitempty"`
	}{
		Version: "1.0", QueryDate: at.UTC().Format(timeFormat), Unit: string(m.Unit), Statistic: string(m.Statistic) + aws.ToString(m.ExtendedStatistic),
		Period: aws.ToInt32(m.Period), RecentDatapoints: []float64{}, Threshold: *m.Threshold,
	}
	for i, p := range d.Evaluated {
		if i == 0 {
			data.StartDate = p.Time.UTC().Format(timeFormat)
		}
		data.RecentDatapoints = append(data.RecentDatapoints, p.Value)
		data.EvaluatedDatapoints = append(data.EvaluatedDatapoints, datapoint{p.Time.UTC().Format(timeFormat), p.Samples, p.Value})
	}
	return toJSON(data)
}
