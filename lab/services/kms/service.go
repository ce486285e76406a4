package kms

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"haven/lab/cloud"
	"haven/lab/services/iam/policy"
)

// Service answers KMS's API.
type Service struct{ store *cloud.Store }

// New returns the service over the lab's store.
func New(store *cloud.Store) *Service { return &Service{store: store} }

// CreateKey makes a symmetric key.
func (s *Service) CreateKey(ctx context.Context, in *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
	if err := checkSpec(in); err != nil {
		return nil, err
	}
	region := cloud.RegionOf(ctx)
	made := newKey(region, types.KeyManagerTypeCustomer)
	made.Description = aws.ToString(in.Description)
	if err := setPolicy(ctx, made, in.Policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
		return nil, err
	}
	if err := addTags(made, in.Tags); err != nil {
		return nil, err
	}
	if aws.ToBool(in.MultiRegion) {
		made.ID, made.Primary = "mrk-"+cloud.RandomHex(32), region
	}
	err := s.store.Update(func(tx *cloud.Tx) error { return keys.Put(tx, region, made.ID, made) })
	if err != nil {
		return nil, err
	}
	return &kms.CreateKeyOutput{KeyMetadata: made.metadata()}, nil
}

func checkSpec(in *kms.CreateKeyInput) error {
	switch {
	case in.KeySpec != "" && in.KeySpec != types.KeySpecSymmetricDefault,
		in.CustomerMasterKeySpec != "" && in.CustomerMasterKeySpec != types.CustomerMasterKeySpecSymmetricDefault:
		return cloud.Unsupportedf("UnsupportedOperationException", "keys other than SYMMETRIC_DEFAULT")
	case in.KeyUsage != "" && in.KeyUsage != types.KeyUsageTypeEncryptDecrypt:
		return cloud.Unsupportedf("UnsupportedOperationException", "key usage %s", in.KeyUsage)
	case in.Origin != "" && in.Origin != types.OriginTypeAwsKms:
		return cloud.Unsupportedf("UnsupportedOperationException", "key origin %s", in.Origin)
	case in.Policy != nil && len(*in.Policy) > 32<<10:
		return cloud.Errorf("LimitExceededException", "A key policy has at most 32 KB.")
	}
	return nil
}

// setPolicy gives a key a policy that lets the caller change it again, unless bypass says that it need not.
func setPolicy(ctx context.Context, k *key, text *string, bypass bool) error {
	if text == nil {
		return nil
	}
	document, err := policy.ParseResource(*text)
	if err != nil {
		return cloud.Errorf("MalformedPolicyDocumentException", "The policy is not valid: %v.", err)
	}
	who := cloud.CallFrom(ctx).Principal
	names := []string{who.ARN, cloud.Account, "arn:aws:iam::" + cloud.Account + ":root"}
	if who.Role != "" {
		names = append(names, "arn:aws:iam::"+cloud.Account+":role/"+who.Role)
	}
	again := policy.Question{
		Action: "kms:PutKeyPolicy", Resources: []string{k.arn()}, Principals: map[string][]string{"AWS": names},
		Context: map[string][]string{"kms:calleraccount": {cloud.Account}, "aws:principalaccount": {cloud.Account}, "aws:principalarn": {who.ARN}},
	}
	if !bypass && policy.Evaluate([]*policy.Document{document}, again) != policy.Allowed {
		return cloud.Errorf("MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future.")
	}
	k.Policy = *text
	return nil
}

