package iam

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"haven/lab/cloud"
)

// accessKeys are users' long-lived keys, by id.
var accessKeys = cloud.NewTable[types.AccessKey]("iam.accessKeys")

const maxKeys = 2 // of a user

func keysOf(tx *cloud.Tx, name string) ([]*types.AccessKey, error) {
	all, err := accessKeys.List(tx, cloud.Global)
	return slices.DeleteFunc(all, func(k *types.AccessKey) bool { return *k.UserName != name }), err
}

func moveKeys(tx *cloud.Tx, from, to string) error {
	owned, err := keysOf(tx, from)
	if err != nil {
		return err
	}
	for _, key := range owned {
		key.UserName = &to
		if err := accessKeys.Put(tx, cloud.Global, *key.AccessKeyId, key); err != nil {
			return err
		}
	}
	return nil
}

// newSecret returns a random secret key: 40 characters, as AWS's.
func newSecret() string {
	raw := make([]byte, 30)
	rand.Read(raw) // never fails, by its contract
	return base64.StdEncoding.EncodeToString(raw)
}

// CreateAccessKey makes a key for a user. The secret is told now and never again.
func (s *Service) CreateAccessKey(ctx context.Context, in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	if in.UserName == nil {
		return nil, cloud.Unsupportedf("ValidationError", "access keys for the caller itself (%s); name a user", caller(ctx).ARN)
	}
	made := &types.AccessKey{
		AccessKeyId: aws.String(newID("AKIA")[:20]), SecretAccessKey: aws.String(newSecret()), UserName: in.UserName,
		Status: types.StatusTypeActive, CreateDate: s.today(),
	}
	return &iam.CreateAccessKeyOutput{AccessKey: made}, s.store.Update(func(tx *cloud.Tx) error {
		if _, err := found(tx, users, "user", in.UserName); err != nil {
			return err
		}
		owned, err := keysOf(tx, *in.UserName)
		if err != nil {
			return err
		}
		if len(owned) >= maxKeys {
			return cloud.Errorf("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: %d", maxKeys)
		}
		return accessKeys.Put(tx, cloud.Global, *made.AccessKeyId, made)
	})
}

// ListAccessKeys lists a user's keys, without their secrets.
func (s *Service) ListAccessKeys(ctx context.Context, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	if in.UserName == nil {
		return nil, cloud.Unsupportedf("ValidationError", "listing the keys of the caller itself (%s); name a user", caller(ctx).ARN)
	}
	out := &iam.ListAccessKeysOutput{}
	err := read(s, users, "user", in.UserName, func(tx *cloud.Tx, _ *user) error {
		owned, err := keysOf(tx, *in.UserName)
		if err != nil {
			return err
		}
		listed, err := page(owned, func(k *types.AccessKey) string { return *k.AccessKeyId }, in.Marker, in.MaxItems)
		for _, key := range listed.rows {
			out.AccessKeyMetadata = append(out.AccessKeyMetadata, types.AccessKeyMetadata{
				AccessKeyId: key.AccessKeyId, UserName: key.UserName, Status: key.Status, CreateDate: key.CreateDate,
			})
		}
		out.Marker, out.IsTruncated = listed.marker, listed.more
		return err
	})
	return out, err
}

// ownKey returns a key, which must be the user's.
func ownKey(tx *cloud.Tx, name, id *string) (*types.AccessKey, error) {
	key, err := accessKeys.Get(tx, cloud.Global, aws.ToString(id))
	if err == nil && (key == nil || name != nil && *key.UserName != *name) {
		err = cloud.Errorf("NoSuchEntity", "The Access Key with id %s cannot be found.", aws.ToString(id))
	}
	return key, err
}

// UpdateAccessKey turns a key on or off.
func (s *Service) UpdateAccessKey(_ context.Context, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	return &iam.UpdateAccessKeyOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		key, err := ownKey(tx, in.UserName, in.AccessKeyId)
		if err != nil {
			return err
		}
		key.Status = in.Status
		return accessKeys.Put(tx, cloud.Global, *key.AccessKeyId, key)
	})
}

// DeleteAccessKey removes a key.
func (s *Service) DeleteAccessKey(_ context.Context, in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	return &iam.DeleteAccessKeyOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		key, err := ownKey(tx, in.UserName, in.AccessKeyId)
		if err != nil {
			return err
		}
		return accessKeys.Delete(tx, cloud.Global, *key.AccessKeyId)
	})
}
