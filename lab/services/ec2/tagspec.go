package ec2

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// Limits of tags, https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions.
const (
	maxTags     = 50
	maxTagKey   = 127
	maxTagValue = 255
)

// tagsFrom returns the tags that the specifications give to a resource of one type. A specification for another
// type is an error, as in AWS, unless more types are allowed.
func tagsFrom(specs []types.TagSpecification, resource types.ResourceType, more ...types.ResourceType) (map[string]string, error) {
	tags := map[string]string{}
	for _, spec := range specs {
		if spec.ResourceType != resource && !slices.Contains(more, spec.ResourceType) {
			return nil, cloud.Errorf("InvalidParameterValue",
				"'%s' is not a valid taggable resource type for this operation.", spec.ResourceType)
		}
		if spec.ResourceType != resource {
			continue
		}
		for _, tag := range spec.Tags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
	}
	return tags, checkTags(tags)
}

// checkTags checks what a user gives; tags that AWS itself sets begin with "aws:".
func checkTags(tags map[string]string) error {
	for key, value := range tags {
		switch {
		case key == "":
			return cloud.Errorf("InvalidParameterValue", "Tag key cannot be null or empty")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return cloud.Errorf("InvalidParameterValue",
				"Tag keys starting with 'aws:' are reserved for internal use: '%s'", key)
		case len([]rune(key)) > maxTagKey:
			return cloud.Errorf("InvalidParameterValue",
				"Tag key exceeds the maximum length of %d characters", maxTagKey)
		case len([]rune(value)) > maxTagValue:
			return cloud.Errorf("InvalidParameterValue",
				"Tag value exceeds the maximum length of %d characters", maxTagValue)
		}
	}
	return checkTagCount(tags)
}

func checkTagCount(tags map[string]string) error {
	count := 0
	for key := range tags {
		if !strings.HasPrefix(key, "aws:") {
			count++
		}
	}
	if count > maxTags {
		return cloud.Errorf("TagLimitExceeded", "The maximum number of Tags for a resource is %d", maxTags)
	}
	return nil
}

// tagList returns tags as the API has them, in the order of their keys.
func tagList(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}
