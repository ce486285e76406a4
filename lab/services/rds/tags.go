package rds

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

const maxTags = 50

func setTags(tx *cloud.Tx, region, arn string, list []types.Tag) error {
	row, err := tags.Get(tx, region, arn)
	if err != nil {
		return err
	}
	if row == nil {
		row = &tagRow{Tags: map[string]string{}}
	}
	for _, tag := range list {
		key := aws.ToString(tag.Key)
		if key == "" || len(key) > 128 || strings.HasPrefix(key, "aws:") {
			return cloud.Errorf("InvalidParameterValue", "Invalid tag key %q", key)
		}
		row.Tags[key] = aws.ToString(tag.Value)
	}
	if len(row.Tags) > maxTags {
		return cloud.Errorf("InvalidParameterValue", "The resource would have more than %d tags.", maxTags)
	}
	return tags.Put(tx, region, arn, row)
}

func tagList(tx *cloud.Tx, region, arn string) ([]types.Tag, error) {
	row, err := tags.Get(tx, region, arn)
	if err != nil || row == nil {
		return nil, err
	}
	list := make([]types.Tag, 0, len(row.Tags))
	for _, key := range slices.Sorted(maps.Keys(row.Tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(row.Tags[key])})
	}
	return list, nil
}

// checkResource finds what an ARN names, or says that there is none.
func checkResource(tx *cloud.Tx, region, arn string) error {
	parts := strings.SplitN(arn, ":", 7)
	if len(parts) != 7 || parts[2] != "rds" || parts[3] != region {
		return cloud.Errorf("InvalidParameterValue", "Invalid resource name: %s", arn)
	}
	var err error
	switch kind, name := parts[5], parts[6]; kind {
	case "cluster":
		_, err = findCluster(tx, region, name)
	case "db":
		_, err = findInstance(tx, region, name)
	case "subgrp":
		_, err = findSubnetGroup(tx, region, name)
	case clusterGroupKind.arn:
		_, err = clusterGroupKind.find(tx, region, name)
	case instanceGroupKind.arn:
		_, err = instanceGroupKind.find(tx, region, name)
	case "cluster-snapshot":
		_, err = findSnapshot(tx, region, name)
	case "cluster-endpoint":
		_, err = findEndpoint(tx, region, name)
	case "es":
		_, err = findSubscription(tx, region, name)
	default:
		err = cloud.Unsupportedf("InvalidParameterValue", "tags of a resource of kind %s", kind)
	}
	return err
}

// AddTagsToResource adds tags or replaces their values.
func (s *Service) AddTagsToResource(ctx context.Context, in *rds.AddTagsToResourceInput) (*rds.AddTagsToResourceOutput, error) {
	arn := aws.ToString(in.ResourceName)
	return &rds.AddTagsToResourceOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		if err := checkResource(tx, region, arn); err != nil {
			return err
		}
		return setTags(tx, region, arn, in.Tags)
	})
}

// RemoveTagsFromResource removes tags by their keys.
func (s *Service) RemoveTagsFromResource(ctx context.Context, in *rds.RemoveTagsFromResourceInput) (*rds.RemoveTagsFromResourceOutput, error) {
	arn := aws.ToString(in.ResourceName)
	return &rds.RemoveTagsFromResourceOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		if err := checkResource(tx, region, arn); err != nil {
			return err
		}
		row, err := tags.Get(tx, region, arn)
		if err != nil || row == nil {
			return err
		}
		for _, key := range in.TagKeys {
			delete(row.Tags, key)
		}
		return tags.Put(tx, region, arn, row)
	})
}

// ListTagsForResource lists a resource's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *rds.ListTagsForResourceInput) (*rds.ListTagsForResourceOutput, error) {
	if err := refuse("ListTagsForResource", map[string]bool{"Filters": len(in.Filters) > 0}); err != nil {
		return nil, err
	}
	out := &rds.ListTagsForResourceOutput{}
	return out, s.view(ctx, func(tx *cloud.Tx, region string) error {
		arn := aws.ToString(in.ResourceName)
		if err := checkResource(tx, region, arn); err != nil {
			return err
		}
		var err error
		out.TagList, err = tagList(tx, region, arn)
		return err
	})
}
