package kms

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"haven/lab/cloud"
)

const maximumTags = 50

func addTags(k *key, tags []types.Tag) error {
	for _, tag := range tags {
		k.Tags[aws.ToString(tag.TagKey)] = aws.ToString(tag.TagValue)
	}
	if len(k.Tags) > maximumTags {
		return cloud.Errorf("LimitExceededException", "A key has at most %d tags; this one would have %d.", maximumTags, len(k.Tags))
	}
	return nil
}

// TagResource adds tags to a key or replaces their values.
func (s *Service) TagResource(ctx context.Context, in *kms.TagResourceInput) (*kms.TagResourceOutput, error) {
	_, err := s.change(ctx, in.KeyId, unlessDeleting(func(k *key) error { return addTags(k, in.Tags) }))
	return &kms.TagResourceOutput{}, err
}

// UntagResource removes tags from a key.
func (s *Service) UntagResource(ctx context.Context, in *kms.UntagResourceInput) (*kms.UntagResourceOutput, error) {
	_, err := s.change(ctx, in.KeyId, unlessDeleting(func(k *key) error {
		for _, name := range in.TagKeys {
			delete(k.Tags, name)
		}
		return nil
	}))
	return &kms.UntagResourceOutput{}, err
}

// ListResourceTags returns a key's tags.
func (s *Service) ListResourceTags(ctx context.Context, in *kms.ListResourceTagsInput) (*kms.ListResourceTagsOutput, error) {
	found, err := s.view(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(found.Tags))
	page, next, err := cloud.Page(names, func(s string) string { return s }, aws.ToString(in.Marker), limit(in.Limit))
	if err != nil {
		return nil, cloud.Errorf("InvalidMarkerException", "%v", err)
	}
	out := &kms.ListResourceTagsOutput{Truncated: next != "", NextMarker: marker(next)}
	for _, name := range page {
		out.Tags = append(out.Tags, types.Tag{TagKey: aws.String(name), TagValue: aws.String(found.Tags[name])})
	}
	return out, nil
}
