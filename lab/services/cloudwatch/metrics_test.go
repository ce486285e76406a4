package cloudwatch_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/metric"
)

func dimension(name, value string) []types.Dimension {
	return []types.Dimension{{Name: &name, Value: &value}}
}

func (f *fixture) statistics(name string, from time.Time, period int32, extended ...string) []types.Datapoint {
	in := &awscw.GetMetricStatisticsInput{
		Namespace: aws.String("Haven"), MetricName: &name, StartTime: &from, EndTime: aws.Time(f.now().Add(time.Minute)), Period: &period,
		ExtendedStatistics: extended,
	}
	if len(extended) == 0 {
		in.Statistics = types.Statistic("").Values()
	}
	out, err := f.client.GetMetricStatistics(background, in)
	require.NoError(f.t, err)
	return out.Datapoints
}

func TestAMetricIsGotBackWithItsStatistics(t *testing.T) {
	f := start(t)
	_, err := f.client.PutMetricData(background, &awscw.PutMetricDataInput{Namespace: aws.String("Haven"), MetricData: []types.MetricDatum{
		{MetricName: aws.String("Latency"), Value: aws.Float64(1), Unit: types.StandardUnitSeconds},
		{MetricName: aws.String("Latency"), Values: []float64{2, 3}, Counts: []float64{3, 1}, Unit: types.StandardUnitSeconds},
		{MetricName: aws.String("Sets"), StatisticValues: &types.StatisticSet{SampleCount: aws.Float64(4), Sum: aws.Float64(10), Minimum: aws.Float64(1), Maximum: aws.Float64(4)}},
	}})
	require.NoError(t, err)
	begin := f.now().Truncate(time.Minute)
	points := f.statistics("Latency", begin, 60)
	require.Len(t, points, 1)
	assert.Equal(t, begin, points[0].Timestamp.UTC())
	points[0].Timestamp = nil
	assert.Equal(t, types.Datapoint{
		SampleCount: aws.Float64(5), Sum: aws.Float64(10), Average: aws.Float64(2), Minimum: aws.Float64(1), Maximum: aws.Float64(3),
		Unit: types.StandardUnitSeconds,
	}, points[0])
	points = f.statistics("Latency", begin, 60, "p50", "p99", "tm80", "PR(2:3)", "TC(1:2)", "IQM")
	assert.Equal(t, map[string]float64{"p50": 2, "p99": 3, "tm80": 1.75, "PR(2:3)": 20, "TC(1:2)": 60 / 20, "IQM": 2}, points[0].ExtendedStatistics)
	assert.Empty(t, f.statistics("Sets", begin, 60, "p50"), "the distribution of a statistic set is not known")
	assert.Equal(t, 2.5, *f.statistics("Sets", begin, 60)[0].Average)
}

// TestManyValuesKeepTheirPercentiles: an hour's response times, compared with the values themselves.
func TestManyValuesKeepTheirPercentiles(t *testing.T) {
	f := start(t)
	random := rand.New(rand.NewPCG(1, 2))
	begin := f.now().Truncate(time.Hour)
	var all []float64
	for minute := range 60 {
		values := make([]float64, 1000)
		for i := range values {
			values[i] = 0.001 + random.ExpFloat64()*0.05
		}
		all = append(all, values...)
		f.service.Record("us-east-1", metric.Datum{
			Namespace: "Haven", Name: "Time", Unit: "Seconds", Values: values, Time: begin.Add(time.Duration(minute) * time.Minute),
		})
	}
	f.pass(time.Hour)
	f.reopen()
	got := f.statistics("Time", begin, 3600, "p50", "p90", "p99", "p99.9")
	require.Len(t, got, 1)
	for name, share := range map[string]float64{"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999} {
		want := quantile(all, share)
		assert.InEpsilon(t, want, got[0].ExtendedStatistics[name], 0.01, name)
	}
	assert.EqualValues(t, len(all), *f.statistics("Time", begin, 3600)[0].SampleCount)
}

func TestSecondsAreKeptForMetricsOfHighResolution(t *testing.T) {
	f := start(t)
	begin := f.now()
	for i := range 10 {
		_, err := f.client.PutMetricData(background, &awscw.PutMetricDataInput{Namespace: aws.String("Haven"), MetricData: []types.MetricDatum{
			{MetricName: aws.String("Fine"), Value: aws.Float64(float64(i)), StorageResolution: aws.Int32(1), Timestamp: aws.Time(begin.Add(time.Duration(i) * time.Second))},
			{MetricName: aws.String("Coarse"), Value: aws.Float64(1)},
		}})
		require.NoError(t, err)
	}
	assert.Len(t, f.statistics("Fine", begin, 1), 10)
	assert.Len(t, f.statistics("Fine", begin, 5), 2)
	assert.Len(t, f.statistics("Fine", begin.Truncate(time.Minute), 60), 1)
	assert.Empty(t, f.statistics("Coarse", begin, 1))
}

