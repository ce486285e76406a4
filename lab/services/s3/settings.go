package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"haven/lab/cloud"
)

// unset is the error of a setting that a bucket does not have.
func unset(code, format string) error { return cloud.StatusErrorf(404, code, "%s", format) }

// PutBucketVersioning turns versioning on or suspends it.
func (s *Service) PutBucketVersioning(_ context.Context, in *s3.PutBucketVersioningInput) (*s3.PutBucketVersioningOutput, error) {
	_, _ = in.ChecksumAlgorithm, in.ContentMD5 // verified by wire
	if in.VersioningConfiguration.MFADelete == types.MFADeleteEnabled {
		return nil, cloud.Unsupportedf("NotImplemented", "MFADelete of a bucket")
	}
	return &s3.PutBucketVersioningOutput{}, s.change(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		if b.Lock != nil && in.VersioningConfiguration.Status == types.BucketVersioningStatusSuspended {
			return cloud.StatusErrorf(409, "InvalidBucketState", "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
		}
		b.Versioning = in.VersioningConfiguration.Status
		return nil
	})
}

// GetBucketVersioning tells whether versioning is on; a bucket that never had it has no status.
func (s *Service) GetBucketVersioning(_ context.Context, in *s3.GetBucketVersioningInput) (*s3.GetBucketVersioningOutput, error) {
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	return &s3.GetBucketVersioningOutput{Status: b.Versioning}, nil
}

// PutBucketTagging replaces the bucket's tags.
func (s *Service) PutBucketTagging(_ context.Context, in *s3.PutBucketTaggingInput) (*s3.PutBucketTaggingOutput, error) {
	_, _ = in.ChecksumAlgorithm, in.ContentMD5 // verified by wire
	return &s3.PutBucketTaggingOutput{}, s.change(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error { b.Tags = in.Tagging.TagSet; return nil })
}

// GetBucketTagging returns the bucket's tags.
func (s *Service) GetBucketTagging(_ context.Context, in *s3.GetBucketTaggingInput) (*s3.GetBucketTaggingOutput, error) {
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if len(b.Tags) == 0 {
		return nil, unset("NoSuchTagSet", "The TagSet does not exist")
	}
	return &s3.GetBucketTaggingOutput{TagSet: b.Tags}, nil
}

// DeleteBucketTagging removes the bucket's tags.
func (s *Service) DeleteBucketTagging(_ context.Context, in *s3.DeleteBucketTaggingInput) (*s3.DeleteBucketTaggingOutput, error) {
	return &s3.DeleteBucketTaggingOutput{}, s.change(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error { b.Tags = nil; return nil })
}

// PutBucketEncryption sets how new objects are encrypted.
func (s *Service) PutBucketEncryption(_ context.Context, in *s3.PutBucketEncryptionInput) (*s3.PutBucketEncryptionOutput, error) {
	_, _ = in.ChecksumAlgorithm, in.ContentMD5 // verified by wire
	wanted := in.ServerSideEncryptionConfiguration
	if len(wanted.Rules) != 1 || wanted.Rules[0].ApplyServerSideEncryptionByDefault == nil {
		return nil, cloud.Errorf("MalformedXML", "The encryption of a bucket has exactly one rule with ApplyServerSideEncryptionByDefault.")
	}
	return &s3.PutBucketEncryptionOutput{}, s.change(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error { b.Encryption = wanted; return nil })
}

// GetBucketEncryption tells how new objects are encrypted.
func (s *Service) GetBucketEncryption(_ context.Context, in *s3.GetBucketEncryptionInput) (*s3.GetBucketEncryptionOutput, error) {
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	return &s3.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: b.Encryption}, nil
}

// DeleteBucketEncryption goes back to S3's own keys.
func (s *Service) DeleteBucketEncryption(_ context.Context, in *s3.DeleteBucketEncryptionInput) (*s3.DeleteBucketEncryptionOutput, error) {
	return &s3.DeleteBucketEncryptionOutput{}, s.change(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error { b.Encryption = defaultEncryption(); return nil })
}

