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

// tagged finds the tags of a parameter or a document, and how to keep what holds them.
func tagged(tx *cloud.Tx, region string, kind types.ResourceTypeForTagging, id string) (tags *[]types.Tag, keep func() error, err error) {
	missing := func(err error) error {
		if err != nil && !cloud.HasCode(err, "InvalidDocument") {
			return err
		}
		return cloud.Errorf("InvalidResourceId", "The resource ID is not valid: there is no %s %s.", strings.ToLower(string(kind)), id)
	}
	switch kind {
	case types.ResourceTypeForTaggingParameter:
		p, err := parameters.Get(tx, region, nameOf(region, id))
		if err != nil || p == nil {
			return nil, nil, missing(err)
		}
		return &p.Tags, func() error { return parameters.Put(tx, region, p.Name, p) }, nil
	case types.ResourceTypeForTaggingDocument:
		d, err := findDocument(tx, region, id)
		if err != nil {
			return nil, nil, missing(err)
		}
		return &d.Tags, func() error { return documents.Put(tx, region, d.Name, d) }, nil
	}
	return nil, nil, cloud.Unsupportedf("InvalidResourceType", "tags of resources of type %s", kind)
}

func (s *Service) change(ctx context.Context, kind types.ResourceTypeForTagging, id string, apply func(tags []types.Tag) ([]types.Tag, error)) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		tags, keep, err := tagged(tx, cloud.RegionOf(ctx), kind, id)
		if err != nil {
			return err
		}
		if *tags, err = apply(*tags); err != nil {
			return err
		}
		return keep()
	})
}

// AddTagsToResource adds tags to a parameter or a document.
func (s *Service) AddTagsToResource(ctx context.Context, in *ssm.AddTagsToResourceInput) (*ssm.AddTagsToResourceOutput, error) {
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	return &ssm.AddTagsToResourceOutput{}, s.change(ctx, in.ResourceType, *in.ResourceId, func(tags []types.Tag) ([]types.Tag, error) {
		for _, tag := range in.Tags {
			tags = slices.DeleteFunc(tags, func(t types.Tag) bool { return *t.Key == *tag.Key })
			tags = append(tags, tag)
		}
		if len(tags) > maxTags {
			return nil, cloud.Errorf("TooManyTagsError", "A resource has at most %d tags.", maxTags)
		}
		return tags, nil
	})
}

// RemoveTagsFromResource removes tags from a parameter or a document.
func (s *Service) RemoveTagsFromResource(ctx context.Context, in *ssm.RemoveTagsFromResourceInput) (*ssm.RemoveTagsFromResourceOutput, error) {
	return &ssm.RemoveTagsFromResourceOutput{}, s.change(ctx, in.ResourceType, *in.ResourceId, func(tags []types.Tag) ([]types.Tag, error) {
		return slices.DeleteFunc(tags, func(t types.Tag) bool { return slices.Contains(in.TagKeys, *t.Key) }), nil
	})
}

// ListTagsForResource lists the tags of a parameter or a document.
func (s *Service) ListTagsForResource(ctx context.Context, in *ssm.ListTagsForResourceInput) (*ssm.ListTagsForResourceOutput, error) {
	out := &ssm.ListTagsForResourceOutput{TagList: []types.Tag{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		tags, _, err := tagged(tx, cloud.RegionOf(ctx), in.ResourceType, *in.ResourceId)
		if err == nil {
			out.TagList = append(out.TagList, *tags...)
		}
		return err
	})
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
