package cloudwatchlogs

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatchlogs/journal"
)

// Limits of PutLogEvents
// (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html).
const (
	maxBatch  = 1 << 20
	overhead  = 26 // counted for each event
	maxOld    = 14 * 24 * time.Hour
	maxFuture = 2 * time.Hour
	maxSpan   = 24 * time.Hour
)

// PutLogEvents keeps events. Those that are too old or too new are left out, and told.
func (s *Service) PutLogEvents(ctx context.Context, in *cloudwatchlogs.PutLogEventsInput) (*cloudwatchlogs.PutLogEventsOutput, error) {
	_ = in.SequenceToken // which AWS does not look at any more
	region := cloud.RegionOf(ctx)
	if err := checkBatch(in.LogEvents); err != nil {
		return nil, err
	}
	err := s.store.View(func(tx *cloud.Tx) error {
		_, err := findStream(tx, region, *in.LogGroupName, *in.LogStreamName)
		return err
	})
	if err != nil {
		return nil, err
	}
	kept, rejected := s.choose(in.LogEvents)
	out := &cloudwatchlogs.PutLogEventsOutput{NextSequenceToken: aws.String(cloud.RandomHex(56)), RejectedLogEventsInfo: rejected}
	to := journal.Stream{Region: region, Group: *in.LogGroupName, Name: *in.LogStreamName}
	if err := s.events.Append(to, kept, true); err != nil {
		return nil, err
	}
	s.count(region, *in.LogGroupName, kept)
	return out, nil
}

func checkBatch(events []types.InputLogEvent) error {
	size := 0
	for i, event := range events {
		size += len(*event.Message) + overhead
		if i > 0 && *event.Timestamp < *events[i-1].Timestamp {
			return cloud.Errorf("InvalidParameterException", "Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	if size > maxBatch {
		return cloud.Errorf("InvalidParameterException", "Upload too large: %d bytes exceeds limit of %d", size, maxBatch)
	}
	if span := *events[len(events)-1].Timestamp - *events[0].Timestamp; span > maxSpan.Milliseconds() {
		return cloud.Errorf("InvalidParameterException", "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	return nil
}

// choose sorts out the events that are too old or too new.
func (s *Service) choose(events []types.InputLogEvent) ([]journal.Event, *types.RejectedLogEventsInfo) {
	now := s.now()
	oldest, newest := journal.Millis(now.Add(-maxOld)), journal.Millis(now.Add(maxFuture))
	var kept []journal.Event
	rejected := &types.RejectedLogEventsInfo{}
	for i, event := range events {
		switch {
		case *event.Timestamp < oldest:
			rejected.TooOldLogEventEndIndex = aws.Int32(int32(i + 1))
		case *event.Timestamp > newest:
			if rejected.TooNewLogEventStartIndex == nil {
				rejected.TooNewLogEventStartIndex = aws.Int32(int32(i))
			}
		default:
			kept = append(kept, journal.Event{Timestamp: *event.Timestamp, Ingested: journal.Millis(now), Message: *event.Message})
		}
	}
	if len(kept) == len(events) {
		return kept, nil
	}
	return kept, rejected
}

// Put keeps lines that a service of the lab logs now. It makes the stream when there is none; the group must be there.
// A crash may lose the last of them.
func (s *Service) Put(_ context.Context, region, group, streamName string, lines []string) error {
	if err := s.prepare(region, group, streamName); err != nil {
		return fmt.Errorf("logging to %s: %w", group, err)
	}
	now := journal.Millis(s.now())
	events := make([]journal.Event, len(lines))
	for i, line := range lines {
		events[i] = journal.Event{Timestamp: now, Ingested: now, Message: line}
	}
	if err := s.events.Append(journal.Stream{Region: region, Group: group, Name: streamName}, events, false); err != nil {
		return err
	}
	s.count(region, group, events)
	return nil
}

// prepare makes the stream when there is none.
func (s *Service) prepare(region, group, streamName string) error {
	there := false
	err := s.store.View(func(tx *cloud.Tx) error {
		if _, err := findGroup(tx, region, group); err != nil {
			return err
		}
		one, err := streams.Get(tx, region, streamID(group, streamName))
		there = one != nil
		return err
	})
	if err != nil || there {
		return err
	}
	return s.store.Update(func(tx *cloud.Tx) error {
		_, err := s.ensureStream(tx, region, group, streamName)
		return err
	})
}

type queued struct{ region, group, stream, line string }

// Sink takes single lines and never blocks. Lines that come faster than they can be written are dropped, and counted
// in the lab's own log.
type Sink struct {
	service *Service
	dropped atomic.Int64
}

// Sink returns a sink; Run writes what it takes.
func (s *Service) Sink() *Sink { return &Sink{service: s} }

// Put takes a line.
func (k *Sink) Put(region, group, stream, line string) {
	select {
	case k.service.queue <- queued{region, group, stream, line}:
	default:
		if dropped := k.dropped.Add(1); dropped&(dropped-1) == 0 { // told at 1, 2, 4, 8 …
			k.service.log.Warn("log lines were dropped: they come faster than they can be written", "group", group, "dropped", dropped)
		}
	}
}

// Run writes what sinks take, until the context ends.
func (s *Service) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case first := <-s.queue:
			s.write(s.collect(first))
		}
	}
}

// collect takes what else is waiting, by stream.
func (s *Service) collect(first queued) map[journal.Stream][]string {
	batches := map[journal.Stream][]string{}
	add := func(q queued) {
		to := journal.Stream{Region: q.region, Group: q.group, Name: q.stream}
		batches[to] = append(batches[to], q.line)
	}
	add(first)
	for range cap(s.queue) {
		select {
		case more := <-s.queue:
			add(more)
		default:
			return batches
		}
	}
	return batches
}

func (s *Service) write(batches map[journal.Stream][]string) {
	for to, lines := range batches {
		err := s.Put(context.Background(), to.Region, to.Group, to.Name, lines)
		if err != nil && !cloud.HasCode(err, "ResourceNotFoundException") { // nobody made the group: nobody wants the lines
			s.log.Warn("log lines were not kept", "group", to.Group, "stream", to.Name, "lines", len(lines), "error", err)
		}
	}
}