// PutPublicAccessBlock sets what public access is blocked.
func (s *Service) PutPublicAccessBlock(_ context.Context, in *s3.PutPublicAccessBlockInput) (*s3.PutPublicAccessBlockOutput, error) {
	_, _ = in.ChecksumAlgorithm, in.ContentMD5 // verified by wire
	return &s3.PutPublicAccessBlockOutput{}, s.change(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error { b.Public = in.PublicAccessBlockConfiguration; return nil })
}

// GetPublicAccessBlock tells what public access is blocked.
func (s *Service) GetPublicAccessBlock(_ context.Context, in *s3.GetPublicAccessBlockInput) (*s3.GetPublicAccessBlockOutput, error) {
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if b.Public == nil {
		return nil, unset("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
	}
	return &s3.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: b.Public}, nil
}

// DeletePublicAccessBlock removes the block.
func (s *Service) DeletePublicAccessBlock(_ context.Context, in *s3.DeletePublicAccessBlockInput) (*s3.DeletePublicAccessBlockOutput, error) {
	return &s3.DeletePublicAccessBlockOutput{}, s.change(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error { b.Public = nil; return nil })
}

// PutBucketLifecycleConfiguration keeps lifecycle rules; nothing expires yet.
func (s *Service) PutBucketLifecycleConfiguration(_ context.Context, in *s3.PutBucketLifecycleConfigurationInput) (*s3.PutBucketLifecycleConfigurationOutput, error) {
	_ = in.ChecksumAlgorithm // verified by wire
	if in.LifecycleConfiguration == nil || len(in.LifecycleConfiguration.Rules) == 0 {
		return nil, cloud.Errorf("MalformedXML", "A lifecycle configuration has at least one rule.")
	}
	kept := &lifecycle{Rules: in.LifecycleConfiguration.Rules, Minimum: in.TransitionDefaultMinimumObjectSize}
	if kept.Minimum == "" {
		kept.Minimum = types.TransitionDefaultMinimumObjectSizeAllStorageClasses128k
	}
	err := s.change(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error { b.Lifecycle = kept; return nil })
	return &s3.PutBucketLifecycleConfigurationOutput{TransitionDefaultMinimumObjectSize: kept.Minimum}, err
}

