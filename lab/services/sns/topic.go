package sns

import (
	"context"
	"maps"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"haven/lab/cloud"
)

// topic is a topic with the attributes that were set.
type topic struct {
	Region     string
	Name       string
	Attributes map[string]string `json:",omitempty"`
	Tags       map[string]string `json:",omitempty"`
	Deleted    int               // subscriptions that were deleted
}

var topics = cloud.NewTable[topic]("sns.topics")

func topicARN(region, name string) string { return cloud.ARN("sns", region, name) }

func (t *topic) arn() string { return topicARN(t.Region, t.Name) }

func (t *topic) put(tx *cloud.Tx) error { return topics.Put(tx, t.Region, t.Name, t) }

var goodTopic = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// findTopic returns the topic of an ARN.
func findTopic(tx *cloud.Tx, region, arn string) (*topic, error) {
	name, ok := strings.CutPrefix(arn, topicARN(region, ""))
	if !ok || strings.Contains(name, ":") {
		if parts := strings.Split(arn, ":"); len(parts) == 6 && parts[0] == "arn" && parts[2] == "sns" {
			return nil, notFound("Topic")
		}
		return nil, invalid("TopicArn Reason: %s is not a topic of this account and region", arn)
	}
	t, err := topics.Get(tx, region, name)
	if err == nil && t == nil {
		err = notFound("Topic")
	}
	return t, err
}

// CreateTopic makes a topic, or returns the one of that name if its attributes and tags are not others.
func (s *Service) CreateTopic(ctx context.Context, in *sns.CreateTopicInput) (*sns.CreateTopicOutput, error) {
	region := cloud.RegionOf(ctx)
	if strings.HasSuffix(*in.Name, ".fifo") || in.Attributes["FifoTopic"] == "true" {
		return nil, unsupported("FIFO topics")
	}
	if !goodTopic.MatchString(*in.Name) {
		return nil, invalid("Topic Name Reason: a name has 1 to 256 letters, digits, dashes and underscores")
	}
	made := &topic{Region: region, Name: *in.Name, Attributes: map[string]string{}, Tags: tagMap(in.Tags)}
	for name, value := range in.Attributes {
		if err := made.set(name, value); err != nil {
			return nil, err
		}
	}
	if err := checkTags(made.Tags); err != nil {
		return nil, err
	}
	arn := made.arn()
	return &sns.CreateTopicOutput{TopicArn: &arn}, s.store.Update(func(tx *cloud.Tx) error {
		existing, err := topics.Get(tx, region, made.Name)
		if err != nil {
			return err
		}
		if existing == nil {
			return made.put(tx)
		}
		for name, value := range made.Attributes {
			if existing.Attributes[name] != value {
				return invalid("Attributes Reason: Topic already exists with different attributes")
			}
		}
		if len(in.Tags) > 0 && !maps.Equal(made.Tags, existing.Tags) {
			return invalid("Tags Reason: Topic already exists with different tags")
		}
		return nil
	})
}

// DeleteTopic deletes a topic with its subscriptions; one that is not there is no error.
func (s *Service) DeleteTopic(ctx context.Context, in *sns.DeleteTopicInput) (*sns.DeleteTopicOutput, error) {
	region := cloud.RegionOf(ctx)
	return &sns.DeleteTopicOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		t, err := findTopic(tx, region, *in.TopicArn)
		if cloud.HasCode(err, "NotFound") {
			return nil
		}
		if err != nil {
			return err
		}
		own, err := subscriptionsOf(tx, region, t.Name)
		if err != nil {
			return err
		}
		for _, one := range own {
			if err := subscriptions.Delete(tx, region, one.id()); err != nil {
				return err
			}
		}
		return topics.Delete(tx, region, t.Name)
	})
}

// ListTopics lists the region's topics.
func (s *Service) ListTopics(ctx context.Context, in *sns.ListTopicsInput) (*sns.ListTopicsOutput, error) {
	out := &sns.ListTopicsOutput{Topics: []types.Topic{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		all, err := topics.List(tx, cloud.RegionOf(ctx))
		if err != nil {
			return err
		}
		rows, next, err := page(all, func(t *topic) string { return t.Name }, in.NextToken)
		out.NextToken = next
		for _, row := range rows {
			arn := row.arn()
			out.Topics = append(out.Topics, types.Topic{TopicArn: &arn})
		}
		return err
	})
}

// change changes a topic.
func (s *Service) change(ctx context.Context, arn string, apply func(t *topic) error) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		t, err := findTopic(tx, cloud.RegionOf(ctx), arn)
		if err != nil {
			return err
		}
		if err := apply(t); err != nil {
			return err
		}
		return t.put(tx)
	})
}
