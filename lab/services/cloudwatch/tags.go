package cloudwatch

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

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
		return validation("A resource has at most %d tags.", maxTags)
	}
	for key := range tags {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return validation("Tag keys that begin with aws: are reserved: %s.", key)
		}
	}
	return nil
}

// changeTags changes the tags of an alarm or a dashboard.
func (s *Service) changeTags(ctx context.Context, arn string, change func(tags map[string]string)) error {
	region := cloud.RegionOf(ctx)
	return s.store.Update(func(tx *cloud.Tx) error {
		row, tags, err := tagged(tx, region, arn)
		if err != nil {
			return err
		}
		changed := maps.Clone(tags)
		if changed == nil {
			changed = map[string]string{}
		}
		change(changed)
		if err := checkTags(changed); err != nil {
			return err
		}
		return row.retag(tx, changed)
	})
}

// tagger is a row that has tags.
type tagger interface {
	retag(tx *cloud.Tx, tags map[string]string) error
}

func (a *alarm) retag(tx *cloud.Tx, tags map[string]string) error {
	a.Tags = tags
	return a.put(tx)
}

func (d *dashboard) retag(tx *cloud.Tx, tags map[string]string) error {
	d.Tags = tags
	return dashboards.Put(tx, cloud.Global, d.Name, d)
}

// tagged finds what an ARN names, with its tags.
func tagged(tx *cloud.Tx, region, arn string) (tagger, map[string]string, error) {
	if name, ok := strings.CutPrefix(arn, dashboardARN("")); ok {
		row, err := dashboards.Get(tx, cloud.Global, name)
		if err == nil && row == nil {
			err = unknownResource(arn)
		}
		if err != nil {
			return nil, nil, err
		}
		return row, row.Tags, nil
	}
	row, err := find(tx, region, arn)
	if err == nil && (row == nil || !strings.HasPrefix(arn, "arn:")) {
		err = unknownResource(arn)
	}
	if err != nil {
		return nil, nil, err
	}
	return row, row.Tags, nil
}

func unknownResource(arn string) error {
	return cloud.StatusErrorf(404, "ResourceNotFoundException", "The resource %s does not exist.", arn)
}

// TagResource adds tags to an alarm or a dashboard.
func (s *Service) TagResource(ctx context.Context, in *cloudwatch.TagResourceInput) (*cloudwatch.TagResourceOutput, error) {
	return &cloudwatch.TagResourceOutput{}, s.changeTags(ctx, *in.ResourceARN, func(tags map[string]string) { maps.Copy(tags, tagMap(in.Tags)) })
}

// UntagResource removes tags.
func (s *Service) UntagResource(ctx context.Context, in *cloudwatch.UntagResourceInput) (*cloudwatch.UntagResourceOutput, error) {
	return &cloudwatch.UntagResourceOutput{}, s.changeTags(ctx, *in.ResourceARN, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}

// ListTagsForResource lists the tags of an alarm or a dashboard.
func (s *Service) ListTagsForResource(ctx context.Context, in *cloudwatch.ListTagsForResourceInput) (*cloudwatch.ListTagsForResourceOutput, error) {
	out := &cloudwatch.ListTagsForResourceOutput{Tags: []types.Tag{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		_, tags, err := tagged(tx, cloud.RegionOf(ctx), *in.ResourceARN)
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			out.Tags = append(out.Tags, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
		}
		return err
	})
}
