package cloudwatchlogs

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatchlogs/journal"
	"haven/lab/services/cloudwatchlogs/pattern"
)

// PutMetricFilter makes a metric filter, which counts what is logged from then on.
func (s *Service) PutMetricFilter(ctx context.Context, in *cloudwatchlogs.PutMetricFilterInput) (*cloudwatchlogs.PutMetricFilterOutput, error) {
	region := cloud.RegionOf(ctx)
	lines, err := parsePattern(*in.FilterPattern)
	if err != nil {
		return nil, err
	}
	if err := checkTransformation(in.MetricTransformations, lines); err != nil {
		return nil, err
	}
	return &cloudwatchlogs.PutMetricFilterOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		if _, err := findGroup(tx, region, *in.LogGroupName); err != nil {
			return err
		}
		own, err := filtersOf(tx, region, *in.LogGroupName)
		if err != nil {
			return err
		}
		others := slices.DeleteFunc(own, func(f *types.MetricFilter) bool { return *f.FilterName == *in.FilterName })
		if len(others) >= maxFilters {
			return cloud.Errorf("LimitExceededException", "Resource limit exceeded: %d metric filters of a log group.", maxFilters)
		}
		return metricFilters.Put(tx, region, streamID(*in.LogGroupName, *in.FilterName), &types.MetricFilter{
			LogGroupName: in.LogGroupName, FilterName: in.FilterName, FilterPattern: in.FilterPattern,
			MetricTransformations: in.MetricTransformations, CreationTime: aws.Int64(journal.Millis(s.now())),
		})
	})
}

// DescribeMetricFilters lists metric filters.
func (s *Service) DescribeMetricFilters(ctx context.Context, in *cloudwatchlogs.DescribeMetricFiltersInput) (*cloudwatchlogs.DescribeMetricFiltersOutput, error) {
	region := cloud.RegionOf(ctx)
	out := &cloudwatchlogs.DescribeMetricFiltersOutput{MetricFilters: []types.MetricFilter{}}
	emits := func(f *types.MetricFilter) bool {
		return slices.ContainsFunc(f.MetricTransformations, func(m types.MetricTransformation) bool {
			return aws.ToString(m.MetricName) == *in.MetricName && aws.ToString(m.MetricNamespace) == aws.ToString(in.MetricNamespace)
		})
	}
	err := s.store.View(func(tx *cloud.Tx) error {
		if in.LogGroupName != nil {
			if _, err := findGroup(tx, region, *in.LogGroupName); err != nil {
				return err
			}
		}
		all, err := metricFilters.List(tx, region)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(f *types.MetricFilter) bool {
			return in.LogGroupName != nil && *f.LogGroupName != *in.LogGroupName ||
				!strings.HasPrefix(*f.FilterName, aws.ToString(in.FilterNamePrefix)) || in.MetricName != nil && !emits(f)
		})
		rows, next, err := page(all, func(f *types.MetricFilter) string { return streamID(*f.LogGroupName, *f.FilterName) }, in.NextToken, in.Limit, 50)
		out.NextToken = next
		for _, row := range rows {
			out.MetricFilters = append(out.MetricFilters, *row)
		}
		return err
	})
	return out, err
}

// DeleteMetricFilter removes a metric filter.
func (s *Service) DeleteMetricFilter(ctx context.Context, in *cloudwatchlogs.DeleteMetricFilterInput) (*cloudwatchlogs.DeleteMetricFilterOutput, error) {
	region, id := cloud.RegionOf(ctx), streamID(*in.LogGroupName, *in.FilterName)
	return &cloudwatchlogs.DeleteMetricFilterOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		existing, err := metricFilters.Get(tx, region, id)
		if err == nil && existing == nil {
			err = cloud.Errorf("ResourceNotFoundException", "The specified metric filter does not exist.")
		}
		if err != nil {
			return err
		}
		return metricFilters.Delete(tx, region, id)
	})
}

const (
	maxFilters    = 100 // of a group
	maxDimensions = 3
)

// checkTransformation checks what a filter makes of a line
// (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_MetricTransformation.html).
func checkTransformation(all []types.MetricTransformation, lines *pattern.Pattern) error {
	if len(all) != 1 {
		return cloud.Errorf("InvalidParameterException", "A metric filter has exactly one metric transformation.")
	}
	t := all[0]
	if err := checkValue(*t.MetricValue, lines); err != nil {
		return err
	}
	if len(t.Dimensions) > maxDimensions {
		return cloud.Errorf("InvalidParameterException", "A metric transformation has at most %d dimensions.", maxDimensions)
	}
	if len(t.Dimensions) > 0 && t.DefaultValue != nil {
		return cloud.Errorf("InvalidParameterException", "A metric transformation has dimensions or a default value, and not both.")
	}
	for name, reference := range t.Dimensions {
		if name == "" || !strings.HasPrefix(reference, "$") || !lines.Knows(reference) {
			return cloud.Errorf("InvalidParameterException", "The dimension %s=%s names no field of the filter pattern.", name, reference)
		}
	}
	return nil
}

// checkValue checks that a metric's value is a number, or a field of the pattern.
func checkValue(value string, lines *pattern.Pattern) error {
	if _, err := strconv.ParseFloat(value, 64); err == nil {
		return nil
	}
	if !strings.HasPrefix(value, "$") || !lines.Knows(value) {
		return cloud.Errorf("InvalidParameterException", "Invalid metric transformation: metricValue %q is neither a number nor a field of the filter pattern.", value)
	}
	return nil
}

// TestMetricFilter tells which of some lines a pattern lets through.
func (s *Service) TestMetricFilter(_ context.Context, in *cloudwatchlogs.TestMetricFilterInput) (*cloudwatchlogs.TestMetricFilterOutput, error) {
	lines, err := parsePattern(*in.FilterPattern)
	if err != nil {
		return nil, err
	}
	out := &cloudwatchlogs.TestMetricFilterOutput{Matches: []types.MetricFilterMatchRecord{}}
	for i, line := range in.LogEventMessages {
		match, ok := lines.Match(line)
		if !ok {
			continue
		}
		extracted := map[string]string{}
		for _, reference := range lines.Columns() {
			extracted[reference], _ = match.Field(reference)
		}
		out.Matches = append(out.Matches, types.MetricFilterMatchRecord{EventNumber: int64(i + 1), EventMessage: aws.String(line), ExtractedValues: extracted})
	}
	return out, nil
}
