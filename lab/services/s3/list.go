package s3

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"haven/lab/cloud"
)

const mostKeys = 1000

// listing is one page over a bucket's keys: objects, and prefixes that stand for all keys up to the delimiter.
type listing struct {
	prefix, delimiter, after string
	limit                    int

	items     []*object
	prefixes  []string
	truncated bool
	last      string // key or prefix that the page ended with
}

// take adds what an object contributes; it is false when the page is full.
func (l *listing) take(o *object) bool {
	group := l.group(o.Key)
	if group != "" {
		if group <= l.after || (len(l.prefixes) > 0 && l.prefixes[len(l.prefixes)-1] == group) {
			return true
		}
	} else if o.Key <= l.after {
		return true
	}
	if len(l.items)+len(l.prefixes) >= l.limit {
		l.truncated = true
		return false
	}
	if group != "" {
		l.prefixes, l.last = append(l.prefixes, group), group
	} else {
		l.items, l.last = append(l.items, o), o.Key
	}
	return true
}

// group returns the common prefix that a key falls under.
func (l *listing) group(key string) string {
	if l.delimiter == "" {
		return ""
	}
	rest := key[len(l.prefix):]
	if i := strings.Index(rest, l.delimiter); i >= 0 {
		return l.prefix + rest[:i+len(l.delimiter)]
	}
	return ""
}

func limitOf(n *int32) int {
	if n == nil || *n > mostKeys {
		return mostKeys
	}
	return int(*n)
}

// run lists the newest versions that are no delete markers.
func (s *Service) run(bucketName, expectedOwner *string, l *listing) error {
	return s.store.View(func(tx *cloud.Tx) error {
		found, err := findBucket(tx, bucketName, expectedOwner)
		if err != nil {
			return err
		}
		rows, err := objects.ListPrefix(tx, found.Name, l.prefix)
		if err != nil || l.limit == 0 {
			return err
		}
		previous := ""
		for i, row := range rows {
			newest := i == 0 || row.Key != previous
			previous = row.Key
			if newest && !row.Marker && !l.take(row) {
				return nil
			}
		}
		return nil
	})
}

// encoded applies the encoding type url to keys in the answer.
func encoded(kind types.EncodingType) func(string) *string {
	if kind == types.EncodingTypeUrl {
		return func(text string) *string { return aws.String(strings.ReplaceAll(url.QueryEscape(text), "%2F", "/")) }
	}
	return func(text string) *string { return &text }
}

func contents(items []*object, encode func(string) *string) []types.Object {
	all := []types.Object{}
	for _, o := range items {
		class := types.ObjectStorageClassStandard
		if o.Headers.Class != "" {
			class = types.ObjectStorageClass(o.Headers.Class)
		}
		all = append(all, types.Object{Key: encode(o.Key), Size: aws.Int64(o.Size), ETag: aws.String(o.ETag), LastModified: &o.Modified, StorageClass: class})
	}
	return all
}

func commonPrefixes(prefixes []string, encode func(string) *string) (all []types.CommonPrefix) {
	for _, prefix := range prefixes {
		all = append(all, types.CommonPrefix{Prefix: encode(prefix)})
	}
	return all
}

// ListObjectsV2 lists keys by pages with opaque tokens.
func (s *Service) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	l := &listing{prefix: aws.ToString(in.Prefix), delimiter: aws.ToString(in.Delimiter), after: aws.ToString(in.StartAfter), limit: limitOf(in.MaxKeys)}
	if in.ContinuationToken != nil {
		after, err := base64.RawURLEncoding.DecodeString(*in.ContinuationToken)
		if err != nil {
			return nil, cloud.Errorf("InvalidArgument", "The continuation token provided is incorrect")
		}
		l.after = string(after)
	}
	if err := s.run(in.Bucket, in.ExpectedBucketOwner, l); err != nil {
		return nil, err
	}
	encode := encoded(in.EncodingType)
	out := &s3.ListObjectsV2Output{
		Name: in.Bucket, Prefix: encode(l.prefix), Delimiter: in.Delimiter, MaxKeys: aws.Int32(int32(l.limit)), EncodingType: in.EncodingType, StartAfter: in.StartAfter,
		ContinuationToken: in.ContinuationToken, IsTruncated: aws.Bool(l.truncated), KeyCount: aws.Int32(int32(len(l.items) + len(l.prefixes))),
		Contents: contents(l.items, encode), CommonPrefixes: commonPrefixes(l.prefixes, encode),
	}
	if aws.ToBool(in.FetchOwner) {
		for i := range out.Contents {
			out.Contents[i].Owner = owner
		}
	}
	if l.truncated {
		out.NextContinuationToken = aws.String(base64.RawURLEncoding.EncodeToString([]byte(l.last)))
	}
	return out, nil
}

