package secretsmanager

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"haven/lab/cloud"
)

func (s *Service) view(ctx context.Context, ref *string) (found *secret, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		found, err = find(tx, cloud.RegionOf(ctx), aws.ToString(ref))
		return err
	})
	return found, err
}

// DescribeSecret tells everything but the value, also of a secret that is marked for deletion.
func (s *Service) DescribeSecret(ctx context.Context, in *secretsmanager.DescribeSecretInput) (*secretsmanager.DescribeSecretOutput, error) {
	found, err := s.view(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.DescribeSecretOutput{
		ARN: aws.String(found.ARN), Name: aws.String(found.Name), CreatedDate: &found.Created, LastChangedDate: &found.Changed,
		DeletedDate: found.Purge, LastRotatedDate: found.Rotated, Tags: found.tags(), VersionIdsToStages: found.stages(),
		Description: optional(found.Description), KmsKeyId: optional(found.KeyRef), OwningService: optional(found.Owner),
	}
	if found.RotateDays > 0 {
		out.RotationEnabled = aws.Bool(true)
		out.RotationRules = &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(found.RotateDays)}
	}
	return out, nil
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// GetResourcePolicy returns the attached policy, if any.
func (s *Service) GetResourcePolicy(ctx context.Context, in *secretsmanager.GetResourcePolicyInput) (*secretsmanager.GetResourcePolicyOutput, error) {
	found, err := s.view(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	if err := found.live(); err != nil {
		return nil, err
	}
	return &secretsmanager.GetResourcePolicyOutput{ARN: aws.String(found.ARN), Name: aws.String(found.Name), ResourcePolicy: optional(found.Policy)}, nil
}

// ListSecrets returns the region's secrets, by default without those marked for deletion.
func (s *Service) ListSecrets(ctx context.Context, in *secretsmanager.ListSecretsInput) (*secretsmanager.ListSecretsOutput, error) {
	matches, err := filter(in.Filters)
	if err != nil {
		return nil, err
	}
	var all []*secret
	err = s.store.View(func(tx *cloud.Tx) error {
		rows, err := secrets.List(tx, cloud.RegionOf(ctx))
		for _, row := range rows {
			if (row.Deleted == nil || aws.ToBool(in.IncludePlannedDeletion)) && matches(row) {
				all = append(all, row)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	page, next, err := cloud.Page(all, func(s *secret) string { return s.Name }, aws.ToString(in.NextToken), count(in.MaxResults))
	if err != nil {
		return nil, cloud.Errorf("InvalidNextTokenException", "%v", err)
	}
	out := &secretsmanager.ListSecretsOutput{NextToken: optional(next)}
	for _, row := range page {
		out.SecretList = append(out.SecretList, types.SecretListEntry{
			ARN: aws.String(row.ARN), Name: aws.String(row.Name), CreatedDate: &row.Created, LastChangedDate: &row.Changed, DeletedDate: row.Purge,
			Description: optional(row.Description), KmsKeyId: optional(row.KeyRef), OwningService: optional(row.Owner), Tags: row.tags(), SecretVersionsToStages: row.stages(),
		})
	}
	return out, nil
}

func count(n *int32) int {
	if n == nil {
		return 100
	}
	return int(*n)
}

// filter understands the filters name, description, tag-key, tag-value and owning-service, each by prefix.
func filter(filters []types.Filter) (func(*secret) bool, error) {
	for _, f := range filters {
		switch f.Key {
		case types.FilterNameStringTypeName, types.FilterNameStringTypeDescription, types.FilterNameStringTypeTagKey,
			types.FilterNameStringTypeTagValue, types.FilterNameStringTypeOwningService:
		default:
			return nil, cloud.Unsupportedf("InvalidParameterException", "filter %s of ListSecrets", f.Key)
		}
	}
	return func(row *secret) bool {
		for _, f := range filters {
			if !anyPrefix(fields(row, f.Key), f.Values) {
				return false
			}
		}
		return true
	}, nil
}

func fields(row *secret, key types.FilterNameStringType) []string {
	var texts []string
	switch key {
	case types.FilterNameStringTypeName:
		return []string{row.Name}
	case types.FilterNameStringTypeDescription:
		return []string{row.Description}
	case types.FilterNameStringTypeOwningService:
		return []string{row.Owner}
	}
	for name, value := range row.Tags {
		if key == types.FilterNameStringTypeTagKey {
			texts = append(texts, name)
		} else {
			texts = append(texts, value)
		}
	}
	return texts
}

func anyPrefix(texts, prefixes []string) bool {
	for _, text := range texts {
		for _, prefix := range prefixes {
			if strings.HasPrefix(text, prefix) {
				return true
			}
		}
	}
	return false
}

// ListSecretVersionIds returns the versions that have a stage, or all.
func (s *Service) ListSecretVersionIds(ctx context.Context, in *secretsmanager.ListSecretVersionIdsInput) (*secretsmanager.ListSecretVersionIdsOutput, error) {
	found, err := s.view(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	var entries []types.SecretVersionsListEntry
	for _, v := range found.Versions {
		if len(v.Stages) > 0 || aws.ToBool(in.IncludeDeprecated) {
			entries = append(entries, types.SecretVersionsListEntry{VersionId: aws.String(v.ID), VersionStages: v.Stages, CreatedDate: &v.Created, KmsKeyIds: []string{v.KeyARN}})
		}
	}
	order := func(e types.SecretVersionsListEntry) string {
		return e.CreatedDate.Format(time.RFC3339Nano) + *e.VersionId
	}
	page, next, err := cloud.Page(entries, order, aws.ToString(in.NextToken), count(in.MaxResults))
	if err != nil {
		return nil, cloud.Errorf("InvalidNextTokenException", "%v", err)
	}
	return &secretsmanager.ListSecretVersionIdsOutput{ARN: aws.String(found.ARN), Name: aws.String(found.Name), Versions: page, NextToken: optional(next)}, nil
}

// DeleteSecret marks a secret for deletion, or deletes it at once when forced.
func (s *Service) DeleteSecret(ctx context.Context, in *secretsmanager.DeleteSecretInput) (out *secretsmanager.DeleteSecretOutput, err error) {
	force := aws.ToBool(in.ForceDeleteWithoutRecovery)
	days := int64(defaultRecovery)
	if in.RecoveryWindowInDays != nil {
		days = *in.RecoveryWindowInDays
	}
	switch {
	case force && in.RecoveryWindowInDays != nil:
		return nil, cloud.Errorf("InvalidParameterException", "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case days < minimumRecovery || days > defaultRecovery:
		return nil, cloud.Errorf("InvalidParameterException", "The RecoveryWindowInDays value must be between %d and %d days (inclusive).", minimumRecovery, defaultRecovery)
	}
	err = s.store.Update(func(tx *cloud.Tx) error {
		found, err := find(tx, cloud.RegionOf(ctx), aws.ToString(in.SecretId))
		if err != nil {
			return err
		}
		if found.Owner != "" {
			return cloud.Errorf("InvalidRequestException", "You can't delete the secret %s: it is managed by %s.", found.Name, found.Owner)
		}
		now := time.Now().UTC()
		purge := now.AddDate(0, 0, int(days))
		out = &secretsmanager.DeleteSecretOutput{ARN: aws.String(found.ARN), Name: aws.String(found.Name), DeletionDate: &purge}
		if force {
			out.DeletionDate = &now
			return secrets.Delete(tx, found.region(), found.Name)
		}
		if err := found.live(); err != nil {
			return err
		}
		found.Deleted, found.Purge = &now, &purge
		return found.put(tx)
	})
	return out, err
}

// RestoreSecret takes back a deletion.
func (s *Service) RestoreSecret(ctx context.Context, in *secretsmanager.RestoreSecretInput) (out *secretsmanager.RestoreSecretOutput, err error) {
	err = s.store.Update(func(tx *cloud.Tx) error {
		found, err := find(tx, cloud.RegionOf(ctx), aws.ToString(in.SecretId))
		if err != nil {
			return err
		}
		found.Deleted, found.Purge = nil, nil
		out = &secretsmanager.RestoreSecretOutput{ARN: aws.String(found.ARN), Name: aws.String(found.Name)}
		return found.put(tx)
	})
	return out, err
}
