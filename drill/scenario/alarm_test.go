package scenario

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/require"
)

func TestAnAlarmsPeriodIsItsMetricsOwn(t *testing.T) {
	require.Equal(t, time.Minute, periodOf(cwtypes.MetricAlarm{Period: aws.Int32(60)}))
	require.Equal(t, 2*time.Minute, periodOf(cwtypes.MetricAlarm{Metrics: []cwtypes.MetricDataQuery{
		{Expression: aws.String("a/b")}, {MetricStat: &cwtypes.MetricStat{Period: aws.Int32(120)}}, {MetricStat: &cwtypes.MetricStat{Period: aws.Int32(60)}},
	}}))
}
