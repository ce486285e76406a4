package cloudwatchlogs_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatchlogs"
	"haven/lab/services/kms"
	"haven/lab/wire/wiretest"
)

var (
	background = context.Background()
	group      = aws.String("/haven/lab/flow")
)

func newService(t *testing.T) (*cloudwatchlogs.Service, *awslogs.Client) {
	dir := t.TempDir()
	store, err := cloud.Open(filepath.Join(dir, "store"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	service := cloudwatchlogs.New(store, filepath.Join(dir, "logs"), kms.ResolveARN, slog.New(slog.NewTextHandler(t.Output(), nil)))
	return service, awslogs.NewFromConfig(wiretest.New(t, map[string]any{"cloudwatchlogs": service}))
}

func requireCode(t *testing.T, code string, err error) {
	t.Helper()
	var failure smithy.APIError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, code, failure.ErrorCode(), failure.ErrorMessage())
}

func createGroup(t *testing.T, client *awslogs.Client) {
	_, err := client.CreateLogGroup(background, &awslogs.CreateLogGroupInput{LogGroupName: group, Tags: map[string]string{"Name": "flow"}})
	require.NoError(t, err)
}

func TestGroupLivesAsTheProviderUsesIt(t *testing.T) {
	_, client := newService(t)
	createGroup(t, client)
	_, err := client.CreateLogGroup(background, &awslogs.CreateLogGroupInput{LogGroupName: group})
	requireCode(t, "ResourceAlreadyExistsException", err)
	_, err = client.PutRetentionPolicy(background, &awslogs.PutRetentionPolicyInput{LogGroupName: group, RetentionInDays: aws.Int32(30)})
	require.NoError(t, err)
	_, err = client.PutRetentionPolicy(background, &awslogs.PutRetentionPolicyInput{LogGroupName: group, RetentionInDays: aws.Int32(31)})
	requireCode(t, "InvalidParameterException", err)

	out, err := client.DescribeLogGroups(background, &awslogs.DescribeLogGroupsInput{LogGroupNamePrefix: group})
	require.NoError(t, err)
	require.Len(t, out.LogGroups, 1)
	assert.Equal(t, int32(30), *out.LogGroups[0].RetentionInDays)
	assert.Equal(t, "arn:aws:logs:us-east-1:000000000000:log-group:/haven/lab/flow:*", *out.LogGroups[0].Arn)
	tags, err := client.ListTagsForResource(background, &awslogs.ListTagsForResourceInput{ResourceArn: out.LogGroups[0].LogGroupArn})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"Name": "flow"}, tags.Tags)
	_, err = client.UntagResource(background, &awslogs.UntagResourceInput{ResourceArn: out.LogGroups[0].LogGroupArn, TagKeys: []string{"Name"}})
	require.NoError(t, err)

	_, err = client.AssociateKmsKey(background, &awslogs.AssociateKmsKeyInput{LogGroupName: group, KmsKeyId: aws.String("arn:aws:kms:us-east-1:000000000000:key/none")})
	requireCode(t, "InvalidParameterException", err)
	_, err = client.DeleteLogGroup(background, &awslogs.DeleteLogGroupInput{LogGroupName: group})
	require.NoError(t, err)
	_, err = client.DeleteLogGroup(background, &awslogs.DeleteLogGroupInput{LogGroupName: group})
	requireCode(t, "ResourceNotFoundException", err)
	_, err = client.CreateLogGroup(background, &awslogs.CreateLogGroupInput{LogGroupName: aws.String("a b")})
	requireCode(t, "InvalidParameterException", err)
}

// write puts numbered events into a stream, a second apart, the last of them now.
func write(t *testing.T, client *awslogs.Client, stream string, n int) (first time.Time) {
	_, err := client.CreateLogStream(background, &awslogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: &stream})
	require.NoError(t, err)
	first = time.Now().Add(-time.Duration(n-1) * time.Second)
	var events []types.InputLogEvent
	for i := range n {
		events = append(events, types.InputLogEvent{
			Message:   aws.String(fmt.Sprintf("%s %03d %s", stream, i, []string{"REJECT tcp", "ACCEPT tcp", "ACCEPT udp"}[i%3])),
			Timestamp: aws.Int64(first.Add(time.Duration(i) * time.Second).UnixMilli()),
		})
	}
	out, err := client.PutLogEvents(background, &awslogs.PutLogEventsInput{LogGroupName: group, LogStreamName: &stream, LogEvents: events})
	require.NoError(t, err)
	assert.Nil(t, out.RejectedLogEventsInfo)
	return first
}

