package s3

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"haven/lab/cloud"
	"haven/lab/services/kms"
)

const nullVersion = "null"

func (o *object) shownVersion(b *bucket) *string {
	if b.Versioning == "" {
		return nil
	}
	return aws.String(o.Version)
}

// PutObject keeps an object as a new version.
func (s *Service) PutObject(ctx context.Context, in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
	if err := s.accepts(in.Bucket, in.ExpectedBucketOwner, string(in.ACL)); err != nil {
		return nil, err
	}
	tags, err := parseTags(in.Tagging)
	if err != nil {
		return nil, err
	}
	_, _, _ = in.ContentLength, in.ContentMD5, in.ChecksumAlgorithm // wire has verified length and checksums
	name, size, sum, err := s.files.write(in.Body)
	if err != nil {
		return nil, err
	}
	made := &object{
		Bucket: aws.ToString(in.Bucket), Key: aws.ToString(in.Key), File: name, Size: size, ETag: quotedETag(sum), Tags: tags,
		Headers: headers{
			ContentType: in.ContentType, CacheControl: in.CacheControl, ContentDisposition: in.ContentDisposition, ContentEncoding: in.ContentEncoding,
			ContentLanguage: in.ContentLanguage, Expires: in.Expires, Metadata: in.Metadata, Encryption: in.ServerSideEncryption, KeyARN: in.SSEKMSKeyId,
			BucketKey: in.BucketKeyEnabled, Class: in.StorageClass,
		},
		Checksum: checksum{in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256},
	}
	kept, err := s.keep(ctx, made, conditions{in.IfMatch, in.IfNoneMatch})
	if err != nil {
		return nil, err
	}
	return &s3.PutObjectOutput{
		ETag: aws.String(made.ETag), VersionId: made.shownVersion(kept), ServerSideEncryption: made.Headers.Encryption, SSEKMSKeyId: made.Headers.KeyARN, BucketKeyEnabled: made.Headers.BucketKey,
		ChecksumCRC32: made.Checksum.CRC32, ChecksumCRC32C: made.Checksum.CRC32C, ChecksumCRC64NVME: made.Checksum.CRC64NVME, ChecksumSHA1: made.Checksum.SHA1, ChecksumSHA256: made.Checksum.SHA256,
	}, nil
}

// conditions guard a write against what is there.
type conditions struct{ match, noneMatch *string }

