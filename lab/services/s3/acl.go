package s3

import (
	"context"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"haven/lab/cloud"
)

// enforced tells whether access control lists are off
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html).
func (b *bucket) enforced() bool {
	return b.Ownership != nil && len(b.Ownership.Rules) > 0 && b.Ownership.Rules[0].ObjectOwnership == types.ObjectOwnershipBucketOwnerEnforced
}

// checkACL refuses a canned list: where lists are off all but the owner's own, where public ones are blocked those, and
// otherwise those that grant to anybody but the account, which the lab has alone.
func (b *bucket) checkACL(tx *cloud.Tx, canned string) error {
	block, err := b.block(tx)
	switch {
	case err != nil:
		return err
	case canned == "" || canned == string(types.ObjectCannedACLBucketOwnerFullControl):
		return nil
	case b.enforced():
		return cloud.Errorf("AccessControlListNotSupported", "The bucket does not allow ACLs")
	case aws.ToBool(block.BlockPublicAcls) && (strings.HasPrefix(canned, "public-") || canned == string(types.ObjectCannedACLAuthenticatedRead)):
		return cloud.StatusErrorf(http.StatusForbidden, "AccessDenied", "Access Denied: public ACLs are blocked by the BlockPublicAcls block public access setting.")
	case canned != string(types.ObjectCannedACLPrivate):
		return cloud.Unsupportedf("NotImplemented", "the access control list %s", canned)
	}
	return nil
}

// PutBucketAcl accepts the owner's own list where lists are on; there are no others in the lab.
func (s *Service) PutBucketAcl(_ context.Context, in *s3.PutBucketAclInput) (*s3.PutBucketAclOutput, error) {
	_, _ = in.ChecksumAlgorithm, in.ContentMD5 // verified by wire
	return &s3.PutBucketAclOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		found, err := findBucket(tx, in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return err
		}
		if in.ACL == "" {
			return cloud.Unsupportedf("NotImplemented", "access control lists with grants of their own")
		}
		if err := found.checkACL(tx, string(in.ACL)); err != nil {
			return err
		}
		found.ACL = in.ACL
		return found.put(tx)
	})
}

// PutObjectAcl accepts the owner's own list where lists are on.
func (s *Service) PutObjectAcl(ctx context.Context, in *s3.PutObjectAclInput) (*s3.PutObjectAclOutput, error) {
	_, _ = in.ChecksumAlgorithm, in.ContentMD5 // verified by wire
	b, _, err := s.lookup(ctx, in.Bucket, in.ExpectedBucketOwner, in.Key, in.VersionId, readGuard{})
	if err != nil {
		return nil, err
	}
	if in.ACL == "" {
		return nil, cloud.Unsupportedf("NotImplemented", "access control lists with grants of their own")
	}
	return &s3.PutObjectAclOutput{}, s.store.View(func(tx *cloud.Tx) error { return b.checkACL(tx, string(in.ACL)) })
}

func ownersGrants() []types.Grant {
	return []types.Grant{{
		Grantee: &types.Grantee{Type: types.TypeCanonicalUser, ID: owner.ID, DisplayName: owner.DisplayName}, Permission: types.PermissionFullControl,
	}}
}

// GetBucketAcl returns the only list there is: the owner's full control.
func (s *Service) GetBucketAcl(_ context.Context, in *s3.GetBucketAclInput) (*s3.GetBucketAclOutput, error) {
	if _, err := s.bucket(in.Bucket, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return &s3.GetBucketAclOutput{Owner: owner, Grants: ownersGrants()}, nil
}

// GetObjectAcl returns the only list there is.
func (s *Service) GetObjectAcl(ctx context.Context, in *s3.GetObjectAclInput) (*s3.GetObjectAclOutput, error) {
	if _, _, err := s.lookup(ctx, in.Bucket, in.ExpectedBucketOwner, in.Key, in.VersionId, readGuard{}); err != nil {
		return nil, err
	}
	return &s3.GetObjectAclOutput{Owner: owner, Grants: ownersGrants()}, nil
}

// PutBucketOwnershipControls sets who owns objects.
func (s *Service) PutBucketOwnershipControls(_ context.Context, in *s3.PutBucketOwnershipControlsInput) (*s3.PutBucketOwnershipControlsOutput, error) {
	_, _ = in.ChecksumAlgorithm, in.ContentMD5 // verified by wire
	if len(in.OwnershipControls.Rules) != 1 {
		return nil, cloud.Errorf("MalformedXML", "OwnershipControls has exactly one rule.")
	}
	return &s3.PutBucketOwnershipControlsOutput{}, s.change(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error { b.Ownership = in.OwnershipControls; return nil })
}

// GetBucketOwnershipControls tells who owns objects.
func (s *Service) GetBucketOwnershipControls(_ context.Context, in *s3.GetBucketOwnershipControlsInput) (*s3.GetBucketOwnershipControlsOutput, error) {
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if b.Ownership == nil {
		return nil, unset("OwnershipControlsNotFoundError", "The bucket ownership controls were not found")
	}
	return &s3.GetBucketOwnershipControlsOutput{OwnershipControls: b.Ownership}, nil
}

// DeleteBucketOwnershipControls removes the rule.
func (s *Service) DeleteBucketOwnershipControls(_ context.Context, in *s3.DeleteBucketOwnershipControlsInput) (*s3.DeleteBucketOwnershipControlsOutput, error) {
	return &s3.DeleteBucketOwnershipControlsOutput{}, s.change(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error { b.Ownership = nil; return nil })
}
