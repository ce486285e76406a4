package cloudwatch_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/metric"
)

const (
	topic  = "arn:aws:sns:us-east-1:000000000000:alerts"
	policy = "arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:1:autoScalingGroupName/web:policyName/up"
)

func TestAnAlarmOfMOutOfNGoesOnAndOff(t *testing.T) {
	f := start(t)
	f.run()
	f.alarm("errors", "Errors", func(in *awscw.PutMetricAlarmInput) {
		in.EvaluationPeriods, in.DatapointsToAlarm = aws.Int32(3), aws.Int32(2)
		in.AlarmActions, in.OKActions = []string{topic}, []string{topic}
	})
	var states []types.StateValue
	for _, value := range []float64{1, 20, 2, 30, 40, 1, 1, 1} {
		f.put("Errors", value)
		f.pass(time.Minute)
		f.evaluate()
		state, _ := f.state("errors")
		states = append(states, state)
	}
	const ok, alarm = types.StateValueOk, types.StateValueAlarm
	assert.Equal(t, []types.StateValue{ok, ok, ok, alarm, alarm, alarm, ok, ok}, states)
	f.eventually("both messages are sent", func() bool { return len(f.done()) == 3 }) // OK at first, too
	var message struct {
		AlarmName, NewStateValue, OldStateValue, NewStateReason, Region string
		Trigger                                                         struct {
			MetricName, Statistic string
			Threshold             float64
		}
	}
	on := f.done()[1]
	require.NoError(t, json.Unmarshal(on.Message, &message))
	assert.Equal(t, `ALARM: "errors" in US East (N. Virginia)`, on.Subject)
	assert.Equal(t, 30.0, on.Value)
	assert.Equal(t, "errors/ALARM/OK", message.AlarmName+"/"+message.NewStateValue+"/"+message.OldStateValue)
	assert.Equal(t, "SUM", message.Trigger.Statistic)
	assert.Equal(t, "Threshold Crossed: 2 out of the last 3 datapoints [30.0 (01/03/26 12:03:00), 20.0 (01/03/26 12:01:00)] were greater than the threshold (10.0) "+
		"(minimum 2 datapoints for OK -> ALARM transition).", message.NewStateReason)
	f.eventually("the history tells all", func() bool {
		history, err := f.client.DescribeAlarmHistory(background, &awscw.DescribeAlarmHistoryInput{AlarmName: aws.String("errors")})
		require.NoError(t, err)
		kinds := map[types.HistoryItemType]int{}
		for _, item := range history.AlarmHistoryItems {
			kinds[item.HistoryItemType]++
		}
		return kinds[types.HistoryItemTypeConfigurationUpdate] == 1 && kinds[types.HistoryItemTypeStateUpdate] == 3 && kinds[types.HistoryItemTypeAction] == 3
	})
}

func TestAnAlarmOnAMetricThatDoesNotExistSaysSo(t *testing.T) {
	f := start(t)
	f.alarm("misspelt", "Erors", nil)
	f.put("Errors", 100)
	for range 3 {
		f.pass(time.Minute)
		f.evaluate()
	}
	f.requireState("misspelt", types.StateValueInsufficientData)
	_, reason := f.state("misspelt")
	assert.Equal(t, "Insufficient Data: 1 datapoint was unknown.", reason)
}

func TestMissingDataAreTreatedAsDeclared(t *testing.T) {
	f := start(t)
	for _, treatment := range []string{"missing", "ignore", "breaching", "notBreaching"} {
		f.alarm(treatment, "Errors", func(in *awscw.PutMetricAlarmInput) { in.TreatMissingData = &treatment })
	}
	f.put("Errors", 20)
	f.pass(time.Minute)
	f.evaluate()
	for _, name := range []string{"missing", "ignore", "breaching", "notBreaching"} {
		f.requireState(name, types.StateValueAlarm)
	}
	for range 4 {
		f.pass(time.Minute)
		f.evaluate()
	}
	f.requireState("missing", types.StateValueInsufficientData)
	f.requireState("ignore", types.StateValueAlarm)
	f.requireState("breaching", types.StateValueAlarm)
	f.requireState("notBreaching", types.StateValueOk)
}

