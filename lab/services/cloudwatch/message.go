package cloudwatch

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
)

// regionNames are what CloudWatch calls regions in messages.
var regionNames = map[string]string{
	"us-east-1": "US East (N. Virginia)", "us-east-2": "US East (Ohio)", "us-west-2": "US West (Oregon)",
	"eu-west-1": "EU (Ireland)", "eu-central-1": "EU (Frankfurt)",
}

// subject is the subject of the message about an alarm's present state.
func subject(a *alarm) string {
	text := fmt.Sprintf("%s: %q in %s", a.common().state, a.common().name, regionNames[a.Region])
	if len(text) > 99 { // SNS takes less than 100 characters
		text = text[:96] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}

// notification is what SNS topics get.
type notification struct {
	AlarmName                          string
	AlarmDescription                   *string
	AWSAccountId                       string
	AlarmConfigurationUpdatedTimestamp string
	NewStateValue                      types.StateValue
	NewStateReason                     *string
	StateChangeTime                    string
	Region                             string
	AlarmArn                           string
	OldStateValue                      types.StateValue
	OKActions                          []string
	AlarmActions                       []string
	InsufficientDataActions            []string
	Trigger                            *trigger        `json:",omitempty"`
	AlarmRule                          *string         `json:",omitempty"`
	TriggeringChildren                 json.RawMessage `json:",omitempty"`
}

// trigger is what a metric alarm watches.
type trigger struct {
	MetricName                       *string         `json:",omitempty"`
	Namespace                        *string         `json:",omitempty"`
	StatisticType                    string          `json:",omitempty"`
	Statistic                        string          `json:",omitempty"`
	ExtendedStatistic                string          `json:",omitempty"`
	Unit                             *string         `json:"Unit"`
	Dimensions                       []nameAndValue  `json:",omitempty"`
	Period                           int32           `json:",omitempty"`
	EvaluationPeriods                int32           `json:"EvaluationPeriods"`
	DatapointsToAlarm                int32           `json:",omitempty"`
	ComparisonOperator               string          `json:"ComparisonOperator"`
	Threshold                        float64         `json:"Threshold"`
	TreatMissingData                 string          `json:"TreatMissingData"`
	EvaluateLowSampleCountPercentile string          `json:"EvaluateLowSampleCountPercentile"`
	Metrics                          []triggerMetric `json:",omitempty"`
}

type nameAndValue struct {
	Value string `json:"value"`
	Name  string `json:"name"`
}

// triggerMetric is a query of an alarm on an expression.
type triggerMetric struct {
	ID         string `json:"Id"`
	Expression string `json:",omitempty"`
	Label      string `json:",omitempty"`
	MetricStat any    `json:",omitempty"`
	ReturnData bool
}

// message is the JSON about an alarm's present state.
func message(a *alarm, old types.StateValue) []byte {
	is := a.common()
	n := notification{
		AlarmName: is.name, AlarmDescription: is.description, AWSAccountId: cloud.Account, NewStateValue: is.state, NewStateReason: is.reason,
		AlarmConfigurationUpdatedTimestamp: is.configured.UTC().Format(timeFormat), StateChangeTime: is.updated.UTC().Format(timeFormat),
		Region: regionNames[a.Region], AlarmArn: is.arn, OldStateValue: old,
		OKActions: is.okActions, AlarmActions: is.alarmActions, InsufficientDataActions: is.otherActions,
	}
	if m := a.Metric; m != nil {
		n.Trigger = triggerOf(m)
	} else {
		n.AlarmRule = a.Composite.AlarmRule
		n.TriggeringChildren = triggeringChildren(aws.ToString(is.reasonData))
	}
	return []byte(toJSON(n))
}

func triggerOf(m *types.MetricAlarm) *trigger {
	t := &trigger{
		MetricName: m.MetricName, Namespace: m.Namespace, Period: aws.ToInt32(m.Period), EvaluationPeriods: *m.EvaluationPeriods,
		DatapointsToAlarm: aws.ToInt32(m.DatapointsToAlarm), ComparisonOperator: string(m.ComparisonOperator), Threshold: *m.Threshold,
		TreatMissingData: aws.ToString(m.TreatMissingData), EvaluateLowSampleCountPercentile: aws.ToString(m.EvaluateLowSampleCountPercentile),
	}
	if m.Unit != "" {
		t.Unit = aws.String(string(m.Unit))
	}
	switch {
	case m.Statistic != "":
		t.StatisticType, t.Statistic = "Statistic", strings.ToUpper(string(m.Statistic))
	case m.ExtendedStatistic != nil:
		t.StatisticType, t.ExtendedStatistic = "ExtendedStatistic", *m.ExtendedStatistic
	}
	for _, d := range m.Dimensions {
		t.Dimensions = append(t.Dimensions, nameAndValue{*d.Value, *d.Name})
	}
	for _, query := range m.Metrics {
		one := triggerMetric{ID: *query.Id, Expression: aws.ToString(query.Expression), Label: aws.ToString(query.Label), ReturnData: query.ReturnData == nil || *query.ReturnData}
		if stat := query.MetricStat; stat != nil {
			dimensions := []nameAndValue{}
			for _, d := range stat.Metric.Dimensions {
				dimensions = append(dimensions, nameAndValue{*d.Value, *d.Name})
			}
			one.MetricStat = map[string]any{
				"Metric": map[string]any{"Dimensions": dimensions, "MetricName": stat.Metric.MetricName, "Namespace": stat.Metric.Namespace},
				"Period": stat.Period, "Stat": stat.Stat,
			}
		}
		t.Metrics = append(t.Metrics, one)
	}
	return t
}

// triggeringChildren rewrites a composite alarm's reason data into the form of messages.
func triggeringChildren(reasonData string) json.RawMessage {
	var data struct {
		TriggeringAlarms []struct {
			Arn   string
			State struct{ Value, Timestamp string }
		}
	}
	if json.Unmarshal([]byte(reasonData), &data) != nil {
		return nil
	}
	return json.RawMessage(toJSON(data.TriggeringAlarms))
}
