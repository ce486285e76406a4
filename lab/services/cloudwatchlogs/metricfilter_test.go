package cloudwatchlogs_test

import (
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/metric"
)

// sink keeps what is measured.
type sink struct {
	mu   sync.Mutex
	data []metric.Datum
}

// Record keeps data.
func (s *sink) Record(_ string, data ...metric.Datum) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = append(s.data, data...)
}

func (s *sink) sums() map[string]float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	sums := map[string]float64{}
	for _, datum := range s.data {
		name := datum.Name
		for _, d := range datum.Dimensions {
			name += "," + d.Name + "=" + d.Value
		}
		for _, value := range datum.Values {
			sums[name] += value
		}
	}
	return sums
}

func putFilter(client *awslogs.Client, name, pattern string, transformation types.MetricTransformation) error {
	transformation.MetricNamespace = aws.String("Haven")
	if transformation.MetricName == nil {
		transformation.MetricName = &name
	}
	_, err := client.PutMetricFilter(background, &awslogs.PutMetricFilterInput{
		LogGroupName: group, FilterName: &name, FilterPattern: &pattern, MetricTransformations: []types.MetricTransformation{transformation},
	})
	return err
}

func TestMetricFiltersCount(t *testing.T) {
	service, client := newService(t)
	counted := &sink{}
	service.Use(counted)
	createGroup(t, client)
	one := types.MetricTransformation{MetricValue: aws.String("1")}
	require.NoError(t, putFilter(client, "errors", "?ERROR ?FATAL", one))
	require.NoError(t, putFilter(client, "latency", `{ $.path = "/api*" }`, types.MetricTransformation{
		MetricValue: aws.String("$.seconds"), Dimensions: map[string]string{"Path": "$.path"}, Unit: types.StandardUnitSeconds,
	}))
	require.NoError(t, putFilter(client, "bytes", `[ip, ..., status = 5*, bytes]`, types.MetricTransformation{MetricValue: aws.String("$bytes")}))
	require.NoError(t, putFilter(client, "zero", "NEVER", types.MetricTransformation{MetricValue: aws.String("1"), DefaultValue: aws.Float64(0)}))
	lines := []string{
		"ERROR one", "FATAL two", "INFO three", `{"path":"/api/x","seconds":0.5}`, `{"path":"/api/x","seconds":0.25}`, `{"path":"/","seconds":9}`,
		`10.0.0.1 - "GET /" 503 100`, `10.0.0.1 - "GET /" 200 900`,
	}
	require.NoError(t, service.Put(background, "us-east-1", *group, "own", lines[:4]))
	_, err := client.CreateLogStream(background, &awslogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: aws.String("s")})
	require.NoError(t, err)
	var events []types.InputLogEvent
	for _, line := range lines[4:] {
		events = append(events, types.InputLogEvent{Message: &line, Timestamp: aws.Int64(time.Now().UnixMilli())})
	}
	_, err = client.PutLogEvents(background, &awslogs.PutLogEventsInput{LogGroupName: group, LogStreamName: aws.String("s"), LogEvents: events})
	require.NoError(t, err)
	assert.Equal(t, map[string]float64{"errors": 2, "latency,Path=/api/x": 0.75, "bytes": 100, "zero": 0}, counted.sums())
	found, err := client.FilterLogEvents(background, &awslogs.FilterLogEventsInput{LogGroupName: group, FilterPattern: aws.String(`{ $.seconds > 0.3 }`)})
	require.NoError(t, err)
	assert.Len(t, found.Events, 2)
}

func TestBadMetricFiltersAreRefused(t *testing.T) {
	_, client := newService(t)
	createGroup(t, client)
	for pattern, transformation := range map[string]types.MetricTransformation{
		`{ $.a `:      {MetricValue: aws.String("1")},
		`ERROR`:       {MetricValue: aws.String("$.size")},
		`[a, b]`:      {MetricValue: aws.String("$c")},
		`{ $.a = 1 }`: {MetricValue: aws.String("1"), DefaultValue: aws.Float64(0), Dimensions: map[string]string{"A": "$.a"}},
		`WARN`:        {MetricValue: aws.String("many")},
	} {
		requireCode(t, "InvalidParameterException", putFilter(client, "f", pattern, transformation))
	}
	out, err := client.TestMetricFilter(background, &awslogs.TestMetricFilterInput{FilterPattern: aws.String("[a, b > 1]"), LogEventMessages: []string{"x 1", "y 2"}})
	require.NoError(t, err)
	require.Len(t, out.Matches, 1)
	assert.Equal(t, map[string]string{"$a": "y", "$b": "2"}, out.Matches[0].ExtractedValues)
}