func TestEventsAreReadBothWays(t *testing.T) {
	_, client := newService(t)
	createGroup(t, client)
	first := write(t, client, "s", 25)
	read := func(in awslogs.GetLogEventsInput) *awslogs.GetLogEventsOutput {
		in.LogGroupName, in.LogStreamName, in.Limit = group, aws.String("s"), aws.Int32(10)
		out, err := client.GetLogEvents(background, &in)
		require.NoError(t, err)
		return out
	}
	page := read(awslogs.GetLogEventsInput{StartFromHead: aws.Bool(true)})
	var seen []string
	for len(page.Events) > 0 {
		for _, event := range page.Events {
			seen = append(seen, (*event.Message)[2:5])
		}
		page = read(awslogs.GetLogEventsInput{NextToken: page.NextForwardToken})
	}
	require.Len(t, seen, 25)
	assert.Equal(t, "000", seen[0])
	assert.Equal(t, "024", seen[24])
	assert.Equal(t, page.NextForwardToken, read(awslogs.GetLogEventsInput{NextToken: page.NextForwardToken}).NextForwardToken, "the end stays the end")

	tail := read(awslogs.GetLogEventsInput{})
	assert.Contains(t, *tail.Events[9].Message, "024")
	assert.Contains(t, *read(awslogs.GetLogEventsInput{NextToken: tail.NextBackwardToken}).Events[9].Message, "014")
	some := read(awslogs.GetLogEventsInput{StartTime: aws.Int64(first.Add(2 * time.Second).UnixMilli()), EndTime: aws.Int64(first.Add(4 * time.Second).UnixMilli())})
	assert.Len(t, some.Events, 2)

	streams, err := client.DescribeLogStreams(background, &awslogs.DescribeLogStreamsInput{LogGroupName: group, OrderBy: types.OrderByLastEventTime})
	require.NoError(t, err)
	require.Len(t, streams.LogStreams, 1)
	assert.Equal(t, first.UnixMilli(), *streams.LogStreams[0].FirstEventTimestamp)
	_, err = client.DeleteLogStream(background, &awslogs.DeleteLogStreamInput{LogGroupName: group, LogStreamName: aws.String("s")})
	require.NoError(t, err)
	_, err = client.GetLogEvents(background, &awslogs.GetLogEventsInput{LogGroupName: group, LogStreamName: aws.String("s")})
	requireCode(t, "ResourceNotFoundException", err)
}

func TestEventsAreFiltered(t *testing.T) {
	_, client := newService(t)
	createGroup(t, client)
	write(t, client, "a", 9)
	write(t, client, "b", 9)
	count := func(in awslogs.FilterLogEventsInput) (n int) {
		in.LogGroupName, in.Limit = group, aws.Int32(4)
		pages := awslogs.NewFilterLogEventsPaginator(client, &in)
		for pages.HasMorePages() {
			out, err := pages.NextPage(background)
			require.NoError(t, err)
			n += len(out.Events)
		}
		return n
	}
	for pattern, want := range map[string]int{
		"": 18, "REJECT": 6, "ACCEPT tcp": 6, `"ACCEPT udp"`: 6, "?REJECT ?udp": 12, "-REJECT": 12, "tcp -ACCEPT": 6, "none": 0,
	} {
		assert.Equal(t, want, count(awslogs.FilterLogEventsInput{FilterPattern: &pattern}), pattern)
	}
	assert.Equal(t, 9, count(awslogs.FilterLogEventsInput{LogStreamNames: []string{"a"}}))
	assert.Equal(t, 9, count(awslogs.FilterLogEventsInput{LogStreamNamePrefix: aws.String("b")}))
	_, err := client.FilterLogEvents(background, &awslogs.FilterLogEventsInput{LogGroupName: group, FilterPattern: aws.String(`{ $.a = `)})
	requireCode(t, "InvalidParameterException", err)
}

