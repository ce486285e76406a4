package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/history"
)

// lagAlarm is the role of the alarm that readers are behind.
const lagAlarm = "replicas"

var lagNeeds = append([]string{"cloudwatch:GetMetricData", "rds:DescribeDBClusters"}, alarmNeeds...)

// noLag is why AWS can't do it: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Managing.FaultInjectionQueries.html
const noLag = "Aurora has readers fall behind by a query only (aurora_inject_replica_failure), and drills have no login to the database"

// lags has a reader apply nothing of what it receives until its declared alarm is raised.
func lags(s Stage) fault.Fault {
	return &observed{&lagging{breakage{
		stage: s, kind: "replay-paused", hold: lagLimit, choose: func(ctx context.Context) (string, error) { return aReader(ctx, s) },
	}}, s}
}

// lagLimit bounds how long a reader is kept from applying anything: the alarm's periods, and what it takes to publish and to look.
const lagLimit = 8 * time.Minute

// lagging is in force when the alarm is raised, and over when the lag is back below its threshold.
type lagging struct{ breakage }

func (l *lagging) WaitActive(ctx context.Context) error {
	return l.stage.awaitAlarm(ctx, lagAlarm, cwtypes.StateValueAlarm)
}

func (l *lagging) WaitRecovered(ctx context.Context) error {
	if err := l.breakage.WaitRecovered(ctx); err != nil {
		return err
	}
	return l.stage.awaitAlarm(ctx, lagAlarm, cwtypes.StateValueOk)
}

// lagTold says that the published lag rose over the alarm's threshold and fell below it again, that the alarm was raised in its declared
// time after the reader fell behind and over in that time after it was healed, and that everybody was told of both.
func lagTold(ctx context.Context, s Stage, h history.History) (found []check.Finding, err error) {
	injected, healed := wall(h, history.Injecting), wall(h, history.Healing)
	found, err = s.alarmTold(ctx, lagAlarm, change{cwtypes.StateValueAlarm, injected, injected}, change{cwtypes.StateValueOk, healed, healed})
	if err != nil {
		return nil, err
	}
	alarm, _, err := s.alarmOf(ctx, lagAlarm)
	if err != nil {
		return nil, err
	}
	points, err := s.published(ctx, alarm, injected)
	if err != nil {
		return nil, err
	}
	return append(found, check.RoseAndFell(points, time.Duration(aws.ToInt32(alarm.Period))*time.Second, aws.ToFloat64(alarm.Threshold), healed)...), nil
}

// published are the values that an alarm's metric had since a moment, the oldest first.
func (s Stage) published(ctx context.Context, alarm cwtypes.MetricAlarm, since time.Time) ([]check.Point, error) {
	out, err := cloudwatch.NewFromConfig(s.Config).GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(since.Truncate(time.Minute)), EndTime: aws.Time(time.Now().Add(time.Minute)), ScanBy: cwtypes.ScanByTimestampAscending,
		MetricDataQueries: []cwtypes.MetricDataQuery{{Id: aws.String("lag"), MetricStat: &cwtypes.MetricStat{
			Metric: &cwtypes.Metric{Namespace: alarm.Namespace, MetricName: alarm.MetricName, Dimensions: alarm.Dimensions},
			Period: alarm.Period, Stat: aws.String(string(alarm.Statistic)),
		}}},
	})
	if err != nil {
		return nil, fmt.Errorf("reading the metric %s: %w", aws.ToString(alarm.MetricName), err)
	}
	var points []check.Point
	for _, result := range out.MetricDataResults {
		for i, at := range result.Timestamps {
			points = append(points, check.Point{At: at, Value: result.Values[i]})
		}
	}
	return points, nil
}
