package s3_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	lab "haven/lab/services/s3"
	"haven/lab/wire/wiretest"
)

type fixture struct {
	*s3.Client
	store *cloud.Store
	dir   string
}

func open(t *testing.T) fixture {
	t.Helper()
	dir := t.TempDir()
	store, err := cloud.Open(filepath.Join(dir, "store.db"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	service, err := lab.New(store, filepath.Join(dir, "objects"), slog.Default())
	require.NoError(t, err)
	config := wiretest.New(t, map[string]any{"s3": service})
	client := s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
	_, err = client.CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: aws.String("data")})
	require.NoError(t, err)
	return fixture{client, store, filepath.Join(dir, "objects")}
}

var data = aws.String("data")

func (f fixture) put(t *testing.T, key, body string) *s3.PutObjectOutput {
	t.Helper()
	out, err := f.PutObject(context.Background(), &s3.PutObjectInput{Bucket: data, Key: &key, Body: strings.NewReader(body)})
	require.NoError(t, err)
	return out
}

func (f fixture) get(t *testing.T, in *s3.GetObjectInput) string {
	t.Helper()
	in.Bucket = data
	out, err := f.GetObject(context.Background(), in)
	require.NoError(t, err)
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	return string(body)
}

func TestObjectsComeBackWithTheirHeaders(t *testing.T) {
	f, ctx := open(t), context.Background()
	_, err := f.PutObject(ctx, &s3.PutObjectInput{
		Bucket: data, Key: aws.String("a/b c+d"), Body: strings.NewReader("0123456789"), ContentType: aws.String("text/plain"), Metadata: map[string]string{"who": "me"}, Tagging: aws.String("k=v"),
	})
	require.NoError(t, err)
	head, err := f.HeadObject(ctx, &s3.HeadObjectInput{Bucket: data, Key: aws.String("a/b c+d")})
	require.NoError(t, err)
	require.EqualValues(t, 10, *head.ContentLength)
	require.Equal(t, "text/plain", *head.ContentType)
	require.Equal(t, map[string]string{"who": "me"}, head.Metadata)
	require.Equal(t, `"781e5e245d69b566979b86e28d23f2c7"`, *head.ETag)
	require.Equal(t, types.ServerSideEncryptionAes256, head.ServerSideEncryption)

	require.Equal(t, "2345", f.get(t, &s3.GetObjectInput{Key: aws.String("a/b c+d"), Range: aws.String("bytes=2-5")}))
	require.Equal(t, "89", f.get(t, &s3.GetObjectInput{Key: aws.String("a/b c+d"), Range: aws.String("bytes=-2")}))
	_, err = f.GetObject(ctx, &s3.GetObjectInput{Bucket: data, Key: aws.String("a/b c+d"), Range: aws.String("bytes=10-")})
	require.ErrorContains(t, err, "InvalidRange")
	_, err = f.GetObject(ctx, &s3.GetObjectInput{Bucket: data, Key: aws.String("missing")})
	var missing *types.NoSuchKey
	require.ErrorAs(t, err, &missing)
}

func TestVersionsAndDeleteMarkers(t *testing.T) {
	f, ctx := open(t), context.Background()
	key := aws.String("k")
	f.put(t, "k", "before versioning")
	_, err := f.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: data, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	require.NoError(t, err)
	one, two := f.put(t, "k", "one"), f.put(t, "k", "two")
	require.Equal(t, "two", f.get(t, &s3.GetObjectInput{Key: key}))
	require.Equal(t, "one", f.get(t, &s3.GetObjectInput{Key: key, VersionId: one.VersionId}))
	require.Equal(t, "before versioning", f.get(t, &s3.GetObjectInput{Key: key, VersionId: aws.String("null")}))

	gone, err := f.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: data, Key: key})
	require.NoError(t, err)
	require.True(t, *gone.DeleteMarker)
	_, err = f.GetObject(ctx, &s3.GetObjectInput{Bucket: data, Key: key})
	require.ErrorContains(t, err, "NoSuchKey")
	all, err := f.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: data})
	require.NoError(t, err)
	require.Len(t, all.Versions, 3)
	require.Len(t, all.DeleteMarkers, 1)
	require.True(t, *all.DeleteMarkers[0].IsLatest)

	_, err = f.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: data})
	require.ErrorContains(t, err, "BucketNotEmpty")
	var ids []types.ObjectIdentifier
	for _, v := range all.Versions {
		ids = append(ids, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
	}
	for _, v := range all.DeleteMarkers {
		ids = append(ids, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
	}
	_, err = f.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: data, Delete: &types.Delete{Objects: ids}})
	require.NoError(t, err)
	_, err = f.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: data})
	require.NoError(t, err)
	left, err := os.ReadDir(f.dir)
	require.NoError(t, err)
	require.Empty(t, left, "a deleted version's body must go")
	require.NotEqual(t, *one.VersionId, *two.VersionId)
}

