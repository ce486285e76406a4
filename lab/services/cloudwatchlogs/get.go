package cloudwatchlogs

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatchlogs/journal"
)

const maxEvents = 10_000 // of an answer

// position is a place in a stream: behind or before an event.
type position struct{ timestamp, offset int64 }

func positionOf(event journal.Event) position { return position{event.Timestamp, event.Offset} }

func (p position) before(q position) bool {
	return p.timestamp < q.timestamp || p.timestamp == q.timestamp && p.offset < q.offset
}

// token writes a position: "f/…" leads on behind it, "b/…" back before it.
func (p position) token(direction string) *string {
	return aws.String(fmt.Sprintf("%s/%020d/%020d", direction, p.timestamp, p.offset))
}

func parseToken(token string) (direction string, p position, err error) {
	direction, rest, _ := strings.Cut(token, "/")
	if _, err := fmt.Sscanf(rest, "%020d/%020d", &p.timestamp, &p.offset); err != nil || direction != "f" && direction != "b" {
		return "", p, cloud.Errorf("InvalidParameterException", "The specified nextToken is invalid.")
	}
	return direction, p, nil
}

// since returns the time before which a group's events are gone.
func (s *Service) since(g *group) int64 {
	if g.Retention == 0 {
		return 0
	}
	return journal.Millis(s.now().Add(-time.Duration(g.Retention) * 24 * time.Hour))
}

func window(since int64, start, end *int64, inclusive bool) (from, to int64) {
	from, to = max(since, aws.ToInt64(start)), math.MaxInt64
	if end != nil {
		to = *end
		if inclusive && to < math.MaxInt64 {
			to++
		}
	}
	return from, to
}

// GetLogEvents reads a stream, from its head or its tail.
func (s *Service) GetLogEvents(ctx context.Context, in *cloudwatchlogs.GetLogEventsInput) (*cloudwatchlogs.GetLogEventsOutput, error) {
	_ = in.Unmask // nothing is masked
	region := cloud.RegionOf(ctx)
	name, err := groupName(region, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	var since int64
	err = s.store.View(func(tx *cloud.Tx) error {
		g, err := findGroup(tx, region, name)
		if err != nil {
			return err
		}
		since = s.since(g)
		_, err = findStream(tx, region, name, *in.LogStreamName)
		return err
	})
	if err != nil {
		return nil, err
	}
	from, to := window(since, in.StartTime, in.EndTime, false)
	all, err := s.events.Read(journal.Stream{Region: region, Group: name, Name: *in.LogStreamName}, from, to)
	if err != nil {
		return nil, err
	}
	return cut(all, in)
}

// cut takes the page that the input asks for.
func cut(all []journal.Event, in *cloudwatchlogs.GetLogEventsInput) (*cloudwatchlogs.GetLogEventsOutput, error) {
	limit := int(aws.ToInt32(in.Limit))
	if limit == 0 {
		limit = maxEvents
	}
	forward, at := aws.ToBool(in.StartFromHead), position{}
	if in.NextToken != nil {
		direction, p, err := parseToken(*in.NextToken)
		if err != nil {
			return nil, err
		}
		forward, at = direction == "f", p
		all = slices.DeleteFunc(all, func(e journal.Event) bool {
			return forward && !at.before(positionOf(e)) || !forward && !positionOf(e).before(at)
		})
	}
	if len(all) > limit && forward {
		all = all[:limit]
	} else if len(all) > limit {
		all = all[len(all)-limit:]
	}
	first, last := at, at
	out := &cloudwatchlogs.GetLogEventsOutput{Events: []types.OutputLogEvent{}}
	for i, event := range all {
		if i == 0 {
			first = positionOf(event)
		}
		last = positionOf(event)
		out.Events = append(out.Events, types.OutputLogEvent{
			Timestamp: aws.Int64(event.Timestamp), IngestionTime: aws.Int64(event.Ingested), Message: aws.String(event.Message),
		})
	}
	out.NextBackwardToken, out.NextForwardToken = first.token("b"), last.token("f")
	return out, nil
}
