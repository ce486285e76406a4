// Package s3 is a small service in the rest-xml protocol with streams, for the wire's own tests.
package s3

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"haven/lab/cloud"
)

// Service keeps objects by bucket and key.
type Service struct {
	Objects map[string][]byte
	Put     *s3.PutObjectInput
	Bucket  *s3.CreateBucketInput
	Delete  *types.Delete
}

// New returns an empty service.
func New() *Service { return &Service{Objects: map[string][]byte{}} }

func name(bucket, key *string) string { return aws.ToString(bucket) + "|" + aws.ToString(key) }

// PutObject keeps a body.
func (s *Service) PutObject(_ context.Context, in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	s.Put = &s3.PutObjectInput{
		ContentType: in.ContentType, ContentEncoding: in.ContentEncoding, ContentLength: in.ContentLength, Metadata: in.Metadata,
	}
	s.Objects[name(in.Bucket, in.Key)] = body
	return &s3.PutObjectOutput{ETag: aws.String(`"etag"`)}, nil
}

// GetObject returns a body.
func (s *Service) GetObject(_ context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	_ = in.ChecksumMode
	body, ok := s.Objects[name(in.Bucket, in.Key)]
	if !ok {
		return nil, cloud.StatusErrorf(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	}
	out := &s3.GetObjectOutput{
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: aws.Int64(int64(len(body))),
		Metadata: map[string]string{"owner": "me"}, LastModified: aws.Time(time.Unix(1767322400, 0)),
	}
	if in.Range != nil {
		out.ContentRange = aws.String("bytes 0-0/1")
	}
	return out, nil
}

// HeadObject describes a body.
func (s *Service) HeadObject(_ context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	_ = in.ChecksumMode
	body, ok := s.Objects[name(in.Bucket, in.Key)]
	if !ok {
		return nil, cloud.StatusErrorf(http.StatusNotFound, "NotFound", "Not Found")
	}
	return &s3.HeadObjectOutput{ContentLength: aws.Int64(int64(len(body)))}, nil
}

// CreateBucket echoes.
func (s *Service) CreateBucket(_ context.Context, in *s3.CreateBucketInput) (*s3.CreateBucketOutput, error) {
	s.Bucket = &s3.CreateBucketInput{Bucket: in.Bucket, CreateBucketConfiguration: in.CreateBucketConfiguration}
	return &s3.CreateBucketOutput{Location: aws.String("/" + aws.ToString(in.Bucket))}, nil
}

// DeleteObjects echoes.
func (s *Service) DeleteObjects(_ context.Context, in *s3.DeleteObjectsInput) (*s3.DeleteObjectsOutput, error) {
	_ = in.Bucket
	s.Delete = in.Delete
	return &s3.DeleteObjectsOutput{Deleted: []types.DeletedObject{{Key: aws.String("a")}, {Key: aws.String("b")}}}, nil
}

// DeleteObject has no body.
func (s *Service) DeleteObject(_ context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	delete(s.Objects, name(in.Bucket, in.Key))
	return &s3.DeleteObjectOutput{DeleteMarker: aws.Bool(true)}, nil
}

// GetBucketLocation answers with an element of its own kind.
func (s *Service) GetBucketLocation(ctx context.Context, in *s3.GetBucketLocationInput) (*s3.GetBucketLocationOutput, error) {
	_ = in.Bucket
	return &s3.GetBucketLocationOutput{LocationConstraint: types.BucketLocationConstraint(cloud.RegionOf(ctx))}, nil
}

// GetBucketAcl has an attribute.
func (s *Service) GetBucketAcl(_ context.Context, in *s3.GetBucketAclInput) (*s3.GetBucketAclOutput, error) {
	_ = in.Bucket
	return &s3.GetBucketAclOutput{Grants: []types.Grant{{
		Permission: types.PermissionFullControl, Grantee: &types.Grantee{Type: types.TypeCanonicalUser, ID: aws.String("me")},
	}}}, nil
}

// ListObjectsV2 has flattened lists.
func (s *Service) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	out := &s3.ListObjectsV2Output{Name: in.Bucket, Prefix: in.Prefix, MaxKeys: in.MaxKeys}
	for key := range s.Objects {
		out.Contents = append(out.Contents, types.Object{Key: aws.String(key)})
	}
	return out, nil
}

// CompleteMultipartUpload shares its route's beginning with others.
func (s *Service) CompleteMultipartUpload(_ context.Context, in *s3.CompleteMultipartUploadInput) (*s3.CompleteMultipartUploadOutput, error) {
	_, _ = in.Bucket, in.Key
	return &s3.CompleteMultipartUploadOutput{ETag: aws.String(fmt.Sprint(len(in.MultipartUpload.Parts), aws.ToString(in.UploadId)))}, nil
}