func TestAnAlarmOfHighResolutionGoesOnWithinItsTenSeconds(t *testing.T) {
	f := start(t)
	f.alarm("fast", "Fine", func(in *awscw.PutMetricAlarmInput) { in.Period = aws.Int32(10) })
	_, err := f.client.PutMetricData(background, &awscw.PutMetricDataInput{Namespace: aws.String("Haven"), MetricData: []types.MetricDatum{
		{MetricName: aws.String("Fine"), Value: aws.Float64(50), StorageResolution: aws.Int32(1), Timestamp: aws.Time(f.now())},
	}})
	require.NoError(t, err)
	f.pass(12 * time.Second)
	f.evaluate()
	f.requireState("fast", types.StateValueAlarm)
}

// rate puts the alarm "rate" on an expression over the sums of "Bad", "All" and "Never", by those names in small letters.
func (f *fixture) rate(expression string) {
	queries := []types.MetricDataQuery{{Id: aws.String("share"), Expression: &expression}}
	for id, name := range map[string]string{"bad": "Bad", "all": "All", "never": "Never"} {
		queries = append(queries, types.MetricDataQuery{Id: &id, ReturnData: aws.Bool(false), MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: aws.String("Haven"), MetricName: &name}, Period: aws.Int32(60), Stat: aws.String("Sum"),
		}})
	}
	_, err := f.client.PutMetricAlarm(background, &awscw.PutMetricAlarmInput{
		AlarmName: aws.String("rate"), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(5), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
		Metrics: queries, TreatMissingData: aws.String("notBreaching"),
	})
	require.NoError(f.t, err)
}

func TestAnAlarmOnAnExpression(t *testing.T) {
	for name, expression := range map[string]string{
		"a share":                           "IF(all > 0, 100 * FILL(bad, 0) / all, 0)",
		"a sum of what may never have been": "100*(FILL(never,0)+FILL(bad,0))/all",
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			f.rate(expression)
			for range 2 {
				f.put("All", 100)
				f.pass(time.Minute)
				f.evaluate()
				f.requireState("rate", types.StateValueOk)
			}
			f.put("All", 100)
			f.put("Bad", 6)
			f.pass(time.Minute)
			f.evaluate()
			f.requireState("rate", types.StateValueAlarm)
		})
	}
}

func TestScalingActionsRepeatEachMinute(t *testing.T) {
	f := start(t)
	f.run()
	f.alarm("busy", "Load", func(in *awscw.PutMetricAlarmInput) { in.AlarmActions = []string{policy, topic} })
	for i := range 4 {
		f.put("Load", 20+float64(i))
		f.pass(time.Minute)
		f.evaluate()
	}
	f.eventually("the scaling action repeats", func() bool {
		scaled, told := 0, 0
		for _, a := range f.done() {
			if a.ActionARN == policy {
				scaled++
			} else {
				told++
			}
		}
		return scaled == 4 && told == 1
	})
}

func TestAFailingActionIsTriedAgain(t *testing.T) {
	f := start(t)
	f.fail = 1
	f.run()
	f.alarm("errors", "Errors", func(in *awscw.PutMetricAlarmInput) { in.AlarmActions = []string{topic} })
	_, err := f.client.SetAlarmState(background, &awscw.SetAlarmStateInput{AlarmName: aws.String("errors"), StateValue: types.StateValueAlarm, StateReason: aws.String("a drill")})
	require.NoError(t, err)
	f.eventually("it failed once", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.fail == 0 })
	f.pass(10 * time.Second)
	f.put("Other", 1)
	f.alarm("other", "Other", nil)
	f.eventually("it is done", func() bool { f.pass(time.Second); return len(f.done()) == 1 })
	assert.Equal(t, "a drill", f.done()[0].Reason)
}

func TestActionsOutliveTheLab(t *testing.T) {
	f := start(t)
	f.alarm("errors", "Errors", func(in *awscw.PutMetricAlarmInput) { in.AlarmActions = []string{topic} })
	f.put("Errors", 50)
	f.pass(time.Minute)
	f.evaluate() // nobody carries out actions yet
	f.requireState("errors", types.StateValueAlarm)
	f.reopen()
	f.requireState("errors", types.StateValueAlarm)
	require.Len(t, f.statistics("Errors", f.now().Add(-5*time.Minute), 60), 1, "and so do measurements")
	f.run()
	f.eventually("the action is done", func() bool { return len(f.done()) == 1 })
}

func (f *fixture) composite(name, rule string, change func(*awscw.PutCompositeAlarmInput)) error {
	in := &awscw.PutCompositeAlarmInput{AlarmName: &name, AlarmRule: &rule, AlarmActions: []string{topic}}
	if change != nil {
		change(in)
	}
	_, err := f.client.PutCompositeAlarm(background, in)
	return err
}

