package ec2

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// taggable is a kind as far as tags go.
type taggable interface {
	owns(id string) bool
	retag(tx *cloud.Tx, region, id string, change func(tags map[string]string) error) error
	eachTag(tx *cloud.Tx, region string, visit func(types.TagDescription)) error
}

func taggables() []taggable {
	return []taggable{
		vpcs, subnets, interfaces, securityGroups, groupRules, launchTemplates, elastics, instances, volumes,
		networkACLs, routeTables, internetGateways, natGateways, endpoints, flowLogs,
	}
}

func (k kind[R, P]) owns(id string) bool { return strings.HasPrefix(id, k.prefix+"-") }

func (k kind[R, P]) retag(tx *cloud.Tx, region, id string, change func(map[string]string) error) error {
	row, err := k.find(tx, region, id)
	if err != nil {
		return err
	}
	head := P(row).head()
	if head.Tags == nil {
		head.Tags = map[string]string{}
	}
	if err := change(head.Tags); err != nil {
		return err
	}
	return k.save(tx, region, row)
}

func (k kind[R, P]) eachTag(tx *cloud.Tx, region string, visit func(types.TagDescription)) error {
	rows, err := k.List(tx, region)
	for _, row := range rows {
		head := P(row).head()
		for _, key := range slices.Sorted(maps.Keys(head.Tags)) {
			visit(types.TagDescription{
				ResourceId: aws.String(head.ID), ResourceType: k.resource, Key: aws.String(key), Value: aws.String(head.Tags[key]),
			})
		}
	}
	return err
}

// retagAll changes the tags of each resource.
func (s *Service) retagAll(ctx context.Context, ids []string, change func(map[string]string) error) error {
	return s.update(ctx, func(tx *cloud.Tx, region string) error {
		for _, id := range ids {
			i := slices.IndexFunc(taggables(), func(t taggable) bool { return t.owns(id) })
			if i < 0 {
				return cloud.Errorf("InvalidID", "The ID '%s' is not valid", id)
			}
			if err := taggables()[i].retag(tx, region, id, change); err != nil {
				return err
			}
		}
		return nil
	})
}

// CreateTags adds tags to resources, or replaces those of the same keys.
func (s *Service) CreateTags(ctx context.Context, in *ec2.CreateTagsInput) (*ec2.CreateTagsOutput, error) {
	given := map[string]string{}
	for _, tag := range in.Tags {
		given[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	if err := checkTags(given); err != nil {
		return nil, err
	}
	return &ec2.CreateTagsOutput{}, s.retagAll(ctx, in.Resources, func(tags map[string]string) error {
		maps.Copy(tags, given)
		return checkTagCount(tags)
	})
}

// DeleteTags removes tags: a key with a value only when that is the tag's value, and all of them when none is named.
func (s *Service) DeleteTags(ctx context.Context, in *ec2.DeleteTagsInput) (*ec2.DeleteTagsOutput, error) {
	return &ec2.DeleteTagsOutput{}, s.retagAll(ctx, in.Resources, func(tags map[string]string) error {
		if len(in.Tags) == 0 {
			maps.DeleteFunc(tags, func(key, _ string) bool { return !strings.HasPrefix(key, "aws:") })
		}
		for _, tag := range in.Tags {
			key := aws.ToString(tag.Key)
			if strings.HasPrefix(key, "aws:") {
				return cloud.Errorf("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use: '%s'", key)
			}
			if tag.Value == nil || *tag.Value == tags[key] {
				delete(tags, key)
			}
		}
		return nil
	})
}

var tagFilters = filterSet[types.TagDescription]{
	tags: func(t *types.TagDescription) []types.Tag { return []types.Tag{{Key: t.Key, Value: t.Value}} },
	named: map[string]func(*types.TagDescription) []string{
		"key":           func(t *types.TagDescription) []string { return text(t.Key) },
		"value":         func(t *types.TagDescription) []string { return text(t.Value) },
		"resource-id":   func(t *types.TagDescription) []string { return text(t.ResourceId) },
		"resource-type": func(t *types.TagDescription) []string { return []string{string(t.ResourceType)} },
	}}

// DescribeTags lists tags over all kinds of resources.
func (s *Service) DescribeTags(ctx context.Context, in *ec2.DescribeTagsInput) (*ec2.DescribeTagsOutput, error) {
	out := &ec2.DescribeTagsOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) (err error) {
		answer := page[types.TagDescription]{set: tagFilters}
		add := func(t types.TagDescription) { answer.add(*t.ResourceId+"\x00"+*t.Key, t) }
		for _, kind := range taggables() {
			if err := kind.eachTag(tx, region, add); err != nil {
				return err
			}
		}
		out.Tags, out.NextToken, err = answer.cut(query{filters: in.Filters, limit: in.MaxResults, token: in.NextToken})
		return err
	})
	return out, err
}