// GetBucketLifecycleConfiguration returns the lifecycle rules.
func (s *Service) GetBucketLifecycleConfiguration(_ context.Context, in *s3.GetBucketLifecycleConfigurationInput) (*s3.GetBucketLifecycleConfigurationOutput, error) {
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if b.Lifecycle == nil {
		return nil, unset("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
	}
	return &s3.GetBucketLifecycleConfigurationOutput{Rules: b.Lifecycle.Rules, TransitionDefaultMinimumObjectSize: b.Lifecycle.Minimum}, nil
}

// DeleteBucketLifecycle removes the lifecycle rules.
func (s *Service) DeleteBucketLifecycle(_ context.Context, in *s3.DeleteBucketLifecycleInput) (*s3.DeleteBucketLifecycleOutput, error) {
	return &s3.DeleteBucketLifecycleOutput{}, s.change(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error { b.Lifecycle = nil; return nil })
}

// PutBucketLogging keeps where access would be logged.
func (s *Service) PutBucketLogging(_ context.Context, in *s3.PutBucketLoggingInput) (*s3.PutBucketLoggingOutput, error) {
	_, _ = in.ChecksumAlgorithm, in.ContentMD5 // verified by wire
	return &s3.PutBucketLoggingOutput{}, s.change(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error { b.Logging = in.BucketLoggingStatus.LoggingEnabled; return nil })
}

// GetBucketLogging tells where access would be logged.
func (s *Service) GetBucketLogging(_ context.Context, in *s3.GetBucketLoggingInput) (*s3.GetBucketLoggingOutput, error) {
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	return &s3.GetBucketLoggingOutput{LoggingEnabled: b.Logging}, nil
}

// PutObjectLockConfiguration keeps the default retention; it needs versioning.
func (s *Service) PutObjectLockConfiguration(_ context.Context, in *s3.PutObjectLockConfigurationInput) (*s3.PutObjectLockConfigurationOutput, error) {
	_, _ = in.ChecksumAlgorithm, in.ContentMD5 // verified by wire
	return &s3.PutObjectLockConfigurationOutput{}, s.change(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		if b.Versioning != types.BucketVersioningStatusEnabled {
			return cloud.StatusErrorf(409, "InvalidBucketState", "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
		}
		b.Lock = in.ObjectLockConfiguration
		return nil
	})
}

// GetObjectLockConfiguration tells the default retention.
func (s *Service) GetObjectLockConfiguration(_ context.Context, in *s3.GetObjectLockConfigurationInput) (*s3.GetObjectLockConfigurationOutput, error) {
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if b.Lock == nil {
		return nil, unset("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")
	}
	return &s3.GetObjectLockConfigurationOutput{ObjectLockConfiguration: b.Lock}, nil
}

// PutBucketReplication keeps replication rules; nothing is copied yet.
func (s *Service) PutBucketReplication(_ context.Context, in *s3.PutBucketReplicationInput) (*s3.PutBucketReplicationOutput, error) {
	_, _ = in.ChecksumAlgorithm, in.ContentMD5 // verified by wire
	return &s3.PutBucketReplicationOutput{}, s.change(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error {
		if b.Versioning != types.BucketVersioningStatusEnabled {
			return cloud.Errorf("InvalidRequest", "Versioning must be 'Enabled' on the bucket to apply a replication configuration")
		}
		b.Replicates = in.ReplicationConfiguration
		return nil
	})
}

// GetBucketReplication returns the replication rules.
func (s *Service) GetBucketReplication(_ context.Context, in *s3.GetBucketReplicationInput) (*s3.GetBucketReplicationOutput, error) {
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if b.Replicates == nil {
		return nil, unset("ReplicationConfigurationNotFoundError", "The replication configuration was not found")
	}
	return &s3.GetBucketReplicationOutput{ReplicationConfiguration: b.Replicates}, nil
}

// DeleteBucketReplication removes the replication rules.
func (s *Service) DeleteBucketReplication(_ context.Context, in *s3.DeleteBucketReplicationInput) (*s3.DeleteBucketReplicationOutput, error) {
	return &s3.DeleteBucketReplicationOutput{}, s.change(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error { b.Replicates = nil; return nil })
}

// GetBucketCors says that there are no rules: none can be set.
func (s *Service) GetBucketCors(_ context.Context, in *s3.GetBucketCorsInput) (*s3.GetBucketCorsOutput, error) {
	_, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err == nil {
		err = unset("NoSuchCORSConfiguration", "The CORS configuration does not exist")
	}
	return nil, err
}

// GetBucketWebsite says that there is no website: none can be set.
func (s *Service) GetBucketWebsite(_ context.Context, in *s3.GetBucketWebsiteInput) (*s3.GetBucketWebsiteOutput, error) {
	_, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err == nil {
		err = unset("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")
	}
	return nil, err
}

// GetBucketAccelerateConfiguration says that acceleration was never set.
func (s *Service) GetBucketAccelerateConfiguration(_ context.Context, in *s3.GetBucketAccelerateConfigurationInput) (*s3.GetBucketAccelerateConfigurationOutput, error) {
	_, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	return &s3.GetBucketAccelerateConfigurationOutput{}, err
}

// GetBucketRequestPayment says that the owner pays.
func (s *Service) GetBucketRequestPayment(_ context.Context, in *s3.GetBucketRequestPaymentInput) (*s3.GetBucketRequestPaymentOutput, error) {
	_, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	return &s3.GetBucketRequestPaymentOutput{Payer: types.PayerBucketOwner}, err
}
