package s3

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"haven/lab/cloud"
)

// deletion is what removing an object did.
type deletion struct {
	marker  bool    // a delete marker was made or removed
	version *string // of the marker, or the removed version
	file    string
}

// remove deletes a version for good, or the newest one as the bucket's versioning says.
func remove(tx *cloud.Tx, in *bucket, key string, version *string) (done deletion, err error) {
	if version != nil {
		versions, err := versionsOf(tx, in.Name, key)
		if err != nil {
			return done, err
		}
		for _, v := range versions {
			if v.Version == *version {
				done = deletion{marker: v.Marker, version: version, file: v.File}
				return done, objects.Delete(tx, in.Name, objectID(key, v.Order))
			}
		}
		return deletion{version: version}, nil
	}
	if in.Versioning == "" {
		done.file, err = dropVersion(tx, in.Name, key, nullVersion)
		return done, err
	}
	marker := &object{Bucket: in.Name, Key: key, Marker: true}
	done.file, err = add(tx, in, marker)
	done.marker, done.version = true, aws.String(marker.Version)
	return done, err
}

// DeleteObject deletes an object or a version; one that is not there is no error.
func (s *Service) DeleteObject(_ context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	_ = in.BypassGovernanceRetention // nothing is retained yet
	var done deletion
	err := s.store.Update(func(tx *cloud.Tx) error {
		found, err := findBucket(tx, in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return err
		}
		done, err = remove(tx, found, aws.ToString(in.Key), in.VersionId)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &s3.DeleteObjectOutput{VersionId: done.version}
	if done.marker {
		out.DeleteMarker = aws.Bool(true)
	}
	return out, s.files.remove(done.file)
}

// DeleteObjects deletes up to 1,000 objects in one transaction.
func (s *Service) DeleteObjects(_ context.Context, in *s3.DeleteObjectsInput) (*s3.DeleteObjectsOutput, error) {
	_, _ = in.BypassGovernanceRetention, in.ChecksumAlgorithm // nothing is retained yet; wire has verified the checksum
	const most = 1000
	if len(in.Delete.Objects) > most {
		return nil, cloud.Errorf("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema: more than %d objects", most)
	}
	out := &s3.DeleteObjectsOutput{}
	var removed []string
	err := s.store.Update(func(tx *cloud.Tx) error {
		found, err := findBucket(tx, in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return err
		}
		for _, id := range in.Delete.Objects {
			done, err := remove(tx, found, aws.ToString(id.Key), id.VersionId)
			if err != nil {
				return err
			}
			removed = append(removed, done.file)
			if !aws.ToBool(in.Delete.Quiet) {
				out.Deleted = append(out.Deleted, deleted(id, done))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, file := range removed {
		if err := s.files.remove(file); err != nil {
			s.log.Warn("an object's file was not removed", "file", file, "error", err)
		}
	}
	return out, nil
}

func deleted(id types.ObjectIdentifier, done deletion) types.DeletedObject {
	result := types.DeletedObject{Key: id.Key, VersionId: id.VersionId}
	if done.marker {
		result.DeleteMarker, result.DeleteMarkerVersionId = aws.Bool(true), done.version
	}
	return result
}

// GetObjectTagging returns an object's tags.
func (s *Service) GetObjectTagging(ctx context.Context, in *s3.GetObjectTaggingInput) (*s3.GetObjectTaggingOutput, error) {
	b, o, err := s.lookup(ctx, in.Bucket, in.ExpectedBucketOwner, in.Key, in.VersionId, readGuard{})
	if err != nil {
		return nil, err
	}
	return &s3.GetObjectTaggingOutput{TagSet: append([]types.Tag{}, o.Tags...), VersionId: o.shownVersion(b)}, nil
}

// PutObjectTagging replaces an object's tags.
func (s *Service) PutObjectTagging(_ context.Context, in *s3.PutObjectTaggingInput) (*s3.PutObjectTaggingOutput, error) {
	return &s3.PutObjectTaggingOutput{}, s.retag(in.Bucket, in.ExpectedBucketOwner, in.Key, in.VersionId, in.Tagging.TagSet)
}

// DeleteObjectTagging removes an object's tags.
func (s *Service) DeleteObjectTagging(_ context.Context, in *s3.DeleteObjectTaggingInput) (*s3.DeleteObjectTaggingOutput, error) {
	return &s3.DeleteObjectTaggingOutput{}, s.retag(in.Bucket, in.ExpectedBucketOwner, in.Key, in.VersionId, nil)
}

func (s *Service) retag(bucketName, expectedOwner, key, version *string, tags []types.Tag) error {
	if err := checkTags(tags); err != nil {
		return err
	}
	return s.store.Update(func(tx *cloud.Tx) error {
		if _, err := findBucket(tx, bucketName, expectedOwner); err != nil {
			return err
		}
		found, err := current(tx, aws.ToString(bucketName), aws.ToString(key), version)
		if err != nil {
			return err
		}
		found.Tags = tags
		return objects.Put(tx, found.Bucket, objectID(found.Key, found.Order), found)
	})
}

// CopyObject copies an object, with its headers unless they are replaced.
func (s *Service) CopyObject(ctx context.Context, in *s3.CopyObjectInput) (*s3.CopyObjectOutput, error) {
	sourceBucket, sourceKey, version, err := parseSource(aws.ToString(in.CopySource))
	if err != nil {
		return nil, err
	}
	from, source, err := s.read(ctx, &sourceBucket, in.ExpectedSourceBucketOwner, &sourceKey, version,
		readGuard{in.CopySourceIfMatch, in.CopySourceIfNoneMatch, in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince})
	if err != nil {
		return nil, err
	}
	made := &object{Bucket: aws.ToString(in.Bucket), Key: aws.ToString(in.Key), ETag: source.ETag, Tags: source.Tags, Headers: source.Headers, Checksum: source.Checksum}
	if in.MetadataDirective == types.MetadataDirectiveReplace {
		made.Headers = headers{
			ContentType: in.ContentType, CacheControl: in.CacheControl, ContentDisposition: in.ContentDisposition, ContentEncoding: in.ContentEncoding,
			ContentLanguage: in.ContentLanguage, Metadata: in.Metadata,
		}
	} else if sourceBucket == made.Bucket && sourceKey == made.Key && in.StorageClass == "" && in.ServerSideEncryption == "" {
		return nil, cloud.Errorf("InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	made.Headers.Encryption, made.Headers.KeyARN, made.Headers.BucketKey, made.Headers.Class = in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled, in.StorageClass
	if in.TaggingDirective == types.TaggingDirectiveReplace {
		if made.Tags, err = parseTags(in.Tagging); err != nil {
			return nil, err
		}
	}
	body, err := s.files.open(source.File)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if made.File, made.Size, _, err = s.files.write(body); err != nil {
		return nil, err
	}
	to, err := s.keep(ctx, made, conditions{})
	if err != nil {
		return nil, err
	}
	modified := made.Modified.In(time.UTC)
	return &s3.CopyObjectOutput{
		CopyObjectResult: &types.CopyObjectResult{ETag: aws.String(made.ETag), LastModified: &modified}, CopySourceVersionId: source.shownVersion(from),
		VersionId: made.shownVersion(to), ServerSideEncryption: made.Headers.Encryption, SSEKMSKeyId: made.Headers.KeyARN,
	}, nil
}
