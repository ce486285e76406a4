package ssm

import (
	"context"

	"haven/lab/cloud"
	"haven/lab/services/kms"
)

// mayDecrypt asks whether the caller may use the key of a SecureString that it wants in plain text
// (https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html).
func (s *Service) mayDecrypt(ctx context.Context, tx *cloud.Tx, region string, p *parameter, v *version, decrypt bool) error {
	if !decrypt || v.Sealed == nil || s.permissions == nil {
		return nil
	}
	key, err := kms.ARNOf(tx, region, string(v.Sealed))
	if err != nil {
		return err
	}
	return s.permissions.Ask(ctx, tx, kms.Use("Decrypt", key, "ssm", sealContext(region, p.Name)))
}

// mayEncrypt asks the same for a value that is to be kept.
func (s *Service) mayEncrypt(ctx context.Context, tx *cloud.Tx, region, keyARN, name string) error {
	if s.permissions == nil {
		return nil
	}
	return s.permissions.Ask(ctx, tx, kms.Use("Encrypt", keyARN, "ssm", sealContext(region, name)))
}
