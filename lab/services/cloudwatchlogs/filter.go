package cloudwatchlogs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatchlogs/journal"
	"haven/lab/services/cloudwatchlogs/pattern"
)

// FilterLogEvents searches the streams of a group.
func (s *Service) FilterLogEvents(ctx context.Context, in *cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	_, _ = in.Interleaved, in.Unmask // answers are always interleaved, and nothing is masked
	region := cloud.RegionOf(ctx)
	name, err := groupName(region, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	if len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != nil {
		return nil, cloud.Errorf("InvalidParameterException", "Cannot use both logStreamNames and logStreamNamePrefix.")
	}
	wished, err := parsePattern(aws.ToString(in.FilterPattern))
	if err != nil {
		return nil, err
	}
	wanted := func(stream string) bool {
		return strings.HasPrefix(stream, aws.ToString(in.LogStreamNamePrefix)) &&
			(len(in.LogStreamNames) == 0 || slices.Contains(in.LogStreamNames, stream))
	}
	found, err := s.search(region, name, wanted, func(g *group) (int64, int64) { return window(s.since(g), in.StartTime, in.EndTime, true) }, wished)
	if err != nil {
		return nil, err
	}
	limit := in.Limit
	if limit == nil {
		limit = aws.Int32(maxEvents)
	}
	rows, next, err := page(found, func(e types.FilteredLogEvent) string { return *e.EventId }, in.NextToken, limit, maxEvents)
	return &cloudwatchlogs.FilterLogEventsOutput{
		Events: append([]types.FilteredLogEvent{}, rows...), NextToken: next, SearchedLogStreams: []types.SearchedLogStream{},
	}, err
}

// search returns matching events in the order of their ids, which is that of their times.
func (s *Service) search(
	region, name string, wanted func(stream string) bool, bounds func(*group) (from, to int64), wished *pattern.Pattern,
) ([]types.FilteredLogEvent, error) {
	var found []types.FilteredLogEvent
	err := s.store.View(func(tx *cloud.Tx) error {
		g, err := findGroup(tx, region, name)
		if err != nil {
			return err
		}
		own, err := streamsOf(tx, region, name)
		if err != nil {
			return err
		}
		from, to := bounds(g)
		for index, one := range own {
			if !wanted(one.Name) {
				continue
			}
			events, err := s.events.Read(journal.Stream{Region: region, Group: name, Name: one.Name}, from, to)
			if err != nil {
				return err
			}
			for _, event := range events {
				if _, ok := wished.Match(event.Message); ok {
					found = append(found, filtered(one.Name, index, event))
				}
			}
		}
		return nil
	})
	slices.SortFunc(found, func(a, b types.FilteredLogEvent) int { return strings.Compare(*a.EventId, *b.EventId) })
	return found, err
}

func filtered(stream string, index int, event journal.Event) types.FilteredLogEvent {
	return types.FilteredLogEvent{
		EventId:   aws.String(fmt.Sprintf("%020d%012d%024d", event.Timestamp, index, event.Offset)),
		Timestamp: aws.Int64(event.Timestamp), IngestionTime: aws.Int64(event.Ingested), Message: aws.String(event.Message),
		LogStreamName: aws.String(stream),
	}
}

// parsePattern reads a filter pattern.
func parsePattern(text string) (*pattern.Pattern, error) {
	parsed, err := pattern.Parse(text)
	if err != nil {
		return nil, cloud.Errorf("InvalidParameterException", "Invalid filter pattern: %v.", err)
	}
	return parsed, nil
}
