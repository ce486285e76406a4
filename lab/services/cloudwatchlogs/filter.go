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
	matches, err := parsePattern(aws.ToString(in.FilterPattern))
	if err != nil {
		return nil, err
	}
	wanted := func(stream string) bool {
		return strings.HasPrefix(stream, aws.ToString(in.LogStreamNamePrefix)) &&
			(len(in.LogStreamNames) == 0 || slices.Contains(in.LogStreamNames, stream))
	}
	found, err := s.search(region, name, wanted, func(g *group) (int64, int64) { return window(s.since(g), in.StartTime, in.EndTime, true) }, matches)
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
	region, name string, wanted func(stream string) bool, bounds func(*group) (from, to int64), matches func(string) bool,
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
				if matches(event.Message) {
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

// parsePattern reads a filter pattern of terms
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html): all plain ones must be in the
// line, one of those with a question mark, none of those with a minus. The lab has no patterns of JSON, columns and
// regular expressions.
func parsePattern(pattern string) (matches func(line string) bool, err error) {
	pattern = strings.TrimSpace(pattern)
	if strings.HasPrefix(pattern, "{") || strings.HasPrefix(pattern, "[") || strings.HasPrefix(pattern, "%") {
		return nil, cloud.Unsupportedf("InvalidParameterException", "filter patterns of JSON, columns and regular expressions: %s", pattern)
	}
	terms, err := splitTerms(pattern)
	if err != nil {
		return nil, err
	}
	var all, some, none []string
	for _, term := range terms {
		switch {
		case term.sign == '-':
			none = append(none, term.text)
		case term.sign == '?':
			some = append(some, term.text)
		default:
			all = append(all, term.text)
		}
	}
	return func(line string) bool {
		has := func(term string) bool { return strings.Contains(line, term) }
		lacks := func(term string) bool { return !has(term) }
		return !slices.ContainsFunc(all, lacks) && (len(some) == 0 || slices.ContainsFunc(some, has)) && !slices.ContainsFunc(none, has)
	}, nil
}

type term struct {
	sign byte // '?', '-' or 0
	text string
}

func splitTerms(pattern string) ([]term, error) {
	var terms []term
	for rest := strings.TrimSpace(pattern); rest != ""; rest = strings.TrimSpace(rest) {
		var one term
		if rest[0] == '?' || rest[0] == '-' {
			one.sign, rest = rest[0], rest[1:]
		}
		if after, quoted := strings.CutPrefix(rest, `"`); quoted {
			text, left, closed := strings.Cut(after, `"`)
			if !closed {
				return nil, cloud.Errorf("InvalidParameterException", "Invalid filter pattern: a quote is not closed.")
			}
			one.text, rest = text, left
		} else {
			one.text, rest, _ = strings.Cut(rest, " ")
		}
		if one.text != "" {
			terms = append(terms, one)
		}
	}
	return terms, nil
}
