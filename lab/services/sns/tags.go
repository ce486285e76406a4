package sns

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"haven/lab/cloud"
)

const maxTags = 50

func tagMap(tags []types.Tag) map[string]string {
	all := map[string]string{}
	for _, tag := range tags {
		all[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return all
}

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return cloud.Errorf("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded")
	}
	for key := range tags {
		if key == "" || strings.HasPrefix(strings.ToLower(key), "aws:") {
			return invalid("Tags Reason: the key %q is empty or reserved", key)
		}
	}
	return nil
}

// retag changes a topic's tags. Tagging has its own code for a topic that is not there.
func (s *Service) retag(ctx context.Context, arn string, change func(tags map[string]string)) error {
	err := s.change(ctx, arn, func(t *topic) error {
		if t.Tags == nil {
			t.Tags = map[string]string{}
		}
		change(t.Tags)
		return checkTags(t.Tags)
	})
	return tagError(err)
}

func tagError(err error) error {
	if cloud.HasCode(err, "NotFound") {
		return cloud.StatusErrorf(404, "ResourceNotFound", "Resource does not exist")
	}
	return err
}

// TagResource adds tags to a topic.
func (s *Service) TagResource(ctx context.Context, in *sns.TagResourceInput) (*sns.TagResourceOutput, error) {
	return &sns.TagResourceOutput{}, s.retag(ctx, *in.ResourceArn, func(tags map[string]string) { maps.Copy(tags, tagMap(in.Tags)) })
}

// UntagResource removes tags from a topic.
func (s *Service) UntagResource(ctx context.Context, in *sns.UntagResourceInput) (*sns.UntagResourceOutput, error) {
	return &sns.UntagResourceOutput{}, s.retag(ctx, *in.ResourceArn, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}

// ListTagsForResource lists a topic's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *sns.ListTagsForResourceInput) (*sns.ListTagsForResourceOutput, error) {
	out := &sns.ListTagsForResourceOutput{Tags: []types.Tag{}}
	return out, tagError(s.store.View(func(tx *cloud.Tx) error {
		t, err := findTopic(tx, cloud.RegionOf(ctx), *in.ResourceArn)
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(t.Tags)) {
			out.Tags = append(out.Tags, types.Tag{Key: aws.String(key), Value: aws.String(t.Tags[key])})
		}
		return nil
	}))
}
