package wafv2

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"haven/lab/cloud"
)

// webACL is one row, by its ARN.
type webACL struct {
	ACL     types.WebACL
	Scope   types.Scope
	Token   string // the lock token: a change needs the newest one
	Tags    map[string]string
	Logging *types.LoggingConfiguration
}

// association says which web ACL protects a resource, by the resource's ARN.
type association struct{ Resource, ACL string }

var (
	webACLs      = cloud.NewTable[webACL]("wafv2.webacls")
	associations = cloud.NewTable[association]("wafv2.associations")
)

// Service answers WAF's API.
type Service struct{ store *cloud.Store }

// New returns the service over the lab's store.
func New(store *cloud.Store) *Service { return &Service{store: store} }

var errMissing = cloud.Errorf("WAFNonexistentItemException", "AWS WAF couldn't perform the operation because your resource doesn't exist.")

func find(tx *cloud.Tx, region string, arn *string) (*webACL, error) {
	found, err := webACLs.Get(tx, region, aws.ToString(arn))
	if err == nil && found == nil {
		err = errMissing
	}
	return found, err
}

func findByID(tx *cloud.Tx, region string, scope types.Scope, name, id *string) (*webACL, error) {
	all, err := webACLs.List(tx, region)
	if err != nil {
		return nil, err
	}
	for _, acl := range all {
		if aws.ToString(acl.ACL.Id) == aws.ToString(id) && aws.ToString(acl.ACL.Name) == aws.ToString(name) && acl.Scope == scope {
			return acl, nil
		}
	}
	return nil, errMissing
}

func (w *webACL) put(tx *cloud.Tx, region string) error {
	return webACLs.Put(tx, region, *w.ACL.ARN, w)
}

func (w *webACL) checkToken(token *string) error {
	if aws.ToString(token) != w.Token {
		return cloud.Errorf("WAFOptimisticLockException", "AWS WAF couldn't save your changes because someone changed the resource after you started to edit it. Reapply your changes.")
	}
	return nil
}

func (w *webACL) summary() *types.WebACLSummary {
	return &types.WebACLSummary{ARN: w.ACL.ARN, Id: w.ACL.Id, Name: w.ACL.Name, Description: w.ACL.Description, LockToken: aws.String(w.Token)}
}

// capacity counts a unit a rule. AWS's own arithmetic depends on each statement; the lab has one rule that is never
// smaller than nothing (https://docs.aws.amazon.com/waf/latest/developerguide/aws-waf-capacity-units.html).
func capacity(rules []types.Rule) int64 { return int64(len(rules)) }

func checkRules(rules []types.Rule) error {
	names, priorities := map[string]bool{}, map[int32]bool{}
	for _, rule := range rules {
		name := aws.ToString(rule.Name)
		switch {
		case names[name]:
			return cloud.Errorf("WAFDuplicateItemException", "Two rules have the name %s.", name)
		case priorities[rule.Priority]:
			return cloud.Errorf("WAFInvalidParameterException", "Error reason: Two rules have the priority %d, field: RULE, parameter: %s", rule.Priority, name)
		case (rule.Action == nil) == (rule.OverrideAction == nil):
			return cloud.Errorf("WAFInvalidParameterException", "Error reason: A rule has either an action or an override action, field: RULE, parameter: %s", name)
		}
		names[name], priorities[rule.Priority] = true, true
	}
	return nil
}

