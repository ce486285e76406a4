package cloudwatchlogs

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/services/cloudwatchlogs/journal"
)

// KeyARN returns the ARN of a KMS key; kms.ResolveARN is one.
type KeyARN func(tx *cloud.Tx, region, ref string) (string, error)

// Service answers CloudWatch Logs' operations and takes what other services log.
type Service struct {
	store  *cloud.Store
	events *journal.Journal
	keys   KeyARN
	log    *slog.Logger
	now    func() time.Time
	queue  chan queued

	metrics  metric.Sink // what metric filters count goes there
	counting counting
}

// Use sets who keeps what metric filters count.
func (s *Service) Use(sink metric.Sink) { s.metrics = sink }

// New returns the service; events are kept under a folder.
func New(store *cloud.Store, dir string, keys KeyARN, log *slog.Logger) *Service {
	return &Service{store: store, events: journal.New(dir), keys: keys, log: log, now: time.Now, queue: make(chan queued, 8192), metrics: metric.Discard{}}
}

type group struct {
	Name      string
	Created   int64 // milliseconds since 1970
	Retention int32 // days; 0: for ever
	KeyARN    string
	Class     string
	Tags      map[string]string
}

type stream struct {
	Group   string
	Name    string
	Created int64
}

var (
	groups  = cloud.NewTable[group]("logs.groups")
	streams = cloud.NewTable[stream]("logs.streams")
)

// streamID is the id of a stream's row; no name of a group has a colon.
func streamID(group, name string) string { return group + ":" + name }

func groupARN(region, name string) string { return cloud.ARN("logs", region, "log-group:"+name) }

// groupName returns the name of a group that is given by its name or ARN.
func groupName(region string, given ...*string) (string, error) {
	for _, one := range given {
		text := aws.ToString(one)
		if text == "" {
			continue
		}
		name := strings.TrimSuffix(strings.TrimPrefix(text, groupARN(region, "")), ":*")
		if strings.HasPrefix(name, "arn:") {
			return "", cloud.Errorf("ResourceNotFoundException", "The specified log group does not exist: %s is not of this account and region.", text)
		}
		return name, nil
	}
	return "", cloud.Errorf("InvalidParameterException", "Exactly one of logGroupName and logGroupIdentifier is required.")
}

var goodGroup = regexp.MustCompile(`^[\.\-_/#A-Za-z0-9]{1,512}$`)

func findGroup(tx *cloud.Tx, region, name string) (*group, error) {
	g, err := groups.Get(tx, region, name)
	if err == nil && g == nil {
		err = cloud.Errorf("ResourceNotFoundException", "The specified log group does not exist.")
	}
	return g, err
}

func findStream(tx *cloud.Tx, region, group, name string) (*stream, error) {
	if _, err := findGroup(tx, region, group); err != nil {
		return nil, err
	}
	s, err := streams.Get(tx, region, streamID(group, name))
	if err == nil && s == nil {
		err = cloud.Errorf("ResourceNotFoundException", "The specified log stream does not exist.")
	}
	return s, err
}

// streamsOf returns a group's streams in the order of their names.
func streamsOf(tx *cloud.Tx, region, group string) ([]*stream, error) {
	all, err := streams.List(tx, region)
	if err != nil {
		return nil, err
	}
	var own []*stream
	for _, s := range all {
		if s.Group == group {
			own = append(own, s)
		}
	}
	return own, nil
}

// change changes a group.
func (s *Service) change(ctx context.Context, name string, apply func(tx *cloud.Tx, g *group) error) error {
	region := cloud.RegionOf(ctx)
	return s.store.Update(func(tx *cloud.Tx) error {
		g, err := findGroup(tx, region, name)
		if err != nil {
			return err
		}
		if err := apply(tx, g); err != nil {
			return err
		}
		return groups.Put(tx, region, name, g)
	})
}

// keyARN checks a key and returns its ARN.
func (s *Service) keyARN(tx *cloud.Tx, region string, ref *string) (string, error) {
	if ref == nil || s.keys == nil {
		return aws.ToString(ref), nil
	}
	name, err := s.keys(tx, region, *ref)
	if err != nil {
		return "", cloud.Errorf("InvalidParameterException", "The specified KMS key does not exist or is not allowed to be used with LogGroup: %v", err)
	}
	return name, nil
}

func page[R any](rows []R, key func(R) string, token *string, limit *int32, usual int) ([]R, *string, error) {
	size := int(aws.ToInt32(limit))
	if size == 0 {
		size = usual
	}
	kept, next, err := cloud.Page(rows, key, aws.ToString(token), size)
	if err == cloud.ErrBadToken {
		err = cloud.Errorf("InvalidParameterException", "The specified nextToken is invalid.")
	}
	if next == "" {
		return kept, nil, err
	}
	return kept, &next, err
}