// DescribeKey returns a key's metadata.
func (s *Service) DescribeKey(ctx context.Context, in *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
	_ = in.GrantTokens // grants are not kept
	found, err := s.view(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	return &kms.DescribeKeyOutput{KeyMetadata: found.metadata()}, nil
}

// view finds a key for reading. AWS's own keys are made when first asked for.
func (s *Service) view(ctx context.Context, ref *string) (found *key, err error) {
	region, name := cloud.RegionOf(ctx), aws.ToString(ref)
	if awsManaged[name] {
		err = s.store.Update(func(tx *cloud.Tx) error {
			found, err = EnsureManaged(tx, region, name)
			return err
		})
		return found, err
	}
	err = s.store.View(func(tx *cloud.Tx) error {
		found, err = find(tx, region, name)
		return err
	})
	return found, err
}

// EnsureManaged returns the AWS managed key of an alias such as "alias/aws/rds", making it the first time.
func EnsureManaged(tx *cloud.Tx, region, name string) (*key, error) {
	row, err := managedKeys.Get(tx, region, name)
	if err != nil || row != nil {
		return keyOf(row), err
	}
	made := newKey(region, types.KeyManagerTypeAws)
	made.Policy = managedPolicy(strings.TrimPrefix(name, "alias/aws/"), region)
	made.Description = "Default key that protects the data of " + strings.TrimPrefix(name, "alias/aws/") + " when no other key is defined"
	return made, managedKeys.Put(tx, region, name, &managedRow{Key: *made})
}

func keyOf(row *managedRow) *key {
	if row == nil {
		return nil
	}
	return &row.Key
}

// ResolveARN returns the ARN of the key that a reference names; other services store it with what they encrypt.
func ResolveARN(tx *cloud.Tx, region, ref string) (string, error) {
	if awsManaged[ref] {
		made, err := EnsureManaged(tx, region, ref)
		if err != nil {
			return "", err
		}
		return made.arn(), nil
	}
	found, err := find(tx, region, ref)
	if err != nil {
		return "", err
	}
	return found.arn(), found.usable()
}

// change applies one change to a customer's key.
func (s *Service) change(ctx context.Context, ref *string, apply func(k *key) error) (changed *key, err error) {
	err = s.store.Update(func(tx *cloud.Tx) error {
		changed, err = find(tx, cloud.RegionOf(ctx), aws.ToString(ref))
		if err != nil {
			return err
		}
		if changed.Manager == types.KeyManagerTypeAws {
			return cloud.StatusErrorf(400, "AccessDeniedException", "%s is an AWS managed key; it can't be changed.", changed.arn())
		}
		if err := apply(changed); err != nil {
			return err
		}
		return keys.Put(tx, changed.Region, changed.ID, changed)
	})
	return changed, err
}

// unlessDeleting guards changes that AWS refuses for a key that awaits its deletion.
func unlessDeleting(apply func(k *key) error) func(k *key) error {
	return func(k *key) error {
		if k.State == types.KeyStatePendingDeletion {
			return k.stateError()
		}
		return apply(k)
	}
}

// EnableKey lets a key be used.
func (s *Service) EnableKey(ctx context.Context, in *kms.EnableKeyInput) (*kms.EnableKeyOutput, error) {
	_, err := s.change(ctx, in.KeyId, unlessDeleting(func(k *key) error { k.State = types.KeyStateEnabled; return nil }))
	return &kms.EnableKeyOutput{}, err
}

// DisableKey keeps a key from being used.
func (s *Service) DisableKey(ctx context.Context, in *kms.DisableKeyInput) (*kms.DisableKeyOutput, error) {
	_, err := s.change(ctx, in.KeyId, unlessDeleting(func(k *key) error { k.State = types.KeyStateDisabled; return nil }))
	return &kms.DisableKeyOutput{}, err
}

// EnableKeyRotation records yearly (or the given) rotation.
func (s *Service) EnableKeyRotation(ctx context.Context, in *kms.EnableKeyRotationInput) (*kms.EnableKeyRotationOutput, error) {
	_, err := s.change(ctx, in.KeyId, unlessDeleting(func(k *key) error {
		k.Rotation, k.RotationDay = true, defaultRotationDays
		if in.RotationPeriodInDays != nil {
			k.RotationDay = *in.RotationPeriodInDays
		}
		return nil
	}))
	return &kms.EnableKeyRotationOutput{}, err
}

// DisableKeyRotation ends rotation.
func (s *Service) DisableKeyRotation(ctx context.Context, in *kms.DisableKeyRotationInput) (*kms.DisableKeyRotationOutput, error) {
	_, err := s.change(ctx, in.KeyId, unlessDeleting(func(k *key) error { k.Rotation, k.RotationDay = false, 0; return nil }))
	return &kms.DisableKeyRotationOutput{}, err
}

// GetKeyRotationStatus tells whether and when a key rotates.
func (s *Service) GetKeyRotationStatus(ctx context.Context, in *kms.GetKeyRotationStatusInput) (*kms.GetKeyRotationStatusOutput, error) {
	found, err := s.view(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	out := &kms.GetKeyRotationStatusOutput{KeyId: aws.String(found.ID), KeyRotationEnabled: found.Rotation}
	if found.Rotation {
		out.RotationPeriodInDays = aws.Int32(found.RotationDay)
		period := time.Duration(found.RotationDay) * 24 * time.Hour
		next := found.Created.Add((time.Since(found.Created)/period + 1) * period)
		out.NextRotationDate = &next
	}
	return out, nil
}

// UpdateKeyDescription changes the description.
func (s *Service) UpdateKeyDescription(ctx context.Context, in *kms.UpdateKeyDescriptionInput) (*kms.UpdateKeyDescriptionOutput, error) {
	_, err := s.change(ctx, in.KeyId, unlessDeleting(func(k *key) error { k.Description = aws.ToString(in.Description); return nil }))
	return &kms.UpdateKeyDescriptionOutput{}, err
}

// GetKeyPolicy returns the key's only policy, "default".
func (s *Service) GetKeyPolicy(ctx context.Context, in *kms.GetKeyPolicyInput) (*kms.GetKeyPolicyOutput, error) {
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	found, err := s.view(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	return &kms.GetKeyPolicyOutput{Policy: aws.String(found.Policy), PolicyName: aws.String("default")}, nil
}

// PutKeyPolicy replaces the key's policy.
func (s *Service) PutKeyPolicy(ctx context.Context, in *kms.PutKeyPolicyInput) (*kms.PutKeyPolicyOutput, error) {
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	_, err := s.change(ctx, in.KeyId, unlessDeleting(func(k *key) error { return setPolicy(ctx, k, in.Policy, in.BypassPolicyLockoutSafetyCheck) }))
	return &kms.PutKeyPolicyOutput{}, err
}

func checkPolicyName(name *string) error {
	if name != nil && *name != "default" {
		return cloud.Errorf("NotFoundException", "No such policy exists: the only name of a key policy is default.")
	}
	return nil
}

// ListKeyPolicies returns the only name there is.
func (s *Service) ListKeyPolicies(ctx context.Context, in *kms.ListKeyPoliciesInput) (*kms.ListKeyPoliciesOutput, error) {
	if _, err := s.view(ctx, in.KeyId); err != nil {
		return nil, err
	}
	return &kms.ListKeyPoliciesOutput{PolicyNames: []string{"default"}}, nil
}

// ListKeys returns the region's keys.
func (s *Service) ListKeys(ctx context.Context, in *kms.ListKeysInput) (*kms.ListKeysOutput, error) {
	var all []*key
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		all, err = keys.List(tx, cloud.RegionOf(ctx))
		return err
	})
	if err != nil {
		return nil, err
	}
	page, next, err := cloud.Page(all, func(k *key) string { return k.ID }, aws.ToString(in.Marker), limit(in.Limit))
	if err != nil {
		return nil, cloud.Errorf("InvalidMarkerException", "%v", err)
	}
	out := &kms.ListKeysOutput{Truncated: next != "", NextMarker: marker(next)}
	for _, k := range page {
		out.Keys = append(out.Keys, types.KeyListEntry{KeyId: aws.String(k.ID), KeyArn: aws.String(k.arn())})
	}
	return out, nil
}

func limit(n *int32) int {
	if n == nil {
		return 100
	}
	return int(*n)
}

func marker(next string) *string {
	if next == "" {
		return nil
	}
	return &next
}

// ScheduleKeyDeletion begins a key's waiting period.
func (s *Service) ScheduleKeyDeletion(ctx context.Context, in *kms.ScheduleKeyDeletionInput) (*kms.ScheduleKeyDeletionOutput, error) {
	days := int32(defaultWindowDays)
	if in.PendingWindowInDays != nil {
		days = *in.PendingWindowInDays
	}
	if days < minimumWindowDays || days > defaultWindowDays {
		return nil, cloud.Errorf("ValidationException", "PendingWindowInDays is %d; it is from %d to %d.", days, minimumWindowDays, defaultWindowDays)
	}
	changed, err := s.change(ctx, in.KeyId, unlessDeleting(func(k *key) error {
		if len(k.Replicas) > 0 {
			return cloud.Errorf("KMSInvalidStateException", "%s has replica keys in %s; delete those first.", k.arn(), strings.Join(k.Replicas, ", "))
		}
		at := time.Now().UTC().AddDate(0, 0, int(days))
		k.State, k.Deletion, k.WindowDays = types.KeyStatePendingDeletion, &at, days
		return nil
	}))
	if err != nil {
		return nil, err
	}
	if err := s.forgetReplica(changed); err != nil {
		return nil, err
	}
	return &kms.ScheduleKeyDeletionOutput{KeyId: aws.String(changed.arn()), DeletionDate: changed.Deletion, KeyState: changed.State, PendingWindowInDays: aws.Int32(days)}, nil
}

// forgetReplica takes a replica that is being deleted off its primary's list.
func (s *Service) forgetReplica(replica *key) error {
	if !replica.multiRegion() || replica.Primary == replica.Region {
		return nil
	}
	return s.store.Update(func(tx *cloud.Tx) error {
		primary, err := keys.Get(tx, replica.Primary, replica.ID)
		if err != nil || primary == nil {
			return err
		}
		primary.Replicas = slices.DeleteFunc(primary.Replicas, func(region string) bool { return region == replica.Region })
		return keys.Put(tx, primary.Region, primary.ID, primary)
	})
}

// CancelKeyDeletion ends the waiting period; the key is disabled then.
func (s *Service) CancelKeyDeletion(ctx context.Context, in *kms.CancelKeyDeletionInput) (*kms.CancelKeyDeletionOutput, error) {
	changed, err := s.change(ctx, in.KeyId, func(k *key) error {
		if k.State != types.KeyStatePendingDeletion {
			return cloud.Errorf("KMSInvalidStateException", "%s is not pending deletion.", k.arn())
		}
		k.State, k.Deletion, k.WindowDays = types.KeyStateDisabled, nil, 0
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &kms.CancelKeyDeletionOutput{KeyId: aws.String(changed.arn())}, nil
}

// ReplicateKey copies a multi-Region primary key to another region.
func (s *Service) ReplicateKey(ctx context.Context, in *kms.ReplicateKeyInput) (*kms.ReplicateKeyOutput, error) {
	region := aws.ToString(in.ReplicaRegion)
	if _, ok := cloud.FindRegion(region); !ok {
		return nil, cloud.Errorf("ValidationException", "ReplicaRegion %s: the lab does not have this region.", region)
	}
	var replica *key
	_, err := s.change(ctx, in.KeyId, func(primary *key) error {
		if err := primary.usable(); err != nil {
			return err
		}
		if primary.Primary != primary.Region {
			return cloud.Errorf("UnsupportedOperationException", "%s is not a multi-Region primary key.", primary.arn())
		}
		if region == primary.Region || slices.Contains(primary.Replicas, region) {
			return cloud.Errorf("AlreadyExistsException", "%s is in %s already.", primary.arn(), region)
		}
		copied := *primary
		replica = &copied
		replica.Region, replica.Created, replica.Description = region, time.Now().UTC(), aws.ToString(in.Description)
		replica.Tags, replica.Policy, replica.Replicas = map[string]string{}, defaultPolicy(), nil
		primary.Replicas = append(primary.Replicas, region)
		if err := setPolicy(ctx, replica, in.Policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
			return err
		}
		return addTags(replica, in.Tags)
	})
	if err != nil {
		return nil, err
	}
	if err := s.store.Update(func(tx *cloud.Tx) error { return keys.Put(tx, region, replica.ID, replica) }); err != nil {
		return nil, err
	}
	return &kms.ReplicateKeyOutput{ReplicaKeyMetadata: replica.metadata(), ReplicaPolicy: aws.String(replica.Policy), ReplicaTags: in.Tags}, nil
}