func TestMetricsAreListed(t *testing.T) {
	f := start(t)
	for i := range 501 {
		f.service.Record("us-east-1", metric.Datum{Namespace: "AWS/EC2", Name: "CPUUtilization", Values: []float64{1}, Dimensions: []metric.Dimension{{Name: "InstanceId", Value: fmt.Sprintf("i-%03d", i)}}})
	}
	f.service.Record("eu-west-1", metric.Datum{Namespace: "AWS/EC2", Name: "Elsewhere", Values: []float64{1}})
	first, err := f.client.ListMetrics(background, &awscw.ListMetricsInput{Namespace: aws.String("AWS/EC2")})
	require.NoError(t, err)
	require.Len(t, first.Metrics, 500)
	rest, err := f.client.ListMetrics(background, &awscw.ListMetricsInput{Namespace: aws.String("AWS/EC2"), NextToken: first.NextToken})
	require.NoError(t, err)
	require.Len(t, rest.Metrics, 1)
	one, err := f.client.ListMetrics(background, &awscw.ListMetricsInput{Dimensions: []types.DimensionFilter{{Name: aws.String("InstanceId"), Value: aws.String("i-007")}}})
	require.NoError(t, err)
	require.Len(t, one.Metrics, 1)
	f.pass(4 * time.Hour)
	none, err := f.client.ListMetrics(background, &awscw.ListMetricsInput{RecentlyActive: types.RecentlyActivePt3h})
	require.NoError(t, err)
	assert.Empty(t, none.Metrics)
}

func TestMetricMathOverTheAPI(t *testing.T) {
	f := start(t)
	begin := f.now().Truncate(time.Minute)
	for _, errors := range []float64{1, 2, 3} {
		f.put("Errors", errors)
		f.put("Requests", 10)
		f.pass(time.Minute)
	}
	stat := func(id, name string) types.MetricDataQuery {
		return types.MetricDataQuery{Id: &id, ReturnData: aws.Bool(false), MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: aws.String("Haven"), MetricName: &name}, Period: aws.Int32(60), Stat: aws.String("Sum"),
		}}
	}
	in := &awscw.GetMetricDataInput{StartTime: &begin, EndTime: aws.Time(f.now()), MetricDataQueries: []types.MetricDataQuery{
		stat("e", "Errors"), stat("r", "Requests"), {Id: aws.String("rate"), Expression: aws.String("100 * e / r"), Label: aws.String("Error rate")},
	}}
	out, err := f.client.GetMetricData(background, in)
	require.NoError(t, err)
	require.Len(t, out.MetricDataResults, 1)
	assert.Equal(t, []float64{30, 20, 10}, out.MetricDataResults[0].Values, "the newest first")
	assert.Equal(t, "Error rate", *out.MetricDataResults[0].Label)
	in.ScanBy, in.MaxDatapoints = types.ScanByTimestampAscending, aws.Int32(2)
	var values []float64
	pages := awscw.NewGetMetricDataPaginator(f.client, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(background)
		require.NoError(t, err)
		values = append(values, page.MetricDataResults[0].Values...)
	}
	assert.Equal(t, []float64{10, 20, 30}, values)
	in.MetricDataQueries[2].Expression = aws.String("ANOMALY_DETECTION_BAND(e)")
	_, err = f.client.GetMetricData(background, in)
	assert.Contains(t, f.requireCode("ValidationError", err), "ANOMALY_DETECTION_BAND")
}

func TestBadMeasurementsAreRefused(t *testing.T) {
	f := start(t)
	put := func(namespace string, datum types.MetricDatum) error {
		_, err := f.client.PutMetricData(background, &awscw.PutMetricDataInput{Namespace: &namespace, MetricData: []types.MetricDatum{datum}})
		return err
	}
	name := aws.String("m")
	f.requireCode("InvalidParameterValue", put("AWS/EC2", types.MetricDatum{MetricName: name, Value: aws.Float64(1)}))
	f.requireCode("MissingParameter", put("H", types.MetricDatum{MetricName: name}))
	f.requireCode("InvalidParameterCombination", put("H", types.MetricDatum{MetricName: name, Value: aws.Float64(1), Values: []float64{1}}))
	f.requireCode("InvalidParameterValue", put("H", types.MetricDatum{MetricName: name, Values: []float64{1}, Counts: []float64{1, 2}}))
	f.requireCode("InvalidParameterValue", put("H", types.MetricDatum{MetricName: name, Value: aws.Float64(1), StorageResolution: aws.Int32(5)}))
	f.requireCode("InvalidParameterValue", put("H", types.MetricDatum{MetricName: name, Value: aws.Float64(1), Timestamp: aws.Time(f.now().AddDate(0, 0, -15))}))
	f.requireCode("InvalidParameterValue", put("H", types.MetricDatum{MetricName: name, Value: aws.Float64(1), Dimensions: append(dimension("a", "b"), dimension("a", "c")...)}))
}
