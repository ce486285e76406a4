package wire_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	efstypes "github.com/aws/aws-sdk-go-v2/service/efs/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	fakecw "haven/lab/wire/internal/fakes/cloudwatch"
	fakeefs "haven/lab/wire/internal/fakes/efs"
	fake53 "haven/lab/wire/internal/fakes/route53"
	fakes3 "haven/lab/wire/internal/fakes/s3"
)

func s3Client(t testing.TB, fake *fakes3.Service) *s3.Client {
	return s3.NewFromConfig(serve(t, map[string]any{"s3": fake}), func(o *s3.Options) { o.UsePathStyle = true })
}

func TestRESTJSON(t *testing.T) {
	fake := &fakeefs.Service{}
	client := efs.NewFromConfig(serve(t, map[string]any{"efs": fake}))
	ctx := context.Background()
	tags := []efstypes.Tag{{Key: aws.String("a"), Value: aws.String("b")}}
	out, err := client.CreateFileSystem(ctx, &efs.CreateFileSystemInput{CreationToken: aws.String("t"), Encrypted: aws.Bool(true), Tags: tags})
	require.NoError(t, err)
	assert.Equal(t, "t", *out.CreationToken)
	assert.Equal(t, tags, out.Tags)
	assert.Equal(t, int32(2), out.NumberOfMountTargets)
	assert.Equal(t, time.UnixMilli(1767322400500).UTC(), out.CreationTime.UTC())

	_, err = client.DescribeFileSystems(ctx, &efs.DescribeFileSystemsInput{FileSystemId: aws.String("fs-9")})
	var missing *efstypes.FileSystemNotFound
	require.ErrorAs(t, err, &missing)
	assert.Equal(t, "FileSystemNotFound", *missing.ErrorCode_)
	assert.Contains(t, missing.ErrorMessage(), "fs-9")

	arn := "arn:aws:elasticfilesystem:us-east-1:000000000000:file-system/fs-1"
	_, err = client.UntagResource(ctx, &efs.UntagResourceInput{ResourceId: &arn, TagKeys: []string{"a", "b c"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b c"}, fake.Untag.TagKeys)
	assert.Equal(t, arn, *fake.Untag.ResourceId)

	_, err = client.DeleteFileSystem(ctx, &efs.DeleteFileSystemInput{FileSystemId: aws.String("fs-1")})
	requireCode(t, "FileSystemInUse", err)
	_, err = client.DescribeMountTargets(ctx, &efs.DescribeMountTargetsInput{})
	failure := requireCode(t, "UnknownOperationException", err)
	assert.Contains(t, failure.ErrorMessage(), "DescribeMountTargets")
}

func TestRESTXML(t *testing.T) {
	fake := &fake53.Service{}
	client := route53.NewFromConfig(serve(t, map[string]any{"route53": fake}))
	batch := &r53types.ChangeBatch{Changes: []r53types.Change{{
		Action: r53types.ChangeActionUpsert,
		ResourceRecordSet: &r53types.ResourceRecordSet{
			Name: aws.String("www.haven.test."), Type: r53types.RRTypeA, TTL: aws.Int64(60),
			ResourceRecords: []r53types.ResourceRecord{{Value: aws.String("192.0.2.1")}, {Value: aws.String("192.0.2.2")}},
		},
	}}}
	out, err := client.ChangeResourceRecordSets(context.Background(), &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: aws.String("/hostedzone/Z1"), ChangeBatch: batch,
	})
	require.NoError(t, err)
	assert.Equal(t, batch, fake.Change.ChangeBatch)
	assert.Equal(t, "Z1", *fake.Change.HostedZoneId)
	assert.Equal(t, r53types.ChangeStatusInsync, out.ChangeInfo.Status)
	_, err = client.GetHostedZone(context.Background(), &route53.GetHostedZoneInput{Id: aws.String("Z9")})
	var missing *r53types.NoSuchHostedZone
	require.ErrorAs(t, err, &missing)
}

func TestS3Objects(t *testing.T) {
	fake := fakes3.New()
	client := s3Client(t, fake)
	ctx := context.Background()
	body := strings.Repeat("haven ", 40_000)
	key := aws.String("a b/ü+&=?/.//c")
	_, err := client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String("bucket"), Key: key, Body: strings.NewReader(body),
		ContentType: aws.String("text/plain"), Metadata: map[string]string{"Owner": "me"},
	})
	require.NoError(t, err)
	assert.Equal(t, "text/plain", *fake.Put.ContentType)
	assert.Equal(t, map[string]string{"owner": "me"}, fake.Put.Metadata)
	assert.Equal(t, int64(len(body)), *fake.Put.ContentLength)

	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: key})
	require.NoError(t, err)
	read, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	assert.Equal(t, body, string(read))
	assert.Equal(t, map[string]string{"owner": "me"}, out.Metadata)
	assert.Equal(t, int64(1767322400), out.LastModified.Unix())

	_, err = client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("none")})
	var missing *s3types.NoSuchKey
	require.ErrorAs(t, err, &missing)
	_, err = client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("bucket"), Key: aws.String("none")})
	var notFound *s3types.NotFound
	require.ErrorAs(t, err, &notFound)
	head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("bucket"), Key: key})
	require.NoError(t, err)
	assert.Equal(t, int64(len(body)), *head.ContentLength)
	deleted, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String("bucket"), Key: key})
	require.NoError(t, err)
	assert.True(t, *deleted.DeleteMarker)
}

