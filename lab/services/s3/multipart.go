package s3

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"haven/lab/cloud"
)

// smallestPart is the least size of every part but the last
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
const smallestPart = 5 << 20

func findUpload(tx *cloud.Tx, bucketName, key, id *string) (*upload, error) {
	found, err := uploads.Get(tx, aws.ToString(bucketName), aws.ToString(id))
	if err == nil && (found == nil || found.Key != aws.ToString(key)) {
		err = cloud.StatusErrorf(404, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.")
	}
	return found, err
}

// CreateMultipartUpload begins an upload in parts.
func (s *Service) CreateMultipartUpload(_ context.Context, in *s3.CreateMultipartUploadInput) (*s3.CreateMultipartUploadOutput, error) {
	if err := s.accepts(in.Bucket, in.ExpectedBucketOwner, string(in.ACL)); err != nil {
		return nil, err
	}
	tags, err := parseTags(in.Tagging)
	if err != nil {
		return nil, err
	}
	made := &upload{
		Bucket: aws.ToString(in.Bucket), Key: aws.ToString(in.Key), ID: cloud.RandomHex(64), Started: time.Now().UTC(), Tags: tags, Parts: map[int32]part{},
		Headers: headers{
			ContentType: in.ContentType, CacheControl: in.CacheControl, ContentDisposition: in.ContentDisposition, ContentEncoding: in.ContentEncoding,
			ContentLanguage: in.ContentLanguage, Expires: in.Expires, Metadata: in.Metadata, Encryption: in.ServerSideEncryption, KeyARN: in.SSEKMSKeyId,
			BucketKey: in.BucketKeyEnabled, Class: in.StorageClass,
		},
	}
	err = s.store.Update(func(tx *cloud.Tx) error {
		if _, err := findBucket(tx, in.Bucket, in.ExpectedBucketOwner); err != nil {
			return err
		}
		return uploads.Put(tx, made.Bucket, made.ID, made)
	})
	return &s3.CreateMultipartUploadOutput{
		Bucket: in.Bucket, Key: in.Key, UploadId: aws.String(made.ID), ServerSideEncryption: in.ServerSideEncryption, SSEKMSKeyId: in.SSEKMSKeyId,
		ChecksumAlgorithm: in.ChecksumAlgorithm, ChecksumType: in.ChecksumType,
	}, err
}

// UploadPart keeps one part, replacing an earlier one of its number.
func (s *Service) UploadPart(_ context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	_, _, _ = in.ContentLength, in.ContentMD5, in.ChecksumAlgorithm // wire has verified length and checksums
	number := aws.ToInt32(in.PartNumber)
	const most = 10000
	if number < 1 || number > most {
		return nil, cloud.Errorf("InvalidArgument", "Part number must be an integer between 1 and %d, inclusive", most)
	}
	name, size, sum, err := s.files.write(in.Body)
	if err != nil {
		return nil, err
	}
	made := part{File: name, Size: size, ETag: quotedETag(sum), Modified: time.Now().UTC()}
	var obsolete string
	err = s.store.Update(func(tx *cloud.Tx) error {
		if _, err := findBucket(tx, in.Bucket, in.ExpectedBucketOwner); err != nil {
			return err
		}
		found, err := findUpload(tx, in.Bucket, in.Key, in.UploadId)
		if err != nil {
			return err
		}
		obsolete, found.Parts[number] = found.Parts[number].File, made
		return uploads.Put(tx, found.Bucket, found.ID, found)
	})
	if err != nil {
		obsolete = name
	}
	if removal := s.files.remove(obsolete); removal != nil {
		s.log.Warn("a part's file was not removed", "file", obsolete, "error", removal)
	}
	return &s3.UploadPartOutput{
		ETag: aws.String(made.ETag), ChecksumCRC32: in.ChecksumCRC32, ChecksumCRC32C: in.ChecksumCRC32C, ChecksumCRC64NVME: in.ChecksumCRC64NVME,
		ChecksumSHA1: in.ChecksumSHA1, ChecksumSHA256: in.ChecksumSHA256,
	}, err
}

// choose returns the parts that make up the object, in order.
func (u *upload) choose(wanted []types.CompletedPart) ([]part, error) {
	if len(wanted) == 0 {
		return nil, cloud.Errorf("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema: no parts")
	}
	if !slices.IsSortedFunc(wanted, func(a, b types.CompletedPart) int { return int(aws.ToInt32(a.PartNumber) - aws.ToInt32(b.PartNumber)) }) {
		return nil, cloud.Errorf("InvalidPartOrder", "The list of parts was not in ascending order. The parts list must be specified in order by part number.")
	}
	var parts []part
	for i, w := range wanted {
		number := aws.ToInt32(w.PartNumber)
		found, ok := u.Parts[number]
		switch {
		case !ok || !sameETag(aws.ToString(w.ETag), found.ETag):
			return nil, cloud.Errorf("InvalidPart", "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag: part %d.", number)
		case i < len(wanted)-1 && found.Size < smallestPart:
			return nil, cloud.Errorf("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size: part %d has %d bytes.", number, found.Size)
		}
		parts = append(parts, found)
	}
	return parts, nil
}

// CompleteMultipartUpload makes the object out of its parts.
func (s *Service) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (*s3.CompleteMultipartUploadOutput, error) {
	_ = in.ChecksumType // parts carried their own checksums
	var under *upload
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		if _, err = findBucket(tx, in.Bucket, in.ExpectedBucketOwner); err != nil {
			return err
		}
		under, err = findUpload(tx, in.Bucket, in.Key, in.UploadId)
		return err
	})
	if err != nil {
		return nil, err
	}
	var wanted []types.CompletedPart
	if in.MultipartUpload != nil {
		wanted = in.MultipartUpload.Parts
	}
	parts, err := under.choose(wanted)
	if err != nil {
		return nil, err
	}
	made, err := s.join(under, parts)
	if err != nil {
		return nil, err
	}
	kept, err := s.keep(ctx, made, conditions{in.IfMatch, in.IfNoneMatch})
	if err != nil {
		return nil, err
	}
	if err := s.forget(under); err != nil {
		return nil, err
	}
	return &s3.CompleteMultipartUploadOutput{
		Bucket: in.Bucket, Key: in.Key, ETag: aws.String(made.ETag), VersionId: made.shownVersion(kept), Location: aws.String("/" + made.Bucket + "/" + made.Key),
		ServerSideEncryption: made.Headers.Encryption, SSEKMSKeyId: made.Headers.KeyARN, BucketKeyEnabled: made.Headers.BucketKey,
	}, nil
}

