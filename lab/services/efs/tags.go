package efs

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	"github.com/aws/aws-sdk-go-v2/service/efs/types"

	"haven/lab/cloud"
)

const maxTags = 50

func addTags(to map[string]string, list []types.Tag) (map[string]string, error) {
	if to == nil {
		to = map[string]string{}
	}
	for _, tag := range list {
		key := aws.ToString(tag.Key)
		if strings.HasPrefix(key, "aws:") {
			return to, bad("Tag keys may not begin with aws: %s", key)
		}
		to[key] = aws.ToString(tag.Value)
	}
	if len(to) > maxTags {
		return to, bad("A resource has at most %d tags.", maxTags)
	}
	return to, nil
}

func tagList(tags map[string]string) []types.Tag {
	list := []types.Tag{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}

func nameTag(tags map[string]string) *string {
	if name, ok := tags["Name"]; ok {
		return aws.String(name)
	}
	return nil
}

// changeTags changes the tags of a file system or an access point.
func (s *Service) changeTags(ctx context.Context, reference *string, change func(map[string]string) (map[string]string, error)) error {
	id := idOf(aws.ToString(reference))
	return s.update(ctx, func(tx *cloud.Tx, region string) error {
		if strings.HasPrefix(id, "fsap-") {
			row, err := findAccessPoint(tx, region, id)
			if err != nil {
				return err
			}
			if row.Tags, err = change(row.Tags); err != nil {
				return err
			}
			return accessPoints.Put(tx, region, id, row)
		}
		row, err := findFileSystem(tx, region, id)
		if err != nil {
			return err
		}
		if row.Tags, err = change(row.Tags); err != nil {
			return err
		}
		return fileSystems.Put(tx, region, id, row)
	})
}

// TagResource adds tags or replaces their values.
func (s *Service) TagResource(ctx context.Context, in *efs.TagResourceInput) (*efs.TagResourceOutput, error) {
	return &efs.TagResourceOutput{}, s.changeTags(ctx, in.ResourceId, func(tags map[string]string) (map[string]string, error) {
		return addTags(tags, in.Tags)
	})
}

// UntagResource removes tags.
func (s *Service) UntagResource(ctx context.Context, in *efs.UntagResourceInput) (*efs.UntagResourceOutput, error) {
	return &efs.UntagResourceOutput{}, s.changeTags(ctx, in.ResourceId, func(tags map[string]string) (map[string]string, error) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return tags, nil
	})
}

// ListTagsForResource lists the tags of a file system or an access point.
func (s *Service) ListTagsForResource(ctx context.Context, in *efs.ListTagsForResourceInput) (*efs.ListTagsForResourceOutput, error) {
	out := &efs.ListTagsForResourceOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		tags, err := tagsOf(tx, region, aws.ToString(in.ResourceId))
		if err != nil {
			return err
		}
		out.Tags, out.NextToken, err = page(tagList(tags), func(t types.Tag) string { return *t.Key }, in.NextToken, in.MaxResults)
		return err
	})
	return out, err
}

func tagsOf(tx *cloud.Tx, region, reference string) (map[string]string, error) {
	if id := idOf(reference); strings.HasPrefix(id, "fsap-") {
		row, err := findAccessPoint(tx, region, id)
		if err != nil {
			return nil, err
		}
		return row.Tags, nil
	}
	row, err := findFileSystem(tx, region, reference)
	if err != nil {
		return nil, err
	}
	return row.Tags, nil
}

// DescribeTags is the older ListTagsForResource.
func (s *Service) DescribeTags(ctx context.Context, in *efs.DescribeTagsInput) (*efs.DescribeTagsOutput, error) {
	out := &efs.DescribeTagsOutput{Tags: []types.Tag{}}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findFileSystem(tx, region, aws.ToString(in.FileSystemId))
		if err != nil {
			return err
		}
		out.Tags, out.NextMarker, err = page(tagList(row.Tags), func(t types.Tag) string { return *t.Key }, in.Marker, in.MaxItems)
		return err
	})
	return out, err
}

func page[T any](all []T, key func(T) string, token *string, most *int32) ([]T, *string, error) {
	limit := 100
	if most != nil {
		limit = int(*most)
	}
	items, next, err := cloud.Page(all, key, aws.ToString(token), limit)
	if items == nil {
		items = []T{}
	}
	if next == "" {
		return items, nil, err
	}
	return items, &next, err
}