func TestWritesCanBeGuarded(t *testing.T) {
	f, ctx := open(t), context.Background()
	first := f.put(t, "k", "one")
	_, err := f.PutObject(ctx, &s3.PutObjectInput{Bucket: data, Key: aws.String("k"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
	require.ErrorContains(t, err, "PreconditionFailed")
	_, err = f.PutObject(ctx, &s3.PutObjectInput{Bucket: data, Key: aws.String("k"), Body: strings.NewReader("two"), IfMatch: first.ETag})
	require.NoError(t, err)
	_, err = f.PutObject(ctx, &s3.PutObjectInput{Bucket: data, Key: aws.String("k"), Body: strings.NewReader("x"), IfMatch: first.ETag})
	require.ErrorContains(t, err, "PreconditionFailed")
	require.Equal(t, "two", f.get(t, &s3.GetObjectInput{Key: aws.String("k")}))
}

func TestAMultipartUploadBecomesOneObject(t *testing.T) {
	f, ctx := open(t), context.Background()
	key := aws.String("big")
	begun, err := f.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: data, Key: key})
	require.NoError(t, err)
	var whole []byte
	var parts []types.CompletedPart
	for i, size := range []int{5 << 20, 1 << 10} {
		body := make([]byte, size)
		rand.Read(body)
		whole = append(whole, body...)
		out, err := f.UploadPart(ctx, &s3.UploadPartInput{Bucket: data, Key: key, UploadId: begun.UploadId, PartNumber: aws.Int32(int32(i + 1)), Body: bytes.NewReader(body)})
		require.NoError(t, err)
		parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: out.ETag})
	}
	complete := func(parts ...types.CompletedPart) error {
		_, err := f.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: data, Key: key, UploadId: begun.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
		return err
	}
	require.ErrorContains(t, complete(parts[1], parts[0]), "InvalidPartOrder")
	require.ErrorContains(t, complete(types.CompletedPart{PartNumber: aws.Int32(1), ETag: aws.String("x")}), "InvalidPart")
	require.NoError(t, complete(parts...))
	require.Equal(t, whole, []byte(f.get(t, &s3.GetObjectInput{Key: key})))
	require.ErrorContains(t, complete(parts...), "NoSuchUpload")
	left, err := os.ReadDir(f.dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "the parts' files must go")
}

func TestListingsPageThroughPrefixes(t *testing.T) {
	f, ctx := open(t), context.Background()
	for i := range 5 {
		f.put(t, fmt.Sprintf("a/%d", i), "x")
		f.put(t, fmt.Sprintf("b%d", i), "x")
	}
	var keys, prefixes []string
	pages := s3.NewListObjectsV2Paginator(f.Client, &s3.ListObjectsV2Input{Bucket: data, Delimiter: aws.String("/"), MaxKeys: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		require.NoError(t, err)
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
		}
		for _, p := range page.CommonPrefixes {
			prefixes = append(prefixes, *p.Prefix)
		}
	}
	require.Equal(t, []string{"b0", "b1", "b2", "b3", "b4"}, keys)
	require.Equal(t, []string{"a/"}, prefixes)
	under, err := f.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: data, Prefix: aws.String("a/"), StartAfter: aws.String("a/2")})
	require.NoError(t, err)
	require.EqualValues(t, 2, *under.KeyCount)
}

func TestUnsetSettingsHaveTheirOwnErrors(t *testing.T) {
	f, ctx := open(t), context.Background()
	code := func(want string, err error) { t.Helper(); require.ErrorContains(t, err, want) }
	_, err := f.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: data})
	code("NoSuchBucketPolicy", err)
	_, err = f.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: data})
	code("NoSuchTagSet", err)
	_, err = f.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: data})
	code("NoSuchLifecycleConfiguration", err)
	_, err = f.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: data})
	code("NoSuchCORSConfiguration", err)
	_, err = f.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: data})
	code("ObjectLockConfigurationNotFoundError", err)
	_, err = f.GetBucketReplication(ctx, &s3.GetBucketReplicationInput{Bucket: data})
	code("ReplicationConfigurationNotFoundError", err)
	_, err = f.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: aws.String("nowhere")})
	code("NoSuchBucket", err)
	_, err = f.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: data})
	code("BucketAlreadyOwnedByYou", err)
	_, err = f.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("Bad_Name")})
	code("InvalidBucketName", err)
}

func TestABodyWithoutAnObjectIsSweptAway(t *testing.T) {
	f := open(t)
	f.put(t, "k", "kept")
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, "orphan.new"), []byte("x"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, "orphan"), []byte("x"), 0o600))
	_, err := lab.New(f.store, f.dir, slog.Default())
	require.NoError(t, err)
	left, err := os.ReadDir(f.dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, "kept", f.get(t, &s3.GetObjectInput{Key: aws.String("k")}))
}
