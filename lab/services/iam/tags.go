package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"haven/lab/cloud"
)

const maxTags = 50

// withTags returns tags with others added, which replace those of the same key.
func withTags(tags, added []types.Tag) ([]types.Tag, error) {
	merged := slices.Clone(tags)
	for _, tag := range added {
		if strings.HasPrefix(strings.ToLower(aws.ToString(tag.Key)), "aws:") {
			return nil, cloud.Errorf("InvalidInput", "Tag keys beginning with aws: are reserved.")
		}
		same := func(t types.Tag) bool { return aws.ToString(t.Key) == aws.ToString(tag.Key) }
		if at := slices.IndexFunc(merged, same); at >= 0 {
			merged[at] = tag
			continue
		}
		merged = append(merged, tag)
	}
	if len(merged) > maxTags {
		return nil, cloud.Errorf("LimitExceeded", "The number of tags has reached the maximum limit of %d.", maxTags)
	}
	slices.SortFunc(merged, func(a, b types.Tag) int { return strings.Compare(aws.ToString(a.Key), aws.ToString(b.Key)) })
	return merged, nil
}

func withoutTags(tags []types.Tag, keys []string) []types.Tag {
	return slices.DeleteFunc(slices.Clone(tags), func(t types.Tag) bool { return slices.Contains(keys, aws.ToString(t.Key)) })
}

func pageOfTags(tags []types.Tag, marker *string, limit *int32) (listing[types.Tag], error) {
	return page(tags, func(t types.Tag) string { return *t.Key }, marker, limit)
}

// TagRole adds tags.
func (s *Service) TagRole(_ context.Context, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	return &iam.TagRoleOutput{}, change(s, roles, "role", in.RoleName, func(_ *cloud.Tx, r *role) (err error) {
		r.Tags, err = withTags(r.Tags, in.Tags)
		return err
	})
}

// UntagRole removes tags.
func (s *Service) UntagRole(_ context.Context, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	return &iam.UntagRoleOutput{}, change(s, roles, "role", in.RoleName, func(_ *cloud.Tx, r *role) error {
		r.Tags = withoutTags(r.Tags, in.TagKeys)
		return nil
	})
}

// ListRoleTags lists tags.
func (s *Service) ListRoleTags(_ context.Context, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
	out := &iam.ListRoleTagsOutput{}
	err := read(s, roles, "role", in.RoleName, func(_ *cloud.Tx, r *role) error {
		listed, err := pageOfTags(r.Tags, in.Marker, in.MaxItems)
		out.Tags, out.Marker, out.IsTruncated = listed.rows, listed.marker, listed.more
		return err
	})
	return out, err
}

// TagUser adds tags.
func (s *Service) TagUser(_ context.Context, in *iam.TagUserInput) (*iam.TagUserOutput, error) {
	return &iam.TagUserOutput{}, change(s, users, "user", in.UserName, func(_ *cloud.Tx, u *user) (err error) {
		u.Tags, err = withTags(u.Tags, in.Tags)
		return err
	})
}

// UntagUser removes tags.
func (s *Service) UntagUser(_ context.Context, in *iam.UntagUserInput) (*iam.UntagUserOutput, error) {
	return &iam.UntagUserOutput{}, change(s, users, "user", in.UserName, func(_ *cloud.Tx, u *user) error {
		u.Tags = withoutTags(u.Tags, in.TagKeys)
		return nil
	})
}

// ListUserTags lists tags.
func (s *Service) ListUserTags(_ context.Context, in *iam.ListUserTagsInput) (*iam.ListUserTagsOutput, error) {
	out := &iam.ListUserTagsOutput{}
	err := read(s, users, "user", in.UserName, func(_ *cloud.Tx, u *user) error {
		listed, err := pageOfTags(u.Tags, in.Marker, in.MaxItems)
		out.Tags, out.Marker, out.IsTruncated = listed.rows, listed.marker, listed.more
		return err
	})
	return out, err
}

// TagInstanceProfile adds tags.
func (s *Service) TagInstanceProfile(_ context.Context, in *iam.TagInstanceProfileInput) (*iam.TagInstanceProfileOutput, error) {
	return &iam.TagInstanceProfileOutput{}, change(s, profiles, kindProfile, in.InstanceProfileName, func(_ *cloud.Tx, p *profile) (err error) {
		p.Tags, err = withTags(p.Tags, in.Tags)
		return err
	})
}

// UntagInstanceProfile removes tags.
func (s *Service) UntagInstanceProfile(_ context.Context, in *iam.UntagInstanceProfileInput) (*iam.UntagInstanceProfileOutput, error) {
	return &iam.UntagInstanceProfileOutput{}, change(s, profiles, kindProfile, in.InstanceProfileName, func(_ *cloud.Tx, p *profile) error {
		p.Tags = withoutTags(p.Tags, in.TagKeys)
		return nil
	})
}

// ListInstanceProfileTags lists tags.
func (s *Service) ListInstanceProfileTags(_ context.Context, in *iam.ListInstanceProfileTagsInput) (*iam.ListInstanceProfileTagsOutput, error) {
	out := &iam.ListInstanceProfileTagsOutput{}
	err := read(s, profiles, kindProfile, in.InstanceProfileName, func(_ *cloud.Tx, p *profile) error {
		listed, err := pageOfTags(p.Tags, in.Marker, in.MaxItems)
		out.Tags, out.Marker, out.IsTruncated = listed.rows, listed.marker, listed.more
		return err
	})
	return out, err
}

// TagPolicy adds tags.
func (s *Service) TagPolicy(_ context.Context, in *iam.TagPolicyInput) (*iam.TagPolicyOutput, error) {
	return &iam.TagPolicyOutput{}, s.changePolicy(in.PolicyArn, func(_ *cloud.Tx, p *managed) (err error) {
		p.Tags, err = withTags(p.Tags, in.Tags)
		return err
	})
}

// UntagPolicy removes tags.
func (s *Service) UntagPolicy(_ context.Context, in *iam.UntagPolicyInput) (*iam.UntagPolicyOutput, error) {
	return &iam.UntagPolicyOutput{}, s.changePolicy(in.PolicyArn, func(_ *cloud.Tx, p *managed) error {
		p.Tags = withoutTags(p.Tags, in.TagKeys)
		return nil
	})
}

// ListPolicyTags lists tags.
func (s *Service) ListPolicyTags(_ context.Context, in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
	out := &iam.ListPolicyTagsOutput{}
	err := s.viewPolicy(in.PolicyArn, func(_ *cloud.Tx, p *managed) error {
		listed, err := pageOfTags(p.Tags, in.Marker, in.MaxItems)
		out.Tags, out.Marker, out.IsTruncated = listed.rows, listed.marker, listed.more
		return err
	})
	return out, err
}
