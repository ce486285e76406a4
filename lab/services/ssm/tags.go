package ssm

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"haven/lab/cloud"
)

const (
	maxTags   = 50
	maxLabels = 10
)

func checkTags(tags []types.Tag) error {
	seen := map[string]bool{}
	for _, tag := range tags {
		key := aws.ToString(tag.Key)
		if strings.HasPrefix(strings.ToLower(key), "aws:") || seen[key] {
			return cloud.Errorf("ValidationException", "The tag key %q is reserved or given twice.", key)
		}
		seen[key] = true
	}
	return nil
}

// change changes the parameter that a tag operation names.
func (s *Service) change(ctx context.Context, kind types.ResourceTypeForTagging, id string, apply func(p *parameter) error) error {
	if kind != types.ResourceTypeForTaggingParameter {
		return cloud.Unsupportedf("InvalidResourceType", "tags of resources of type %s", kind)
	}
	region := cloud.RegionOf(ctx)
	return s.store.Update(func(tx *cloud.Tx) error {
		p, err := parameters.Get(tx, region, nameOf(region, id))
		if err != nil {
			return err
		}
		if p == nil {
			return cloud.Errorf("InvalidResourceId", "The resource ID is not valid: there is no parameter %s.", id)
		}
		if err := apply(p); err != nil {
			return err
		}
		return parameters.Put(tx, region, p.Name, p)
	})
}

// AddTagsToResource adds tags to a parameter.
func (s *Service) AddTagsToResource(ctx context.Context, in *ssm.AddTagsToResourceInput) (*ssm.AddTagsToResourceOutput, error) {
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	return &ssm.AddTagsToResourceOutput{}, s.change(ctx, in.ResourceType, *in.ResourceId, func(p *parameter) error {
		for _, tag := range in.Tags {
			p.Tags = slices.DeleteFunc(p.Tags, func(t types.Tag) bool { return *t.Key == *tag.Key })
			p.Tags = append(p.Tags, tag)
		}
		if len(p.Tags) > maxTags {
			return cloud.Errorf("TooManyTagsError", "A resource has at most %d tags.", maxTags)
		}
		return nil
	})
}

// RemoveTagsFromResource removes tags from a parameter.
func (s *Service) RemoveTagsFromResource(ctx context.Context, in *ssm.RemoveTagsFromResourceInput) (*ssm.RemoveTagsFromResourceOutput, error) {
	return &ssm.RemoveTagsFromResourceOutput{}, s.change(ctx, in.ResourceType, *in.ResourceId, func(p *parameter) error {
		p.Tags = slices.DeleteFunc(p.Tags, func(t types.Tag) bool { return slices.Contains(in.TagKeys, *t.Key) })
		return nil
	})
}

// ListTagsForResource lists a parameter's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *ssm.ListTagsForResourceInput) (*ssm.ListTagsForResourceOutput, error) {
	if in.ResourceType != types.ResourceTypeForTaggingParameter {
		return nil, cloud.Unsupportedf("InvalidResourceType", "tags of resources of type %s", in.ResourceType)
	}
	region := cloud.RegionOf(ctx)
	out := &ssm.ListTagsForResourceOutput{TagList: []types.Tag{}}
	err := s.store.View(func(tx *cloud.Tx) error {
		p, err := parameters.Get(tx, region, nameOf(region, *in.ResourceId))
		if err == nil && p == nil {
			err = cloud.Errorf("InvalidResourceId", "The resource ID is not valid: there is no parameter %s.", *in.ResourceId)
		}
		if err == nil {
			out.TagList = append(out.TagList, p.Tags...)
		}
		return err
	})
	return out, err
}

var goodLabel = regexp.MustCompile(`^[a-zA-Z0-9_.\-]{1,100}$`)

func isGoodLabel(label string) bool {
	lower := strings.ToLower(label)
	return goodLabel.MatchString(label) && !strings.HasPrefix(lower, "aws") && !strings.HasPrefix(lower, "ssm") && (label[0] < '0' || label[0] > '9')
}

// LabelParameterVersion names a version; a label moves away from the version that had it.
func (s *Service) LabelParameterVersion(ctx context.Context, in *ssm.LabelParameterVersionInput) (*ssm.LabelParameterVersionOutput, error) {
	region := cloud.RegionOf(ctx)
	out := &ssm.LabelParameterVersionOutput{InvalidLabels: []string{}}
	return out, s.store.Update(func(tx *cloud.Tx) error {
		p, err := parameters.Get(tx, region, nameOf(region, *in.Name))
		if err == nil && p == nil {
			err = notFound(*in.Name)
		}
		if err != nil {
			return err
		}
		wanted := p.latest().Number
		if in.ParameterVersion != nil {
			wanted = *in.ParameterVersion
		}
		at := slices.IndexFunc(p.Versions, func(v version) bool { return v.Number == wanted })
		if at < 0 {
			return cloud.Errorf("ParameterVersionNotFound", "Systems Manager could not find version %d of %s.", wanted, p.Name)
		}
		out.ParameterVersion = wanted
		for _, label := range in.Labels {
			if !isGoodLabel(label) {
				out.InvalidLabels = append(out.InvalidLabels, label)
				continue
			}
			for i := range p.Versions {
				p.Versions[i].Labels = slices.DeleteFunc(p.Versions[i].Labels, func(l string) bool { return l == label })
			}
			p.Versions[at].Labels = append(p.Versions[at].Labels, label)
		}
		if len(p.Versions[at].Labels) > maxLabels {
			return cloud.Errorf("ParameterVersionLabelLimitExceeded", "A parameter version has at most %d labels.", maxLabels)
		}
		return parameters.Put(tx, region, p.Name, p)
	})
}
