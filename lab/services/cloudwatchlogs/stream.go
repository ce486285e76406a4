package cloudwatchlogs

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatchlogs/journal"
)

var goodStream = regexp.MustCompile(`^[^:*]{1,512}$`)

// CreateLogStream makes a stream.
func (s *Service) CreateLogStream(ctx context.Context, in *cloudwatchlogs.CreateLogStreamInput) (*cloudwatchlogs.CreateLogStreamOutput, error) {
	if !goodStream.MatchString(*in.LogStreamName) {
		return nil, cloud.Errorf("InvalidParameterException", "1 validation error detected: Value '%s' at 'logStreamName' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: [^:*]*", *in.LogStreamName)
	}
	region := cloud.RegionOf(ctx)
	return &cloudwatchlogs.CreateLogStreamOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		if _, err := findGroup(tx, region, *in.LogGroupName); err != nil {
			return err
		}
		made, err := s.ensureStream(tx, region, *in.LogGroupName, *in.LogStreamName)
		if err == nil && !made {
			err = cloud.Errorf("ResourceAlreadyExistsException", "The specified log stream already exists")
		}
		return err
	})
}

// ensureStream makes a stream that is not there, and tells whether it did.
func (s *Service) ensureStream(tx *cloud.Tx, region, group, name string) (made bool, err error) {
	existing, err := streams.Get(tx, region, streamID(group, name))
	if err != nil || existing != nil {
		return false, err
	}
	return true, streams.Put(tx, region, streamID(group, name), &stream{Group: group, Name: name, Created: journal.Millis(s.now())})
}

// DeleteLogStream removes a stream with its events.
func (s *Service) DeleteLogStream(ctx context.Context, in *cloudwatchlogs.DeleteLogStreamInput) (*cloudwatchlogs.DeleteLogStreamOutput, error) {
	region := cloud.RegionOf(ctx)
	err := s.store.Update(func(tx *cloud.Tx) error {
		if _, err := findStream(tx, region, *in.LogGroupName, *in.LogStreamName); err != nil {
			return err
		}
		return streams.Delete(tx, region, streamID(*in.LogGroupName, *in.LogStreamName))
	})
	if err == nil {
		err = s.events.Delete(journal.Stream{Region: region, Group: *in.LogGroupName, Name: *in.LogStreamName})
	}
	return &cloudwatchlogs.DeleteLogStreamOutput{}, err
}

// DescribeLogStreams lists a group's streams, by name or by the time of their last event.
func (s *Service) DescribeLogStreams(ctx context.Context, in *cloudwatchlogs.DescribeLogStreamsInput) (*cloudwatchlogs.DescribeLogStreamsOutput, error) {
	region := cloud.RegionOf(ctx)
	name, err := groupName(region, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	if in.OrderBy == types.OrderByLastEventTime && in.LogStreamNamePrefix != nil {
		return nil, cloud.Errorf("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	all, err := s.describedStreams(region, name, aws.ToString(in.LogStreamNamePrefix))
	if err != nil {
		return nil, err
	}
	if in.OrderBy == types.OrderByLastEventTime {
		slices.SortStableFunc(all, func(a, b types.LogStream) int {
			return int(aws.ToInt64(a.LastEventTimestamp) - aws.ToInt64(b.LastEventTimestamp))
		})
	}
	if aws.ToBool(in.Descending) {
		slices.Reverse(all)
	}
	rows, next, err := pageInOrder(all, in.NextToken, in.Limit)
	return &cloudwatchlogs.DescribeLogStreamsOutput{LogStreams: rows, NextToken: next}, err
}

// pageInOrder cuts a page of streams whatever their order: the token names the stream before the page.
func pageInOrder(all []types.LogStream, token *string, limit *int32) ([]types.LogStream, *string, error) {
	size := int(aws.ToInt32(limit))
	if size == 0 {
		size = 50
	}
	if token != nil {
		at := slices.IndexFunc(all, func(l types.LogStream) bool { return *l.LogStreamName == *token })
		if at < 0 {
			return nil, nil, cloud.Errorf("InvalidParameterException", "The specified nextToken is invalid.")
		}
		all = all[at+1:]
	}
	if len(all) <= size {
		return append([]types.LogStream{}, all...), nil, nil
	}
	return all[:size], all[size-1].LogStreamName, nil
}

func (s *Service) describedStreams(region, group, prefix string) ([]types.LogStream, error) {
	var all []types.LogStream
	err := s.store.View(func(tx *cloud.Tx) error {
		if _, err := findGroup(tx, region, group); err != nil {
			return err
		}
		own, err := streamsOf(tx, region, group)
		if err != nil {
			return err
		}
		for _, one := range own {
			if !strings.HasPrefix(one.Name, prefix) {
				continue
			}
			stats, err := s.events.Stats(journal.Stream{Region: region, Group: group, Name: one.Name})
			if err != nil {
				return err
			}
			all = append(all, describeStream(region, one, stats))
		}
		return nil
	})
	return all, err
}

func describeStream(region string, one *stream, stats journal.Stats) types.LogStream {
	described := types.LogStream{
		LogStreamName: aws.String(one.Name), CreationTime: aws.Int64(one.Created), StoredBytes: aws.Int64(0),
		Arn: aws.String(groupARN(region, one.Group) + ":log-stream:" + one.Name), UploadSequenceToken: aws.String(cloud.RandomHex(32)),
	}
	if stats.Events > 0 {
		described.FirstEventTimestamp, described.LastEventTimestamp = aws.Int64(stats.First), aws.Int64(stats.Last)
		described.LastIngestionTime = aws.Int64(stats.LastIngested)
	}
	return described
}