// join writes the parts into one body. The ETag is the MD5 of the parts' MD5s, with their number.
func (s *Service) join(under *upload, parts []part) (*object, error) {
	var readers []io.Reader
	sums := md5.New()
	for _, p := range parts {
		file, err := s.files.open(p.File)
		if err != nil {
			return nil, err
		}
		defer func(file *os.File) { file.Close() }(file)
		readers = append(readers, file)
		raw, err := hex.DecodeString(strings.Trim(p.ETag, `"`))
		if err != nil {
			return nil, err
		}
		sums.Write(raw)
	}
	name, size, _, err := s.files.write(io.MultiReader(readers...))
	return &object{
		Bucket: under.Bucket, Key: under.Key, File: name, Size: size, Parts: len(parts), Headers: under.Headers, Tags: under.Tags,
		ETag: fmt.Sprintf(`"%x-%d"`, sums.Sum(nil), len(parts)),
	}, err
}

// forget removes an upload with its parts.
func (s *Service) forget(under *upload) error {
	err := s.store.Update(func(tx *cloud.Tx) error { return uploads.Delete(tx, under.Bucket, under.ID) })
	for _, p := range under.Parts {
		if removal := s.files.remove(p.File); removal != nil {
			s.log.Warn("a part's file was not removed", "file", p.File, "error", removal)
		}
	}
	return err
}

// AbortMultipartUpload ends an upload and forgets its parts.
func (s *Service) AbortMultipartUpload(_ context.Context, in *s3.AbortMultipartUploadInput) (*s3.AbortMultipartUploadOutput, error) {
	var under *upload
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		if _, err = findBucket(tx, in.Bucket, in.ExpectedBucketOwner); err != nil {
			return err
		}
		under, err = findUpload(tx, in.Bucket, in.Key, in.UploadId)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &s3.AbortMultipartUploadOutput{}, s.forget(under)
}

// ListParts returns an upload's parts.
func (s *Service) ListParts(_ context.Context, in *s3.ListPartsInput) (*s3.ListPartsOutput, error) {
	out := &s3.ListPartsOutput{Bucket: in.Bucket, Key: in.Key, UploadId: in.UploadId, IsTruncated: aws.Bool(false), Owner: owner, Initiator: &types.Initiator{ID: owner.ID}}
	limit := limitOf(in.MaxParts)
	after := int32(0)
	if in.PartNumberMarker != nil {
		if _, err := fmt.Sscan(*in.PartNumberMarker, &after); err != nil {
			return nil, cloud.Errorf("InvalidArgument", "part-number-marker %q is not a number", *in.PartNumberMarker)
		}
	}
	return out, s.store.View(func(tx *cloud.Tx) error {
		if _, err := findBucket(tx, in.Bucket, in.ExpectedBucketOwner); err != nil {
			return err
		}
		under, err := findUpload(tx, in.Bucket, in.Key, in.UploadId)
		if err != nil {
			return err
		}
		for _, number := range slices.Sorted(maps.Keys(under.Parts)) {
			if number <= after {
				continue
			}
			if len(out.Parts) == limit {
				out.IsTruncated, out.NextPartNumberMarker = aws.Bool(true), aws.String(fmt.Sprint(*out.Parts[limit-1].PartNumber))
				return nil
			}
			p := under.Parts[number]
			out.Parts = append(out.Parts, types.Part{PartNumber: aws.Int32(number), Size: aws.Int64(p.Size), ETag: aws.String(p.ETag), LastModified: &p.Modified})
		}
		return nil
	})
}

// ListMultipartUploads returns a bucket's uploads under way.
func (s *Service) ListMultipartUploads(_ context.Context, in *s3.ListMultipartUploadsInput) (*s3.ListMultipartUploadsOutput, error) {
	out := &s3.ListMultipartUploadsOutput{Bucket: in.Bucket, Prefix: in.Prefix, IsTruncated: aws.Bool(false), MaxUploads: aws.Int32(mostKeys)}
	return out, s.store.View(func(tx *cloud.Tx) error {
		found, err := findBucket(tx, in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return err
		}
		under, err := uploads.List(tx, found.Name)
		if err != nil {
			return err
		}
		slices.SortFunc(under, func(a, b *upload) int { return strings.Compare(a.Key, b.Key) })
		for _, u := range under {
			if strings.HasPrefix(u.Key, aws.ToString(in.Prefix)) {
				out.Uploads = append(out.Uploads, types.MultipartUpload{Key: aws.String(u.Key), UploadId: aws.String(u.ID), Initiated: &u.Started, Owner: owner})
			}
		}
		return nil
	})
}