func (f *fixture) set(name string, state types.StateValue) {
	f.t.Helper()
	_, err := f.client.SetAlarmState(background, &awscw.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: aws.String("test")})
	require.NoError(f.t, err)
	f.evaluate()
}

func TestCompositeAlarmsFollowOthers(t *testing.T) {
	f := start(t)
	f.alarm("a", "A", nil)
	f.alarm("b", "B", nil)
	f.evaluate()
	require.NoError(t, f.composite("both", `ALARM(a) AND ALARM("b")`, nil))
	require.NoError(t, f.composite("top", `ALARM(both) AND NOT OK(a)`, nil))
	f.evaluate()
	f.requireState("both", types.StateValueOk)
	f.set("a", types.StateValueAlarm)
	f.requireState("both", types.StateValueOk)
	f.set("b", types.StateValueAlarm)
	f.requireState("both", types.StateValueAlarm)
	f.requireState("top", types.StateValueAlarm)
	_, err := f.client.DeleteAlarms(background, &awscw.DeleteAlarmsInput{AlarmNames: []string{"a"}})
	assert.Contains(t, f.requireCode("ValidationError", err), "both")
	f.requireCode("ValidationError", f.composite("both", "ALARM(top)", nil))
	f.requireCode("ValidationError", f.composite("lost", "ALARM(nowhere)", nil))
	f.requireCode("ValidationError", f.composite("bad", "ALARM(a", nil))
	children, err := f.client.DescribeAlarms(background, &awscw.DescribeAlarmsInput{ChildrenOfAlarmName: aws.String("both")})
	require.NoError(t, err)
	assert.Len(t, children.MetricAlarms, 2)
	for _, name := range []string{"top", "both", "a"} {
		_, err := f.client.DeleteAlarms(background, &awscw.DeleteAlarmsInput{AlarmNames: []string{name}})
		require.NoError(t, err, name)
	}
}

func TestASuppressorHoldsBackActions(t *testing.T) {
	f := start(t)
	f.run()
	keep := func(in *awscw.PutMetricAlarmInput) { in.TreatMissingData = aws.String("ignore") } // what is set by hand
	f.alarm("a", "A", keep)
	f.alarm("maintenance", "M", keep)
	f.evaluate()
	require.NoError(t, f.composite("page", "ALARM(a)", func(in *awscw.PutCompositeAlarmInput) {
		in.ActionsSuppressor, in.ActionsSuppressorWaitPeriod, in.ActionsSuppressorExtensionPeriod = aws.String("maintenance"), aws.Int32(20), aws.Int32(30)
	}))
	by := func() types.ActionsSuppressedBy {
		out, err := f.client.DescribeAlarms(background, &awscw.DescribeAlarmsInput{AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm}})
		require.NoError(t, err)
		return out.CompositeAlarms[0].ActionsSuppressedBy
	}
	f.set("a", types.StateValueAlarm)
	assert.Equal(t, types.ActionsSuppressedByWaitPeriod, by())
	f.set("maintenance", types.StateValueAlarm)
	assert.Equal(t, types.ActionsSuppressedByAlarm, by())
	f.pass(40 * time.Second)
	f.evaluate()
	f.set("maintenance", types.StateValueOk)
	assert.Equal(t, types.ActionsSuppressedByExtensionPeriod, by())
	assert.Empty(t, f.done())
	f.pass(31 * time.Second)
	f.evaluate()
	f.eventually("its actions are done after all", func() bool { return len(f.done()) == 1 })
	assert.Empty(t, by())
}

func TestDisabledActionsAreNotDone(t *testing.T) {
	f := start(t)
	f.alarm("quiet", "Q", func(in *awscw.PutMetricAlarmInput) { in.AlarmActions = []string{topic} })
	_, err := f.client.DisableAlarmActions(background, &awscw.DisableAlarmActionsInput{AlarmNames: []string{"quiet"}})
	require.NoError(t, err)
	f.run()
	f.set("quiet", types.StateValueAlarm)
	time.Sleep(100 * time.Millisecond)
	assert.Empty(t, f.done())
}

