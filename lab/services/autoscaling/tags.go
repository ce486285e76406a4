package autoscaling

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

const maximumTags = 50

func (g *group) setTags(tags []types.Tag) {
	for _, t := range tags {
		made := tag{Key: text(t.Key), Value: text(t.Value), Propagate: aws.ToBool(t.PropagateAtLaunch)}
		if i := slices.IndexFunc(g.Tags, func(old tag) bool { return old.Key == made.Key }); i >= 0 {
			g.Tags[i] = made
		} else {
			g.Tags = append(g.Tags, made)
		}
	}
	slices.SortFunc(g.Tags, func(a, b tag) int { return compareText(a.Key, b.Key) })
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (g *group) describeTags() []types.TagDescription {
	tags := []types.TagDescription{}
	for _, t := range g.Tags {
		tags = append(tags, types.TagDescription{
			ResourceId: aws.String(g.Name), ResourceType: aws.String("auto-scaling-group"), Key: aws.String(t.Key), Value: aws.String(t.Value), PropagateAtLaunch: aws.Bool(t.Propagate),
		})
	}
	return tags
}

// byGroup applies tags to the groups that they name.
func (s *Service) byGroup(ctx context.Context, tags []types.Tag, apply func(g *group, t types.Tag)) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		for _, t := range tags {
			if kind := text(t.ResourceType); kind != "" && kind != "auto-scaling-group" {
				return invalid("The resource type %s is not auto-scaling-group", kind)
			}
			found, err := find(tx, cloud.RegionOf(ctx), text(t.ResourceId))
			if err != nil {
				return err
			}
			if apply(found, t); len(found.Tags) > maximumTags {
				return cloud.Errorf("LimitExceeded", "A group has at most %d tags", maximumTags)
			}
			if err := found.put(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// CreateOrUpdateTags adds tags to groups; instances get them when they are launched.
func (s *Service) CreateOrUpdateTags(ctx context.Context, in *autoscaling.CreateOrUpdateTagsInput) (*autoscaling.CreateOrUpdateTagsOutput, error) {
	return &autoscaling.CreateOrUpdateTagsOutput{}, s.byGroup(ctx, in.Tags, func(g *group, t types.Tag) { g.setTags([]types.Tag{t}) })
}

// DeleteTags removes tags from groups.
func (s *Service) DeleteTags(ctx context.Context, in *autoscaling.DeleteTagsInput) (*autoscaling.DeleteTagsOutput, error) {
	return &autoscaling.DeleteTagsOutput{}, s.byGroup(ctx, in.Tags, func(g *group, t types.Tag) {
		g.Tags = slices.DeleteFunc(g.Tags, func(old tag) bool { return old.Key == text(t.Key) })
	})
}
