package wafv2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"

	"haven/lab/cloud"
)

// protected lists the resources of a web ACL.
func protected(tx *cloud.Tx, region, acl string) ([]string, error) {
	all, err := associations.List(tx, region)
	resources := []string{}
	for _, a := range all {
		if a.ACL == acl {
			resources = append(resources, a.Resource)
		}
	}
	return resources, err
}

// AssociateWebACL says that a web ACL protects a resource, instead of the one before.
func (s *Service) AssociateWebACL(ctx context.Context, in *wafv2.AssociateWebACLInput) (*wafv2.AssociateWebACLOutput, error) {
	region, resource := cloud.RegionOf(ctx), aws.ToString(in.ResourceArn)
	return &wafv2.AssociateWebACLOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		if _, err := find(tx, region, in.WebACLArn); err != nil {
			return err
		}
		return associations.Put(tx, region, resource, &association{Resource: resource, ACL: *in.WebACLArn})
	})
}

// DisassociateWebACL ends a resource's protection; a missing one is no error.
func (s *Service) DisassociateWebACL(ctx context.Context, in *wafv2.DisassociateWebACLInput) (*wafv2.DisassociateWebACLOutput, error) {
	return &wafv2.DisassociateWebACLOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		return associations.Delete(tx, cloud.RegionOf(ctx), aws.ToString(in.ResourceArn))
	})
}

// GetWebACLForResource returns the web ACL that protects a resource, if one does.
func (s *Service) GetWebACLForResource(ctx context.Context, in *wafv2.GetWebACLForResourceInput) (*wafv2.GetWebACLForResourceOutput, error) {
	out := &wafv2.GetWebACLForResourceOutput{}
	return out, s.store.View(func(tx *cloud.Tx) error {
		a, err := associations.Get(tx, cloud.RegionOf(ctx), aws.ToString(in.ResourceArn))
		if err != nil || a == nil {
			return err
		}
		found, err := find(tx, cloud.RegionOf(ctx), &a.ACL)
		if err == nil {
			out.WebACL = &found.ACL
		}
		return err
	})
}

// ListResourcesForWebACL returns what a web ACL protects.
func (s *Service) ListResourcesForWebACL(ctx context.Context, in *wafv2.ListResourcesForWebACLInput) (*wafv2.ListResourcesForWebACLOutput, error) {
	if in.ResourceType != "" && in.ResourceType != "APPLICATION_LOAD_BALANCER" {
		return nil, cloud.Unsupportedf("WAFInvalidOperationException", "resources of the type %s", in.ResourceType)
	}
	out := &wafv2.ListResourcesForWebACLOutput{}
	return out, s.store.View(func(tx *cloud.Tx) (err error) {
		if _, err := find(tx, cloud.RegionOf(ctx), in.WebACLArn); err != nil {
			return err
		}
		out.ResourceArns, err = protected(tx, cloud.RegionOf(ctx), *in.WebACLArn)
		return err
	})
}

// PutLoggingConfiguration says where a web ACL would log.
func (s *Service) PutLoggingConfiguration(ctx context.Context, in *wafv2.PutLoggingConfigurationInput) (*wafv2.PutLoggingConfigurationOutput, error) {
	err := s.change(ctx, in.LoggingConfiguration.ResourceArn, func(w *webACL) error { w.Logging = in.LoggingConfiguration; return nil })
	return &wafv2.PutLoggingConfigurationOutput{LoggingConfiguration: in.LoggingConfiguration}, err
}

// GetLoggingConfiguration tells where a web ACL would log.
func (s *Service) GetLoggingConfiguration(ctx context.Context, in *wafv2.GetLoggingConfigurationInput) (*wafv2.GetLoggingConfigurationOutput, error) {
	_, _ = in.LogScope, in.LogType // a web ACL has one configuration
	out := &wafv2.GetLoggingConfigurationOutput{}
	return out, s.store.View(func(tx *cloud.Tx) error {
		found, err := find(tx, cloud.RegionOf(ctx), in.ResourceArn)
		if err != nil {
			return err
		}
		if found.Logging == nil {
			return errMissing
		}
		out.LoggingConfiguration = found.Logging
		return nil
	})
}

// DeleteLoggingConfiguration ends a web ACL's logging.
func (s *Service) DeleteLoggingConfiguration(ctx context.Context, in *wafv2.DeleteLoggingConfigurationInput) (*wafv2.DeleteLoggingConfigurationOutput, error) {
	_, _ = in.LogScope, in.LogType // a web ACL has one configuration
	return &wafv2.DeleteLoggingConfigurationOutput{}, s.change(ctx, in.ResourceArn, func(w *webACL) error {
		if w.Logging == nil {
			return errMissing
		}
		w.Logging = nil
		return nil
	})
}