func TestBadAlarmsAreRefused(t *testing.T) {
	f := start(t)
	for name, change := range map[string]func(*awscw.PutMetricAlarmInput){
		"no statistic":      func(in *awscw.PutMetricAlarmInput) { in.Statistic = "" },
		"a bad percentile":  func(in *awscw.PutMetricAlarmInput) { in.Statistic, in.ExtendedStatistic = "", aws.String("p101") },
		"a bad period":      func(in *awscw.PutMetricAlarmInput) { in.Period = aws.Int32(45) },
		"M above N":         func(in *awscw.PutMetricAlarmInput) { in.DatapointsToAlarm = aws.Int32(2) },
		"too far back":      func(in *awscw.PutMetricAlarmInput) { in.Period, in.EvaluationPeriods = aws.Int32(300), aws.Int32(300) },
		"another treatment": func(in *awscw.PutMetricAlarmInput) { in.TreatMissingData = aws.String("perhaps") },
		"a lambda": func(in *awscw.PutMetricAlarmInput) {
			in.AlarmActions = []string{"arn:aws:lambda:us-east-1:000000000000:function:f"}
		},
		"another region": func(in *awscw.PutMetricAlarmInput) {
			in.AlarmActions = []string{"arn:aws:sns:eu-west-1:000000000000:t"}
		},
		"anomalies": func(in *awscw.PutMetricAlarmInput) {
			in.ComparisonOperator = types.ComparisonOperatorGreaterThanUpperThreshold
		},
		"metrics and name": func(in *awscw.PutMetricAlarmInput) {
			in.Metrics = []types.MetricDataQuery{{Id: aws.String("a"), Expression: aws.String("1")}}
		},
	} {
		in := &awscw.PutMetricAlarmInput{
			AlarmName: aws.String("x"), Namespace: aws.String("H"), MetricName: aws.String("m"), Statistic: types.StatisticSum, Period: aws.Int32(60),
			EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
		}
		change(in)
		_, err := f.client.PutMetricAlarm(background, in)
		assert.Error(t, err, name)
	}
}

func TestOtherServicesUseAlarmsInTheirTransactions(t *testing.T) {
	f := start(t)
	require.NoError(t, f.store.Update(func(tx *cloud.Tx) error {
		arn, err := f.service.PutAlarm(tx, "us-east-1", &awscw.PutMetricAlarmInput{
			AlarmName: aws.String("TargetTracking-web"), Namespace: aws.String("AWS/EC2"), MetricName: aws.String("CPUUtilization"), Statistic: types.StatisticAverage,
			Dimensions: dimension("AutoScalingGroupName", "web"), Period: aws.Int32(60), EvaluationPeriods: aws.Int32(3), Threshold: aws.Float64(50),
			ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, AlarmActions: []string{policy},
		})
		require.Equal(t, "arn:aws:cloudwatch:us-east-1:000000000000:alarm:TargetTracking-web", arn)
		return err
	}))
	for i := range 3 {
		f.service.Record("us-east-1", metric.Datum{Namespace: "AWS/EC2", Name: "CPUUtilization", Unit: "Percent", Time: f.now(), Values: []float64{60 + float64(i)},
			Dimensions: []metric.Dimension{{Name: "AutoScalingGroupName", Value: "web"}}})
		f.pass(time.Minute)
	}
	f.evaluate()
	require.NoError(t, f.store.Update(func(tx *cloud.Tx) error {
		state, found, err := f.service.AlarmState(tx, "us-east-1", "TargetTracking-web")
		assert.True(t, found)
		assert.Equal(t, types.StateValueAlarm, state)
		require.NoError(t, err)
		return f.service.DeleteAlarm(tx, "us-east-1", "TargetTracking-web")
	}))
}

func TestHistoryIsBounded(t *testing.T) {
	f := start(t)
	f.alarm("flapping", "F", nil)
	for i := range 70 {
		f.pass(time.Second)
		require.NoError(t, f.store.Update(func(tx *cloud.Tx) error { return nil }))
		_, err := f.client.SetAlarmState(background, &awscw.SetAlarmStateInput{
			AlarmName: aws.String("flapping"), StateReason: aws.String(fmt.Sprint(i)), StateValue: []types.StateValue{types.StateValueOk, types.StateValueAlarm}[i%2],
		})
		require.NoError(t, err)
	}
	pages, count := awscw.NewDescribeAlarmHistoryPaginator(f.client, &awscw.DescribeAlarmHistoryInput{AlarmName: aws.String("flapping"), MaxRecords: aws.Int32(7)}), 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(background)
		require.NoError(t, err)
		count += len(page.AlarmHistoryItems)
	}
	assert.Equal(t, 71, count)
}