// ListObjects is the older listing, whose marker is a key.
func (s *Service) ListObjects(_ context.Context, in *s3.ListObjectsInput) (*s3.ListObjectsOutput, error) {
	l := &listing{prefix: aws.ToString(in.Prefix), delimiter: aws.ToString(in.Delimiter), after: aws.ToString(in.Marker), limit: limitOf(in.MaxKeys)}
	if err := s.run(in.Bucket, in.ExpectedBucketOwner, l); err != nil {
		return nil, err
	}
	encode := encoded(in.EncodingType)
	out := &s3.ListObjectsOutput{
		Name: in.Bucket, Prefix: encode(l.prefix), Delimiter: in.Delimiter, Marker: encode(l.after), MaxKeys: aws.Int32(int32(l.limit)), EncodingType: in.EncodingType,
		IsTruncated: aws.Bool(l.truncated), Contents: contents(l.items, encode), CommonPrefixes: commonPrefixes(l.prefixes, encode),
	}
	if l.truncated && l.delimiter != "" {
		out.NextMarker = encode(l.last)
	}
	return out, nil
}

// ListObjectVersions lists every version and delete marker.
func (s *Service) ListObjectVersions(_ context.Context, in *s3.ListObjectVersionsInput) (*s3.ListObjectVersionsOutput, error) {
	if in.Delimiter != nil {
		return nil, cloud.Unsupportedf("NotImplemented", "Delimiter of ListObjectVersions")
	}
	limit, encode := limitOf(in.MaxKeys), encoded(in.EncodingType)
	out := &s3.ListObjectVersionsOutput{
		Name: in.Bucket, Prefix: encode(aws.ToString(in.Prefix)), KeyMarker: encode(aws.ToString(in.KeyMarker)), VersionIdMarker: in.VersionIdMarker,
		MaxKeys: aws.Int32(int32(limit)), EncodingType: in.EncodingType, IsTruncated: aws.Bool(false),
	}
	err := s.store.View(func(tx *cloud.Tx) error {
		found, err := findBucket(tx, in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return err
		}
		rows, err := objects.ListPrefix(tx, found.Name, aws.ToString(in.Prefix))
		if err != nil {
			return err
		}
		previous, started := "", in.KeyMarker == nil
		for _, row := range rows {
			latest := row.Key != previous
			previous = row.Key
			if !started {
				started = in.VersionIdMarker != nil && row.Key == *in.KeyMarker && row.Version == *in.VersionIdMarker
				if started || row.Key <= *in.KeyMarker {
					continue
				}
				started = true
			}
			if len(out.Versions)+len(out.DeleteMarkers) == limit {
				out.IsTruncated = aws.Bool(true)
				return nil
			}
			addVersion(out, row, latest, encode)
		}
		out.NextKeyMarker, out.NextVersionIdMarker = nil, nil // the last page
		return nil
	})
	return out, err
}

func addVersion(out *s3.ListObjectVersionsOutput, row *object, latest bool, encode func(string) *string) {
	out.NextKeyMarker, out.NextVersionIdMarker = encode(row.Key), aws.String(row.Version)
	if row.Marker {
		out.DeleteMarkers = append(out.DeleteMarkers, types.DeleteMarkerEntry{
			Key: encode(row.Key), VersionId: aws.String(row.Version), IsLatest: aws.Bool(latest), LastModified: &row.Modified, Owner: owner,
		})
		return
	}
	out.Versions = append(out.Versions, types.ObjectVersion{
		Key: encode(row.Key), VersionId: aws.String(row.Version), IsLatest: aws.Bool(latest), LastModified: &row.Modified, Owner: owner,
		ETag: aws.String(row.ETag), Size: aws.Int64(row.Size), StorageClass: types.ObjectVersionStorageClassStandard,
	})
}

// parseSource reads CopySource: bucket/key, perhaps with a version, all URL-encoded.
func parseSource(text string) (bucket, key string, version *string, err error) {
	path, query, _ := strings.Cut(strings.TrimPrefix(text, "/"), "?")
	decoded, err := url.PathUnescape(path)
	bucket, key, ok := strings.Cut(decoded, "/")
	if err != nil || !ok {
		return "", "", nil, cloud.Errorf("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	}
	if id, ok := strings.CutPrefix(query, "versionId="); ok {
		version = &id
	}
	return bucket, key, version, nil
}
