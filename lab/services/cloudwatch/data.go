package cloudwatch

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatch/expression"
)

// Limits of GetMetricData (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html).
const (
	maxQueries       = 500
	maxDataPerAnswer = 100_800
)

// GetMetricData returns metrics and what expressions make of them.
func (s *Service) GetMetricData(ctx context.Context, in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
	if len(in.MetricDataQueries) > maxQueries {
		return nil, validation("The collection MetricDataQueries must not have a size greater than %d.", maxQueries)
	}
	if !in.StartTime.Before(*in.EndTime) {
		return nil, validation("The parameter StartTime must be less than the parameter EndTime.")
	}
	plan, err := newPlan(in.MetricDataQueries)
	if err != nil {
		return nil, err
	}
	if len(plan.returned()) == 0 {
		return nil, validation("At least one query must return data.")
	}
	c := &computation{
		plan: plan, service: s, region: cloud.RegionOf(ctx), to: *in.EndTime, values: map[string]expression.Value{},
		from: func(period time.Duration) time.Time { return s.roundData(*in.StartTime, period) },
	}
	results, err := c.results(in.ScanBy == types.ScanByTimestampAscending)
	if err != nil {
		return nil, err
	}
	return cutData(results, in.NextToken, limit(in.MaxDatapoints, maxDataPerAnswer))
}

// roundData rounds a beginning down to a multiple of the period as well.
func (s *Service) roundData(start time.Time, period time.Duration) time.Time {
	rounded, width := s.round(start, period), int64(period/time.Second)
	if 3600%width != 0 && width%3600 != 0 {
		return rounded
	}
	return time.Unix(rounded.Unix()-rounded.Unix()%width, 0).UTC()
}

// results computes what is asked for, in the order of the queries.
func (c *computation) results(ascending bool) (all []types.MetricDataResult, err error) {
	for _, q := range c.returned() {
		value, err := c.value(q)
		if err != nil {
			return nil, err
		}
		for i, points := range value.All(c.grid(q)) {
			times := points.Times()
			if !ascending {
				slices.Reverse(times)
			}
			result := types.MetricDataResult{
				Id: aws.String(q.id), Label: aws.String(q.labelOf(i)), StatusCode: types.StatusCodeComplete, Timestamps: []time.Time{}, Values: []float64{},
			}
			for _, at := range times {
				result.Timestamps, result.Values = append(result.Timestamps, at), append(result.Values, points[at])
			}
			all = append(all, result)
		}
	}
	return all, nil
}

// cutData cuts a page of datapoints: the token is how many were given before. A result that goes on has partial data.
func cutData(results []types.MetricDataResult, token *string, most int) (*cloudwatch.GetMetricDataOutput, error) {
	skip, err := strconv.Atoi(aws.ToString(token))
	if token != nil && (err != nil || skip <= 0) {
		return nil, cloud.Errorf("InvalidNextToken", "The next token is not valid.")
	}
	out := &cloudwatch.GetMetricDataOutput{MetricDataResults: []types.MetricDataResult{}, Messages: []types.MessageData{}}
	passed, left := skip, most
	for _, result := range results {
		whole := len(result.Values)
		from := min(passed, whole)
		passed -= from
		if from == whole && from > 0 {
			continue // on an earlier page
		}
		to := min(from+left, whole)
		if to < whole {
			result.StatusCode = types.StatusCodePartialData
		}
		result.Timestamps, result.Values = result.Timestamps[from:to], result.Values[from:to]
		left -= to - from
		skip += to - from
		out.MetricDataResults = append(out.MetricDataResults, result)
		if to < whole {
			out.NextToken = aws.String(strconv.Itoa(skip))
			break
		}
	}
	return out, nil
}
