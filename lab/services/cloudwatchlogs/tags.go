package cloudwatchlogs

import (
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"haven/lab/cloud"
)

const maxTags = 50

func (g *group) tag(tags map[string]string) error {
	merged := maps.Clone(g.Tags)
	if merged == nil {
		merged = map[string]string{}
	}
	for key, value := range tags {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return cloud.Errorf("InvalidParameterException", "Tag keys beginning with aws: are reserved.")
		}
		merged[key] = value
	}
	if len(merged) > maxTags {
		return cloud.Errorf("TooManyTagsException", "A resource has at most %d tags.", maxTags)
	}
	g.Tags = merged
	return nil
}

func (g *group) untag(keys []string) {
	for _, key := range keys {
		delete(g.Tags, key)
	}
}

// TagResource adds tags to a group.
func (s *Service) TagResource(ctx context.Context, in *cloudwatchlogs.TagResourceInput) (*cloudwatchlogs.TagResourceOutput, error) {
	name, err := groupName(cloud.RegionOf(ctx), in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.TagResourceOutput{}, s.change(ctx, name, func(_ *cloud.Tx, g *group) error { return g.tag(in.Tags) })
}

// UntagResource removes tags from a group.
func (s *Service) UntagResource(ctx context.Context, in *cloudwatchlogs.UntagResourceInput) (*cloudwatchlogs.UntagResourceOutput, error) {
	name, err := groupName(cloud.RegionOf(ctx), in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.UntagResourceOutput{}, s.change(ctx, name, func(_ *cloud.Tx, g *group) error {
		g.untag(in.TagKeys)
		return nil
	})
}

// ListTagsForResource lists a group's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *cloudwatchlogs.ListTagsForResourceInput) (*cloudwatchlogs.ListTagsForResourceOutput, error) {
	region := cloud.RegionOf(ctx)
	name, err := groupName(region, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &cloudwatchlogs.ListTagsForResourceOutput{Tags: map[string]string{}}
	err = s.store.View(func(tx *cloud.Tx) error {
		g, err := findGroup(tx, region, name)
		if err == nil {
			maps.Copy(out.Tags, g.Tags)
		}
		return err
	})
	return out, err
}
