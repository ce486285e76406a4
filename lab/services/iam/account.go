package iam

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"haven/lab/cloud"
)

const (
	operatorKey = "lab" // the operator's access key id; the secret is the same
	rootARN     = "arn:aws:iam::" + cloud.Account + ":root"
)

// accountSince is when the lab's account was opened.
var accountSince = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

var passwordPolicies = cloud.NewTable[types.PasswordPolicy]("iam.passwordPolicies")

// UpdateAccountPasswordPolicy keeps the account's password policy; nobody in the lab has a password.
func (s *Service) UpdateAccountPasswordPolicy(_ context.Context, in *iam.UpdateAccountPasswordPolicyInput) (*iam.UpdateAccountPasswordPolicyOutput, error) {
	length := in.MinimumPasswordLength
	if length == nil {
		length = aws.Int32(6)
	}
	made := &types.PasswordPolicy{
		AllowUsersToChangePassword: in.AllowUsersToChangePassword, HardExpiry: in.HardExpiry, MaxPasswordAge: in.MaxPasswordAge,
		MinimumPasswordLength: length, PasswordReusePrevention: in.PasswordReusePrevention,
		RequireLowercaseCharacters: in.RequireLowercaseCharacters, RequireNumbers: in.RequireNumbers, RequireSymbols: in.RequireSymbols,
		RequireUppercaseCharacters: in.RequireUppercaseCharacters, ExpirePasswords: aws.ToInt32(in.MaxPasswordAge) > 0,
	}
	return &iam.UpdateAccountPasswordPolicyOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		return passwordPolicies.Put(tx, cloud.Global, cloud.Account, made)
	})
}

func noPasswordPolicy() error {
	return cloud.Errorf("NoSuchEntity", "The Password Policy with domain name %s cannot be found.", cloud.Account)
}

// GetAccountPasswordPolicy returns the account's password policy.
func (s *Service) GetAccountPasswordPolicy(context.Context, *iam.GetAccountPasswordPolicyInput) (*iam.GetAccountPasswordPolicyOutput, error) {
	out := &iam.GetAccountPasswordPolicyOutput{}
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		if out.PasswordPolicy, err = passwordPolicies.Get(tx, cloud.Global, cloud.Account); err == nil && out.PasswordPolicy == nil {
			err = noPasswordPolicy()
		}
		return err
	})
	return out, err
}

// DeleteAccountPasswordPolicy removes the account's password policy.
func (s *Service) DeleteAccountPasswordPolicy(context.Context, *iam.DeleteAccountPasswordPolicyInput) (*iam.DeleteAccountPasswordPolicyOutput, error) {
	return &iam.DeleteAccountPasswordPolicyOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		kept, err := passwordPolicies.Get(tx, cloud.Global, cloud.Account)
		if err != nil {
			return err
		}
		if kept == nil {
			return noPasswordPolicy()
		}
		return passwordPolicies.Delete(tx, cloud.Global, cloud.Account)
	})
}
