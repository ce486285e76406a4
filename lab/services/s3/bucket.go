package s3

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"haven/lab/cloud"
)

// Service answers S3's API.
type Service struct {
	store *cloud.Store
	files files
	log   *slog.Logger

	// Permissions is asked for what a call needs beyond itself, such as a KMS key; nil: every caller may.
	Permissions Permissions
}

// New returns the service; bodies are files below dir. Bodies that a killed lab left without an object are removed.
func New(store *cloud.Store, dir string, log *slog.Logger) (*Service, error) {
	s := &Service{store: store, files: files{dir}, log: log}
	return s, s.sweep()
}

var owner = &types.Owner{ID: aws.String("75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"), DisplayName: aws.String("haven")}

// CreateBucket makes a bucket. Outside us-east-1 the location constraint names the region that is called.
func (s *Service) CreateBucket(ctx context.Context, in *s3.CreateBucketInput) (*s3.CreateBucketOutput, error) {
	region, name := cloud.RegionOf(ctx), aws.ToString(in.Bucket)
	if err := checkCreate(region, name, in); err != nil {
		return nil, err
	}
	made := &bucket{Name: name, Region: region, Created: time.Now().UTC(), ACL: in.ACL, Encryption: defaultEncryption(), Public: blocked()}
	made.Ownership = &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced}}}
	if in.ObjectOwnership != "" {
		made.Ownership.Rules[0].ObjectOwnership = in.ObjectOwnership
	}
	if aws.ToBool(in.ObjectLockEnabledForBucket) {
		made.Lock = &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled}
		made.Versioning = types.BucketVersioningStatusEnabled
	}
	err := s.store.Update(func(tx *cloud.Tx) error {
		existing, err := buckets.Get(tx, cloud.Global, name)
		if err != nil {
			return err
		}
		if existing != nil {
			return cloud.StatusErrorf(409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.")
		}
		return made.put(tx)
	})
	return &s3.CreateBucketOutput{Location: aws.String("/" + name)}, err
}

func checkCreate(region, name string, in *s3.CreateBucketInput) error {
	constraint := ""
	if in.CreateBucketConfiguration != nil {
		constraint = string(in.CreateBucketConfiguration.LocationConstraint)
	}
	switch {
	case !bucketName.MatchString(name) || strings.Contains(name, ".."):
		return cloud.Errorf("InvalidBucketName", "The specified bucket is not valid: %q. A name has 3 to 63 lower-case letters, digits, dots and hyphens.", name)
	case constraint == "" && region != "us-east-1":
		return cloud.Errorf("IllegalLocationConstraintException", "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
	case constraint != "" && constraint != region:
		return cloud.Errorf("IllegalLocationConstraintException", "The %s location constraint is incompatible for the region specific endpoint this request was sent to.", constraint)
	case in.ACL != "" && in.ACL != types.BucketCannedACLPrivate && (in.ObjectOwnership == "" || in.ObjectOwnership == types.ObjectOwnershipBucketOwnerEnforced):
		return cloud.Errorf("InvalidBucketAclWithObjectOwnership", "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
	case in.ACL != "" && in.ACL != types.BucketCannedACLPrivate:
		return cloud.Unsupportedf("NotImplemented", "the access control list %s of a bucket", in.ACL)
	}
	return nil
}

// defaultEncryption is what every bucket has since January 2023
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html).
func defaultEncryption() *types.ServerSideEncryptionConfiguration {
	return &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{{
		ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}, BucketKeyEnabled: aws.Bool(false),
	}}}
}

// blocked is what every new bucket has since April 2023
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html).
func blocked() *types.PublicAccessBlockConfiguration {
	yes := aws.Bool(true)
	return &types.PublicAccessBlockConfiguration{BlockPublicAcls: yes, BlockPublicPolicy: yes, IgnorePublicAcls: yes, RestrictPublicBuckets: yes}
}

// HeadBucket tells whether a bucket is there, and its region.
func (s *Service) HeadBucket(_ context.Context, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	found, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	return &s3.HeadBucketOutput{BucketRegion: aws.String(found.Region)}, nil
}

func (s *Service) bucket(name, expectedOwner *string) (found *bucket, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		found, err = findBucket(tx, name, expectedOwner)
		return err
	})
	return found, err
}

// change applies one change to a bucket.
func (s *Service) change(name, expectedOwner *string, apply func(*bucket) error) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		found, err := findBucket(tx, name, expectedOwner)
		if err != nil {
			return err
		}
		if err := apply(found); err != nil {
			return err
		}
		return found.put(tx)
	})
}

// GetBucketLocation tells a bucket's region; us-east-1 is the empty constraint.
func (s *Service) GetBucketLocation(_ context.Context, in *s3.GetBucketLocationInput) (*s3.GetBucketLocationOutput, error) {
	found, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	out := &s3.GetBucketLocationOutput{}
	if found.Region != "us-east-1" {
		out.LocationConstraint = types.BucketLocationConstraint(found.Region)
	}
	return out, nil
}

// ListBuckets returns the account's buckets.
func (s *Service) ListBuckets(_ context.Context, in *s3.ListBucketsInput) (*s3.ListBucketsOutput, error) {
	var all []*bucket
	err := s.store.View(func(tx *cloud.Tx) error {
		rows, err := buckets.ListPrefix(tx, cloud.Global, aws.ToString(in.Prefix))
		for _, row := range rows {
			if in.BucketRegion == nil || *in.BucketRegion == row.Region {
				all = append(all, row)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	page, next, err := cloud.Page(all, func(b *bucket) string { return b.Name }, aws.ToString(in.ContinuationToken), int(aws.ToInt32(in.MaxBuckets)))
	if err != nil {
		return nil, cloud.Errorf("InvalidArgument", "The continuation token provided is incorrect")
	}
	out := &s3.ListBucketsOutput{Owner: owner, Prefix: in.Prefix, Buckets: []types.Bucket{}}
	if next != "" {
		out.ContinuationToken = &next
	}
	for _, b := range page {
		out.Buckets = append(out.Buckets, types.Bucket{Name: aws.String(b.Name), CreationDate: &b.Created, BucketRegion: aws.String(b.Region)})
	}
	return out, nil
}

// DeleteBucket removes an empty bucket.
func (s *Service) DeleteBucket(_ context.Context, in *s3.DeleteBucketInput) (*s3.DeleteBucketOutput, error) {
	return &s3.DeleteBucketOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		found, err := findBucket(tx, in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return err
		}
		rows, err := objects.List(tx, found.Name)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			return cloud.StatusErrorf(409, "BucketNotEmpty", "The bucket you tried to delete is not empty. You must delete all versions in the bucket.")
		}
		return buckets.Delete(tx, cloud.Global, found.Name)
	})
}
