package networkfirewall

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"

	"haven/lab/cloud"
)

// onObject lets f see the object behind an ARN, and stores it when f says so.
func onObject(tx *cloud.Tx, region, arn string, f func(*object) (store bool)) error {
	switch resource := arn[strings.LastIndexByte(arn, ':')+1:]; {
	case strings.HasPrefix(resource, "firewall/"):
		found, err := findFirewall(tx, region, nil, &arn)
		if err != nil || !f(&found.object) {
			return err
		}
		return firewalls.Put(tx, region, found.Name, found)
	case strings.HasPrefix(resource, "firewall-policy/"):
		found, err := findPolicy(tx, region, nil, &arn)
		if err != nil || !f(&found.object) {
			return err
		}
		return policies.Put(tx, region, found.Name, found)
	case strings.HasPrefix(resource, "stateful-rulegroup/"):
		found, err := findRuleGroup(tx, region, nil, &arn)
		if err != nil || !f(&found.object) {
			return err
		}
		return ruleGroups.Put(tx, region, found.Name, found)
	}
	return missing("resource", arn)
}

// TagResource adds tags.
func (s *Service) TagResource(ctx context.Context, in *networkfirewall.TagResourceInput) (*networkfirewall.TagResourceOutput, error) {
	return &networkfirewall.TagResourceOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		return onObject(tx, cloud.RegionOf(ctx), aws.ToString(in.ResourceArn), func(o *object) bool { o.tag(in.Tags); return true })
	})
}

// UntagResource removes tags.
func (s *Service) UntagResource(ctx context.Context, in *networkfirewall.UntagResourceInput) (*networkfirewall.UntagResourceOutput, error) {
	return &networkfirewall.UntagResourceOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		return onObject(tx, cloud.RegionOf(ctx), aws.ToString(in.ResourceArn), func(o *object) bool {
			for _, name := range in.TagKeys {
				delete(o.Tags, name)
			}
			return true
		})
	})
}

// ListTagsForResource returns tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *networkfirewall.ListTagsForResourceInput) (*networkfirewall.ListTagsForResourceOutput, error) {
	out := &networkfirewall.ListTagsForResourceOutput{}
	_, _ = in.MaxResults, in.NextToken // 50 tags at most: always one page
	return out, s.store.View(func(tx *cloud.Tx) error {
		return onObject(tx, cloud.RegionOf(ctx), aws.ToString(in.ResourceArn), func(o *object) bool { out.Tags = o.tags(); return false })
	})
}