// TestS3Checksums sends each of the checksums that S3 knows.
func TestS3Checksums(t *testing.T) {
	fake := fakes3.New()
	client := s3Client(t, fake)
	for _, algorithm := range []s3types.ChecksumAlgorithm{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"} {
		_, err := client.PutObject(context.Background(), &s3.PutObjectInput{
			Bucket: aws.String("b"), Key: aws.String("k"), Body: strings.NewReader("body"), ChecksumAlgorithm: algorithm,
		})
		require.NoError(t, err, algorithm)
	}
	_, err := client.PutObject(context.Background(), &s3.PutObjectInput{
		Bucket: aws.String("b"), Key: aws.String("bad"), Body: strings.NewReader("body"), ChecksumCRC32: aws.String("AAAAAA=="),
	})
	requireCode(t, "BadDigest", err)
	_, err = client.PutObject(context.Background(), &s3.PutObjectInput{
		Bucket: aws.String("b"), Key: aws.String("bad"), Body: strings.NewReader("body"), ContentMD5: aws.String("AAAAAAAAAAAAAAAAAAAAAA=="),
	})
	requireCode(t, "BadDigest", err)
	assert.NotContains(t, fake.Objects, "b|bad")
}

func TestS3Buckets(t *testing.T) {
	fake := fakes3.New()
	fake.Objects["k"] = nil
	client := s3Client(t, fake)
	ctx, bucket := context.Background(), aws.String("b")
	_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{
		LocationConstraint: s3types.BucketLocationConstraintEuWest1,
	}})
	require.NoError(t, err)
	assert.Equal(t, s3types.BucketLocationConstraintEuWest1, fake.Bucket.CreateBucketConfiguration.LocationConstraint)
	location, err := client.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: bucket})
	require.NoError(t, err)
	assert.EqualValues(t, "us-east-1", location.LocationConstraint)
	acl, err := client.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: bucket})
	require.NoError(t, err)
	assert.Equal(t, s3types.TypeCanonicalUser, acl.Grants[0].Grantee.Type)
	list, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("a&b")})
	require.NoError(t, err)
	assert.Equal(t, "a&b", *list.Prefix)
	assert.Len(t, list.Contents, 1)
	deleted, err := client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &s3types.Delete{
		Objects: []s3types.ObjectIdentifier{{Key: aws.String("a")}, {Key: aws.String("b")}},
	}})
	require.NoError(t, err)
	assert.Len(t, fake.Delete.Objects, 2)
	assert.Len(t, deleted.Deleted, 2)
	done, err := client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: aws.String("k"), UploadId: aws.String("u"),
		MultipartUpload: &s3types.CompletedMultipartUpload{Parts: []s3types.CompletedPart{{PartNumber: aws.Int32(1), ETag: aws.String("e")}}},
	})
	require.NoError(t, err)
	assert.Equal(t, "1u", *done.ETag)

	_, err = client.GetBucketWebsite(ctx, &s3.GetBucketWebsiteInput{Bucket: bucket})
	requireCode(t, "NotImplemented", err)
	_, err = client.ListBuckets(ctx, &s3.ListBucketsInput{})
	requireCode(t, "NotImplemented", err)
	_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("k"), ACL: s3types.ObjectCannedACLPublicRead})
	requireCode(t, "NotImplemented", err)
}

func TestS3Presigned(t *testing.T) {
	fake := fakes3.New()
	presign := s3.NewPresignClient(s3Client(t, fake))
	put, err := presign.PresignPutObject(context.Background(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("k")})
	require.NoError(t, err)
	request, err := http.NewRequest(put.Method, put.URL, bytes.NewReader([]byte("signed in advance")))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, "signed in advance", string(fake.Objects["b|k"]))

	tampered := strings.Replace(put.URL, "/k?", "/other?", 1)
	request, err = http.NewRequest(put.Method, tampered, http.NoBody)
	require.NoError(t, err)
	response, err = http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	assert.Equal(t, http.StatusForbidden, response.StatusCode)
	assert.Contains(t, string(body), "<Code>SignatureDoesNotMatch</Code>")
}

func TestRPCv2CBOR(t *testing.T) {
	fake := &fakecw.Service{}
	client := cloudwatch.NewFromConfig(serve(t, map[string]any{"cloudwatch": fake}))
	ctx := context.Background()
	at := time.UnixMilli(1767322400250).UTC()
	_, err := client.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String("Haven"), MetricData: []cwtypes.MetricDatum{{
		MetricName: aws.String("m"), Value: aws.Float64(1.5), Timestamp: &at, Unit: cwtypes.StandardUnitCount,
		Dimensions: []cwtypes.Dimension{{Name: aws.String("zone"), Value: aws.String("a")}},
	}}})
	require.NoError(t, err)
	require.Len(t, fake.Data, 1)
	assert.Equal(t, "zone", *fake.Data[0].Dimensions[0].Name)
	out, err := client.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("Haven"), MetricName: aws.String("m"), StartTime: &at, EndTime: &at, Period: aws.Int32(60),
	})
	require.NoError(t, err)
	require.Len(t, out.Datapoints, 1)
	assert.Equal(t, 1.5, *out.Datapoints[0].Sum)
	assert.Equal(t, at, out.Datapoints[0].Timestamp.UTC())
	_, err = client.GetDashboard(ctx, &cloudwatch.GetDashboardInput{DashboardName: aws.String("d")})
	var missing *cwtypes.DashboardNotFoundError
	require.ErrorAs(t, err, &missing)
}
