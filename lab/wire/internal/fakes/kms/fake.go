// Package kms is a small service in the JSON protocol, for the wire's own tests.
package kms

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"haven/lab/cloud"
)

// Service encrypts by turning bytes around.
type Service struct{ Context map[string]string }

// Encrypt turns the plaintext around.
func (s *Service) Encrypt(_ context.Context, in *kms.EncryptInput) (*kms.EncryptOutput, error) {
	s.Context = in.EncryptionContext
	turned := slices.Clone(in.Plaintext)
	slices.Reverse(turned)
	return &kms.EncryptOutput{KeyId: in.KeyId, CiphertextBlob: turned}, nil
}

// CreateKey returns a key's description.
func (s *Service) CreateKey(ctx context.Context, in *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
	return &kms.CreateKeyOutput{KeyMetadata: &types.KeyMetadata{
		KeyId: aws.String("k-1"), Description: in.Description, KeyUsage: in.KeyUsage, Enabled: true,
		CreationDate: aws.Time(time.UnixMilli(1767322400123)), Arn: aws.String(cloud.ARN("kms", cloud.RegionOf(ctx), "key/k-1")),
	}}, nil
}

// DescribeKey finds nothing.
func (s *Service) DescribeKey(_ context.Context, in *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
	return nil, cloud.Errorf("NotFoundException", "Key '%s' does not exist", aws.ToString(in.KeyId))
}
