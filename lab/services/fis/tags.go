package fis

import (
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/fis"

	"haven/lab/cloud"
)

// retag changes the tags of what an ARN names, and returns them.
func retag(tx *cloud.Tx, region, arn string, change func(map[string]string)) (map[string]string, error) {
	if id, ok := strings.CutPrefix(arn, templateARN(region, "")); ok {
		row, err := findTemplate(tx, region, &id)
		if err != nil {
			return nil, err
		}
		tags := changed(row.Template.Tags, change)
		if change != nil {
			row.Template.Tags = tags
			err = templates.Put(tx, region, id, row)
		}
		return tags, err
	}
	if id, ok := strings.CutPrefix(arn, experimentARN(region, "")); ok {
		row, err := findExperiment(tx, region, &id)
		if err != nil {
			return nil, err
		}
		tags := changed(row.Experiment.Tags, change)
		if change != nil {
			row.Experiment.Tags = tags
			err = experiments.Put(tx, region, id, row)
		}
		return tags, err
	}
	return nil, missing("resource", arn)
}

func changed(tags map[string]string, change func(map[string]string)) map[string]string {
	copied := maps.Clone(tags)
	if copied == nil {
		copied = map[string]string{}
	}
	if change != nil {
		change(copied)
	}
	return copied
}

// TagResource adds tags.
func (s *Service) TagResource(ctx context.Context, in *fis.TagResourceInput) (*fis.TagResourceOutput, error) {
	return &fis.TagResourceOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		_, err := retag(tx, cloud.RegionOf(ctx), aws.ToString(in.ResourceArn), func(tags map[string]string) { maps.Copy(tags, in.Tags) })
		return err
	})
}

// UntagResource removes tags, or all of them.
func (s *Service) UntagResource(ctx context.Context, in *fis.UntagResourceInput) (*fis.UntagResourceOutput, error) {
	return &fis.UntagResourceOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		_, err := retag(tx, cloud.RegionOf(ctx), aws.ToString(in.ResourceArn), func(tags map[string]string) {
			if in.TagKeys == nil {
				clear(tags)
			}
			for _, key := range in.TagKeys {
				delete(tags, key)
			}
		})
		return err
	})
}

// ListTagsForResource lists tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *fis.ListTagsForResourceInput) (*fis.ListTagsForResourceOutput, error) {
	out := &fis.ListTagsForResourceOutput{}
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		out.Tags, err = retag(tx, cloud.RegionOf(ctx), aws.ToString(in.ResourceArn), nil)
		return err
	})
	return out, err
}