// CreateWebACL keeps a web ACL.
func (s *Service) CreateWebACL(ctx context.Context, in *wafv2.CreateWebACLInput) (*wafv2.CreateWebACLOutput, error) {
	region := cloud.RegionOf(ctx)
	if in.Scope == types.ScopeCloudfront && region != "us-east-1" {
		return nil, cloud.Errorf("WAFInvalidParameterException", "Error reason: The scope CLOUDFRONT is in us-east-1 only, field: SCOPE_VALUE, parameter: CLOUDFRONT")
	}
	if err := checkRules(in.Rules); err != nil {
		return nil, err
	}
	id, place := cloud.NewUUID(), "regional"
	if in.Scope == types.ScopeCloudfront {
		place = "global"
	}
	made := &webACL{Scope: in.Scope, Token: cloud.NewUUID(), Tags: map[string]string{}, ACL: types.WebACL{
		ARN: aws.String(cloud.ARN("wafv2", region, place+"/webacl/"+aws.ToString(in.Name)+"/"+id)), Id: &id, Name: in.Name, DefaultAction: in.DefaultAction,
		VisibilityConfig: in.VisibilityConfig, Description: in.Description, Rules: in.Rules, Capacity: capacity(in.Rules), TokenDomains: in.TokenDomains,
		AssociationConfig: in.AssociationConfig, CaptchaConfig: in.CaptchaConfig, ChallengeConfig: in.ChallengeConfig, CustomResponseBodies: in.CustomResponseBodies,
		LabelNamespace: aws.String("awswaf:" + cloud.Account + ":webacl:" + aws.ToString(in.Name) + ":"),
	}}
	addTags(made, in.Tags)
	err := s.store.Update(func(tx *cloud.Tx) error {
		all, err := webACLs.List(tx, region)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(w *webACL) bool { return w.Scope == made.Scope && *w.ACL.Name == *made.ACL.Name }) {
			return cloud.Errorf("WAFDuplicateItemException", "AWS WAF couldn't perform the operation because some resource in your request is a duplicate of an existing one: %s", *in.Name)
		}
		return made.put(tx, region)
	})
	if err != nil {
		return nil, err
	}
	return &wafv2.CreateWebACLOutput{Summary: made.summary()}, nil
}

// GetWebACL returns a web ACL by ARN, or by name, id and scope.
func (s *Service) GetWebACL(ctx context.Context, in *wafv2.GetWebACLInput) (out *wafv2.GetWebACLOutput, err error) {
	err = s.store.View(func(tx *cloud.Tx) (err error) {
		var found *webACL
		if in.ARN != nil {
			found, err = find(tx, cloud.RegionOf(ctx), in.ARN)
		} else {
			found, err = findByID(tx, cloud.RegionOf(ctx), in.Scope, in.Name, in.Id)
		}
		if err == nil {
			out = &wafv2.GetWebACLOutput{WebACL: &found.ACL, LockToken: aws.String(found.Token)}
		}
		return err
	})
	return out, err
}

// UpdateWebACL replaces all settings of a web ACL.
func (s *Service) UpdateWebACL(ctx context.Context, in *wafv2.UpdateWebACLInput) (out *wafv2.UpdateWebACLOutput, err error) {
	if err := checkRules(in.Rules); err != nil {
		return nil, err
	}
	region := cloud.RegionOf(ctx)
	err = s.store.Update(func(tx *cloud.Tx) error {
		found, err := findByID(tx, region, in.Scope, in.Name, in.Id)
		if err != nil {
			return err
		}
		if err := found.checkToken(in.LockToken); err != nil {
			return err
		}
		acl := &found.ACL
		acl.DefaultAction, acl.VisibilityConfig, acl.Description, acl.Rules, acl.Capacity = in.DefaultAction, in.VisibilityConfig, in.Description, in.Rules, capacity(in.Rules)
		acl.TokenDomains, acl.AssociationConfig, acl.CaptchaConfig, acl.ChallengeConfig, acl.CustomResponseBodies = in.TokenDomains, in.AssociationConfig, in.CaptchaConfig, in.ChallengeConfig, in.CustomResponseBodies
		found.Token = cloud.NewUUID()
		out = &wafv2.UpdateWebACLOutput{NextLockToken: aws.String(found.Token)}
		return found.put(tx, region)
	})
	return out, err
}