func (c conditions) check(existing *object) error {
	failed := cloud.StatusErrorf(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	switch {
	case c.match != nil && existing == nil:
		return cloud.StatusErrorf(404, "NoSuchKey", "The specified key does not exist.")
	case c.match != nil && !sameETag(*c.match, existing.ETag):
		return failed
	case c.noneMatch != nil && existing != nil && (*c.noneMatch == "*" || sameETag(*c.noneMatch, existing.ETag)):
		return failed
	}
	return nil
}

func sameETag(a, b string) bool { return strings.Trim(a, `"`) == strings.Trim(b, `"`) }

// keep makes an object the newest version of its key; without versioning it replaces the one before. The body's file
// goes when the object is not kept.
func (s *Service) keep(ctx context.Context, made *object, guard conditions) (in *bucket, err error) {
	var replaced string
	err = s.store.Update(func(tx *cloud.Tx) error {
		if in, err = findBucket(tx, &made.Bucket, nil); err != nil {
			return err
		}
		existing, err := current(tx, made.Bucket, made.Key, nil)
		if err != nil && !cloud.HasCode(err, "NoSuchKey") {
			return err
		}
		if err := guard.check(existing); err != nil {
			return err
		}
		if err := in.encrypt(tx, made); err != nil {
			return err
		}
		if err := s.useKey(ctx, tx, "GenerateDataKey", made); err != nil {
			return err
		}
		replaced, err = add(tx, in, made)
		return err
	})
	if err != nil {
		replaced = made.File
	}
	if removal := s.files.remove(replaced); removal != nil {
		s.log.Warn("an object's file was not removed", "file", replaced, "error", removal)
	}
	return in, err
}

// add writes a version, replacing the null version unless versioning is on. It returns the replaced body's file.
func add(tx *cloud.Tx, in *bucket, made *object) (replaced string, err error) {
	made.Modified = time.Now().UTC().Truncate(time.Second)
	made.Order, made.Version = newestFirst(time.Now()), nullVersion
	if in.Versioning == types.BucketVersioningStatusEnabled {
		made.Version = cloud.RandomHex(32)
	} else if replaced, err = dropVersion(tx, in.Name, made.Key, nullVersion); err != nil {
		return "", err
	}
	return replaced, objects.Put(tx, in.Name, objectID(made.Key, made.Order), made)
}

// dropVersion removes one version of a key and returns its body's file.
func dropVersion(tx *cloud.Tx, bucket, key, version string) (file string, err error) {
	versions, err := versionsOf(tx, bucket, key)
	if err != nil {
		return "", err
	}
	for _, v := range versions {
		if v.Version == version {
			return v.File, objects.Delete(tx, bucket, objectID(key, v.Order))
		}
	}
	return "", nil
}

// encrypt settles which key protects an object: the one asked for, or the bucket's default.
func (b *bucket) encrypt(tx *cloud.Tx, made *object) error {
	if made.Headers.Encryption == "" && b.Encryption != nil {
		rule := b.Encryption.Rules[0]
		made.Headers.Encryption, made.Headers.KeyARN = rule.ApplyServerSideEncryptionByDefault.SSEAlgorithm, rule.ApplyServerSideEncryptionByDefault.KMSMasterKeyID
		made.Headers.BucketKey = rule.BucketKeyEnabled
	}
	if made.Headers.Encryption != types.ServerSideEncryptionAwsKms && made.Headers.Encryption != types.ServerSideEncryptionAwsKmsDsse {
		made.Headers.KeyARN, made.Headers.BucketKey = nil, nil
		return nil
	}
	ref := "alias/aws/s3"
	if made.Headers.KeyARN != nil {
		ref = *made.Headers.KeyARN
	}
	arn, err := kms.ResolveARN(tx, b.Region, ref)
	if err != nil {
		return ofKMS(err)
	}
	made.Headers.KeyARN = &arn
	return nil
}

func parseTags(text *string) ([]types.Tag, error) {
	values, err := url.ParseQuery(aws.ToString(text))
	if err != nil {
		return nil, cloud.Errorf("InvalidArgument", "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	}
	var tags []types.Tag
	for name, texts := range values {
		tags = append(tags, types.Tag{Key: aws.String(name), Value: aws.String(texts[0])})
	}
	return tags, checkTags(tags)
}

func checkTags(tags []types.Tag) error {
	const most = 10
	if len(tags) > most {
		return cloud.Errorf("BadRequest", "Object tags cannot be greater than %d", most)
	}
	return nil
}

// accepts tells whether a bucket takes uploads with a canned list.
func (s *Service) accepts(name, expectedOwner *string, canned string) error {
	return s.store.View(func(tx *cloud.Tx) error {
		found, err := findBucket(tx, name, expectedOwner)
		if err != nil {
			return err
		}
		return found.checkACL(tx, canned)
	})
}

// lookup finds the object that a read means, if its conditions hold.
func (s *Service) lookup(ctx context.Context, bucketName, expectedOwner, key, version *string, guard readGuard) (in *bucket, found *object, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		if in, err = findBucket(tx, bucketName, expectedOwner); err != nil {
			return err
		}
		if found, err = current(tx, in.Name, aws.ToString(key), version); err != nil {
			return s.hide(ctx, tx, in.Name, err)
		}
		return guard.check(found)
	})
	return in, found, err
}

// read is lookup for what needs the object's content, and therefore its key.
func (s *Service) read(ctx context.Context, bucketName, expectedOwner, key, version *string, guard readGuard) (*bucket, *object, error) {
	b, o, err := s.lookup(ctx, bucketName, expectedOwner, key, version, guard)
	if err == nil {
		err = s.store.View(func(tx *cloud.Tx) error { return s.useKey(ctx, tx, "Decrypt", o) })
	}
	return b, o, err
}

// readGuard are the conditions of a read (RFC 9110, section 13).
type readGuard struct {
	match, noneMatch          *string
	modified, unmodifiedSince *time.Time
}

func (g readGuard) check(o *object) error {
	switch {
	case g.match != nil && !sameETag(*g.match, o.ETag),
		g.match == nil && g.unmodifiedSince != nil && o.Modified.After(*g.unmodifiedSince):
		return cloud.StatusErrorf(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	case g.noneMatch != nil && sameETag(*g.noneMatch, o.ETag),
		g.noneMatch == nil && g.modified != nil && !o.Modified.After(*g.modified):
		return cloud.StatusErrorf(304, "NotModified", "Not Modified")
	}
	return nil
}

// GetObject returns an object, or a range of it.
func (s *Service) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	b, o, err := s.read(ctx, in.Bucket, in.ExpectedBucketOwner, in.Key, in.VersionId, readGuard{in.IfMatch, in.IfNoneMatch, in.IfModifiedSince, in.IfUnmodifiedSince})
	if err != nil {
		return nil, err
	}
	from, length, contentRange, err := parseRange(in.Range, o.Size)
	if err != nil {
		return nil, err
	}
	file, err := s.files.open(o.File)
	if err != nil {
		return nil, fmt.Errorf("reading the object %s/%s: %w", o.Bucket, o.Key, err)
	}
	out := &s3.GetObjectOutput{
		Body: &section{io.NewSectionReader(file, from, length), file}, ContentLength: aws.Int64(length), ContentRange: contentRange, AcceptRanges: aws.String("bytes"),
		ETag: aws.String(o.ETag), LastModified: &o.Modified, VersionId: o.shownVersion(b), Metadata: o.Headers.Metadata, ContentType: contentType(o, in.ResponseContentType),
		CacheControl: first(in.ResponseCacheControl, o.Headers.CacheControl), ContentDisposition: first(in.ResponseContentDisposition, o.Headers.ContentDisposition),
		ContentEncoding: first(in.ResponseContentEncoding, o.Headers.ContentEncoding), ContentLanguage: first(in.ResponseContentLanguage, o.Headers.ContentLanguage),
		ServerSideEncryption: o.Headers.Encryption, SSEKMSKeyId: o.Headers.KeyARN, BucketKeyEnabled: o.Headers.BucketKey, StorageClass: shownClass(o.Headers.Class),
	}
	if len(o.Tags) > 0 {
		out.TagCount = aws.Int32(int32(len(o.Tags)))
	}
	if in.ChecksumMode == types.ChecksumModeEnabled && contentRange == nil {
		c := o.Checksum
		out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1, out.ChecksumSHA256 = c.CRC32, c.CRC32C, c.CRC64NVME, c.SHA1, c.SHA256
	}
	return out, nil
}

// section reads part of a file and closes the whole.
type section struct {
	*io.SectionReader
	io.Closer
}

func first(texts ...*string) *string {
	for _, text := range texts {
		if text != nil {
			return text
		}
	}
	return nil
}

func contentType(o *object, override *string) *string {
	return first(override, o.Headers.ContentType, aws.String("binary/octet-stream"))
}

// shownClass leaves out STANDARD, as S3 does.
func shownClass(class types.StorageClass) types.StorageClass {
	if class == types.StorageClassStandard {
		return ""
	}
	return class
}

// parseRange reads "bytes=from-to" for a body of a size. Without a range it is the whole body.
func parseRange(header *string, size int64) (from, length int64, contentRange *string, err error) {
	text, ok := strings.CutPrefix(aws.ToString(header), "bytes=")
	if !ok || strings.Contains(text, ",") { // S3 ignores what it does not understand
		return 0, size, nil, nil
	}
	begin, end, _ := strings.Cut(text, "-")
	first, firstErr := strconv.ParseInt(begin, 10, 64)
	last, lastErr := strconv.ParseInt(end, 10, 64)
	switch {
	case begin == "" && lastErr == nil: // the last bytes
		first, last = max(0, size-last), size-1
	case firstErr == nil && end == "":
		last = size - 1
	case firstErr != nil || lastErr != nil || last < first:
		return 0, size, nil, nil
	}
	if first >= size {
		return 0, 0, nil, cloud.StatusErrorf(416, "InvalidRange", "The requested range is not satisfiable")
	}
	last = min(last, size-1)
	return first, last - first + 1, aws.String(fmt.Sprintf("bytes %d-%d/%d", first, last, size)), nil
}

// HeadObject tells all of an object but its body.
func (s *Service) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	b, o, err := s.read(ctx, in.Bucket, in.ExpectedBucketOwner, in.Key, in.VersionId, readGuard{in.IfMatch, in.IfNoneMatch, in.IfModifiedSince, in.IfUnmodifiedSince})
	if err != nil {
		return nil, err
	}
	_, length, contentRange, err := parseRange(in.Range, o.Size)
	if err != nil {
		return nil, err
	}
	out := &s3.HeadObjectOutput{
		ContentLength: aws.Int64(length), ContentRange: contentRange, AcceptRanges: aws.String("bytes"), ETag: aws.String(o.ETag), LastModified: &o.Modified, VersionId: o.shownVersion(b),
		Metadata: o.Headers.Metadata, ContentType: contentType(o, nil), CacheControl: o.Headers.CacheControl, ContentDisposition: o.Headers.ContentDisposition,
		ContentEncoding: o.Headers.ContentEncoding, ContentLanguage: o.Headers.ContentLanguage,
		ServerSideEncryption: o.Headers.Encryption, SSEKMSKeyId: o.Headers.KeyARN, BucketKeyEnabled: o.Headers.BucketKey, StorageClass: shownClass(o.Headers.Class),
	}
	if len(o.Tags) > 0 {
		out.TagCount = aws.Int32(int32(len(o.Tags)))
	}
	if in.ChecksumMode == types.ChecksumModeEnabled {
		c := o.Checksum
		out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1, out.ChecksumSHA256 = c.CRC32, c.CRC32C, c.CRC64NVME, c.SHA1, c.SHA256
	}
	return out, nil
}
