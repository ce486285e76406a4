package elasticloadbalancingv2

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
)

// maxTags is the number of tags that a resource can have.
const maxTags = 50

func tagMap(tags []types.Tag) (map[string]string, error) {
	all := map[string]string{}
	for _, tag := range tags {
		key := aws.ToString(tag.Key)
		if _, twice := all[key]; twice {
			return nil, cloud.Errorf("DuplicateTagKeys", "The tag key '%s' was specified more than once", key)
		}
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return nil, invalid("The tag key '%s' begins with the reserved prefix 'aws:'", key)
		}
		all[key] = aws.ToString(tag.Value)
	}
	if len(all) > maxTags {
		return nil, cloud.Errorf("TooManyTags", "A resource can have %d tags", maxTags)
	}
	return all, nil
}

// tagsOf gives the tags of the resource that an ARN names, and the means to write them back.
func tagsOf(tx *cloud.Tx, region string, arn string) (tags map[string]string, save func(map[string]string) error, err error) {
	switch {
	case strings.Contains(arn, ":loadbalancer/"):
		row, err := findBalancer(tx, region, &arn)
		if err != nil {
			return nil, nil, err
		}
		return row.Tags, func(m map[string]string) error { row.Tags = m; return loadBalancers.Put(tx, region, arn, row) }, nil
	case strings.Contains(arn, ":targetgroup/"):
		row, err := findGroup(tx, region, &arn)
		if err != nil {
			return nil, nil, err
		}
		return row.Tags, func(m map[string]string) error { row.Tags = m; return targetGroups.Put(tx, region, arn, row) }, nil
	case strings.Contains(arn, ":listener/"):
		row, err := findListener(tx, region, &arn)
		if err != nil {
			return nil, nil, err
		}
		return row.Tags, func(m map[string]string) error { row.Tags = m; return listeners.Put(tx, region, arn, row) }, nil
	default:
		row, err := findRule(tx, region, &arn)
		if err != nil {
			return nil, nil, err
		}
		return row.Tags, func(m map[string]string) error { row.Tags = m; return rules.Put(tx, region, arn, row) }, nil
	}
}

// AddTags adds tags to resources, or replaces their values.
func (s *Service) AddTags(ctx context.Context, in *elasticloadbalancingv2.AddTagsInput) (*elasticloadbalancingv2.AddTagsOutput, error) {
	added, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	return &elasticloadbalancingv2.AddTagsOutput{}, s.retag(ctx, in.ResourceArns, func(tags map[string]string) { maps.Copy(tags, added) })
}

// RemoveTags removes tags from resources.
func (s *Service) RemoveTags(ctx context.Context, in *elasticloadbalancingv2.RemoveTagsInput) (*elasticloadbalancingv2.RemoveTagsOutput, error) {
	keys := in.TagKeys
	return &elasticloadbalancingv2.RemoveTagsOutput{}, s.retag(ctx, in.ResourceArns, func(tags map[string]string) {
		maps.DeleteFunc(tags, func(key, _ string) bool { return slices.Contains(keys, key) })
	})
}

func (s *Service) retag(ctx context.Context, arns []string, change func(map[string]string)) error {
	return s.update(ctx, func(tx *cloud.Tx, region string) error {
		for _, arn := range arns {
			tags, save, err := tagsOf(tx, region, arn)
			if err != nil {
				return err
			}
			if tags == nil {
				tags = map[string]string{}
			}
			change(tags)
			if len(tags) > maxTags {
				return cloud.Errorf("TooManyTags", "A resource can have %d tags", maxTags)
			}
			if err := save(tags); err != nil {
				return err
			}
		}
		return nil
	})
}

// DescribeTags returns the tags of resources.
func (s *Service) DescribeTags(ctx context.Context, in *elasticloadbalancingv2.DescribeTagsInput) (*elasticloadbalancingv2.DescribeTagsOutput, error) {
	out := &elasticloadbalancingv2.DescribeTagsOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		for _, arn := range in.ResourceArns {
			tags, _, err := tagsOf(tx, region, arn)
			if err != nil {
				return err
			}
			description := types.TagDescription{ResourceArn: aws.String(arn), Tags: []types.Tag{}}
			for _, key := range slices.Sorted(maps.Keys(tags)) {
				description.Tags = append(description.Tags, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
			}
			out.TagDescriptions = append(out.TagDescriptions, description)
		}
		return nil
	})
	return out, err
}