// DeleteWebACL forgets a web ACL that protects nothing.
func (s *Service) DeleteWebACL(ctx context.Context, in *wafv2.DeleteWebACLInput) (*wafv2.DeleteWebACLOutput, error) {
	region := cloud.RegionOf(ctx)
	return &wafv2.DeleteWebACLOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		found, err := findByID(tx, region, in.Scope, in.Name, in.Id)
		if err != nil {
			return err
		}
		if err := found.checkToken(in.LockToken); err != nil {
			return err
		}
		resources, err := protected(tx, region, *found.ACL.ARN)
		if err != nil {
			return err
		}
		if len(resources) > 0 {
			return cloud.Errorf("WAFAssociatedItemException", "AWS WAF couldn't perform the operation because your resource is being used by %s.", strings.Join(resources, ", "))
		}
		return webACLs.Delete(tx, region, *found.ACL.ARN)
	})
}

// ListWebACLs returns a scope's web ACLs.
func (s *Service) ListWebACLs(ctx context.Context, in *wafv2.ListWebACLsInput) (*wafv2.ListWebACLsOutput, error) {
	var all []*webACL
	err := s.store.View(func(tx *cloud.Tx) error {
		rows, err := webACLs.List(tx, cloud.RegionOf(ctx))
		for _, row := range rows {
			if row.Scope == in.Scope {
				all = append(all, row)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	most := 100
	if in.Limit != nil {
		most = int(*in.Limit)
	}
	page, next, err := cloud.Page(all, func(w *webACL) string { return *w.ACL.ARN }, aws.ToString(in.NextMarker), most)
	if err != nil {
		return nil, cloud.Errorf("WAFInvalidParameterException", "NextMarker: %v", err)
	}
	out := &wafv2.ListWebACLsOutput{WebACLs: []types.WebACLSummary{}}
	if next != "" {
		out.NextMarker = &next
	}
	for _, w := range page {
		out.WebACLs = append(out.WebACLs, *w.summary())
	}
	return out, nil
}

func addTags(w *webACL, tags []types.Tag) {
	for _, tag := range tags {
		w.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
}

// change applies one change to a web ACL.
func (s *Service) change(ctx context.Context, arn *string, apply func(*webACL) error) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		found, err := find(tx, cloud.RegionOf(ctx), arn)
		if err != nil {
			return err
		}
		if err := apply(found); err != nil {
			return err
		}
		return found.put(tx, cloud.RegionOf(ctx))
	})
}

// TagResource adds tags.
func (s *Service) TagResource(ctx context.Context, in *wafv2.TagResourceInput) (*wafv2.TagResourceOutput, error) {
	return &wafv2.TagResourceOutput{}, s.change(ctx, in.ResourceARN, func(w *webACL) error { addTags(w, in.Tags); return nil })
}

// UntagResource removes tags.
func (s *Service) UntagResource(ctx context.Context, in *wafv2.UntagResourceInput) (*wafv2.UntagResourceOutput, error) {
	return &wafv2.UntagResourceOutput{}, s.change(ctx, in.ResourceARN, func(w *webACL) error {
		for _, name := range in.TagKeys {
			delete(w.Tags, name)
		}
		return nil
	})
}

// ListTagsForResource returns tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *wafv2.ListTagsForResourceInput) (*wafv2.ListTagsForResourceOutput, error) {
	_, _ = in.Limit, in.NextMarker // 50 tags at most: always one page
	info := &types.TagInfoForResource{ResourceARN: in.ResourceARN, TagList: []types.Tag{}}
	err := s.store.View(func(tx *cloud.Tx) error {
		found, err := find(tx, cloud.RegionOf(ctx), in.ResourceARN)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(found.Tags)) {
			info.TagList = append(info.TagList, types.Tag{Key: aws.String(name), Value: aws.String(found.Tags[name])})
		}
		return nil
	})
	return &wafv2.ListTagsForResourceOutput{TagInfoForResource: info}, err
}
