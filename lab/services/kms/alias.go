package kms

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"haven/lab/cloud"
)

func checkAliasName(name string) error {
	switch {
	case !strings.HasPrefix(name, "alias/") || name == "alias/":
		return cloud.Errorf("ValidationException", "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html")
	case strings.HasPrefix(name, "alias/aws/"):
		return cloud.Errorf("NotAuthorizedException", "Aliases that begin with alias/aws/ are AWS's own.")
	}
	return nil
}

// CreateAlias names a key.
func (s *Service) CreateAlias(ctx context.Context, in *kms.CreateAliasInput) (*kms.CreateAliasOutput, error) {
	name, region := aws.ToString(in.AliasName), cloud.RegionOf(ctx)
	if err := checkAliasName(name); err != nil {
		return nil, err
	}
	return &kms.CreateAliasOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		if existing, err := aliases.Get(tx, region, name); err != nil {
			return err
		} else if existing != nil {
			return cloud.Errorf("AlreadyExistsException", "An alias with the name %s already exists", existing.arn(region))
		}
		target, err := aliasTarget(tx, region, in.TargetKeyId)
		if err != nil {
			return err
		}
		now := time.Now().UTC()
		return aliases.Put(tx, region, name, &alias{Name: name, KeyID: target.ID, Created: now, Updated: now})
	})
}

func aliasTarget(tx *cloud.Tx, region string, ref *string) (*key, error) {
	target, err := find(tx, region, aws.ToString(ref))
	if err != nil {
		return nil, err
	}
	if target.State == types.KeyStatePendingDeletion {
		return nil, target.stateError()
	}
	if target.Region != region {
		return nil, cloud.Errorf("NotFoundException", "An alias and its key are in one region; %s is not in %s.", target.arn(), region)
	}
	return target, nil
}

// UpdateAlias points an alias at another key.
func (s *Service) UpdateAlias(ctx context.Context, in *kms.UpdateAliasInput) (*kms.UpdateAliasOutput, error) {
	name, region := aws.ToString(in.AliasName), cloud.RegionOf(ctx)
	return &kms.UpdateAliasOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		existing, err := existingAlias(tx, region, name)
		if err != nil {
			return err
		}
		target, err := aliasTarget(tx, region, in.TargetKeyId)
		if err != nil {
			return err
		}
		existing.KeyID, existing.Updated = target.ID, time.Now().UTC()
		return aliases.Put(tx, region, name, existing)
	})
}

func existingAlias(tx *cloud.Tx, region, name string) (*alias, error) {
	existing, err := aliases.Get(tx, region, name)
	if err == nil && existing == nil {
		err = cloud.Errorf("NotFoundException", "Alias %s is not found.", cloud.ARN("kms", region, name))
	}
	return existing, err
}

// DeleteAlias removes a name; the key stays.
func (s *Service) DeleteAlias(ctx context.Context, in *kms.DeleteAliasInput) (*kms.DeleteAliasOutput, error) {
	name, region := aws.ToString(in.AliasName), cloud.RegionOf(ctx)
	return &kms.DeleteAliasOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		if _, err := existingAlias(tx, region, name); err != nil {
			return err
		}
		return aliases.Delete(tx, region, name)
	})
}

// ListAliases returns the region's aliases, or those of one key.
func (s *Service) ListAliases(ctx context.Context, in *kms.ListAliasesInput) (*kms.ListAliasesOutput, error) {
	region := cloud.RegionOf(ctx)
	var entries []types.AliasListEntry
	err := s.store.View(func(tx *cloud.Tx) error {
		only := ""
		if in.KeyId != nil {
			found, err := find(tx, region, *in.KeyId)
			if err != nil {
				return err
			}
			only = found.ID
		}
		all, err := aliases.List(tx, region)
		for _, a := range all {
			if only == "" || only == a.KeyID {
				entries = append(entries, types.AliasListEntry{
					AliasName: aws.String(a.Name), AliasArn: aws.String(a.arn(region)), TargetKeyId: aws.String(a.KeyID),
					CreationDate: &a.Created, LastUpdatedDate: &a.Updated,
				})
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	page, next, err := cloud.Page(entries, func(e types.AliasListEntry) string { return *e.AliasName }, aws.ToString(in.Marker), limit(in.Limit))
	if err != nil {
		return nil, cloud.Errorf("InvalidMarkerException", "%v", err)
	}
	return &kms.ListAliasesOutput{Aliases: page, Truncated: next != "", NextMarker: marker(next)}, nil
}