func TestEventsOutOfTimeAreRejected(t *testing.T) {
	_, client := newService(t)
	createGroup(t, client)
	put := func(at ...time.Time) (*awslogs.PutLogEventsOutput, error) {
		var events []types.InputLogEvent
		for _, one := range at {
			events = append(events, types.InputLogEvent{Message: aws.String("x"), Timestamp: aws.Int64(one.UnixMilli())})
		}
		return client.PutLogEvents(background, &awslogs.PutLogEventsInput{LogGroupName: group, LogStreamName: aws.String("s"), LogEvents: events})
	}
	_, err := put(time.Now())
	requireCode(t, "ResourceNotFoundException", err)
	_, err = client.CreateLogStream(background, &awslogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: aws.String("s")})
	require.NoError(t, err)
	out, err := put(time.Now().Add(-20 * 24 * time.Hour))
	require.NoError(t, err)
	assert.Equal(t, int32(1), *out.RejectedLogEventsInfo.TooOldLogEventEndIndex)
	out, err = put(time.Now(), time.Now().Add(3*time.Hour))
	require.NoError(t, err)
	assert.Equal(t, int32(1), *out.RejectedLogEventsInfo.TooNewLogEventStartIndex)
	_, err = put(time.Now(), time.Now().Add(-time.Hour))
	requireCode(t, "InvalidParameterException", err)
}

func TestServicesLog(t *testing.T) {
	service, client := newService(t)
	createGroup(t, client)
	require.NoError(t, service.Put(background, "us-east-1", *group, "alerts", []string{"one", "two"}))
	require.ErrorContains(t, service.Put(background, "us-east-1", "/none", "s", []string{"x"}), "ResourceNotFoundException")
	ctx, stop := context.WithCancel(background)
	defer stop()
	go service.Run(ctx)
	sink := service.Sink()
	sink.Put("us-east-1", *group, "server", "three")
	sink.Put("us-east-1", "/none", "server", "nobody wants this")
	require.Eventually(t, func() bool {
		out, err := client.FilterLogEvents(background, &awslogs.FilterLogEventsInput{LogGroupName: group})
		return err == nil && len(out.Events) == 3
	}, 10*time.Second, 20*time.Millisecond)
}

func TestRecords(t *testing.T) {
	_, client := newService(t)
	createGroup(t, client)
	_, err := client.PutMetricFilter(background, &awslogs.PutMetricFilterInput{
		LogGroupName: group, FilterName: aws.String("f"), FilterPattern: aws.String("ERROR"),
		MetricTransformations: []types.MetricTransformation{{MetricName: aws.String("m"), MetricNamespace: aws.String("n"), MetricValue: aws.String("1")}},
	})
	require.NoError(t, err)
	filters, err := client.DescribeMetricFilters(background, &awslogs.DescribeMetricFiltersInput{LogGroupName: group, FilterNamePrefix: aws.String("f")})
	require.NoError(t, err)
	require.Len(t, filters.MetricFilters, 1)
	_, err = client.DeleteMetricFilter(background, &awslogs.DeleteMetricFilterInput{LogGroupName: group, FilterName: aws.String("f")})
	require.NoError(t, err)
	_, err = client.DescribeMetricFilters(background, &awslogs.DescribeMetricFiltersInput{LogGroupName: aws.String("/none")})
	requireCode(t, "ResourceNotFoundException", err)

	_, err = client.PutResourcePolicy(background, &awslogs.PutResourcePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String(`{}`)})
	require.NoError(t, err)
	policies, err := client.DescribeResourcePolicies(background, &awslogs.DescribeResourcePoliciesInput{})
	require.NoError(t, err)
	require.Len(t, policies.ResourcePolicies, 1)
	_, err = client.DeleteResourcePolicy(background, &awslogs.DeleteResourcePolicyInput{PolicyName: aws.String("p")})
	require.NoError(t, err)
	_, err = client.DeleteResourcePolicy(background, &awslogs.DeleteResourcePolicyInput{PolicyName: aws.String("p")})
	requireCode(t, "ResourceNotFoundException", err)
}
