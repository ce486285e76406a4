package s3

import (
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"haven/lab/cloud"
)

// bucket is one row. Names are unique over all regions, so the table's region is cloud.Global.
type bucket struct {
	Name       string
	Region     string
	Created    time.Time
	Versioning types.BucketVersioningStatus
	Tags       []types.Tag
	Policy     string
	ACL        types.BucketCannedACL
	Encryption *types.ServerSideEncryptionConfiguration
	Public     *types.PublicAccessBlockConfiguration
	Ownership  *types.OwnershipControls
	Lifecycle  *lifecycle
	Logging    *types.LoggingEnabled
	Lock       *types.ObjectLockConfiguration
	Replicates *types.ReplicationConfiguration
}

type lifecycle struct {
	Rules   []types.LifecycleRule
	Minimum types.TransitionDefaultMinimumObjectSize
}

// object is one version of an object, or a delete marker.
type object struct {
	Bucket   string
	Key      string
	Version  string // "null" where versioning was off
	Order    string // sorts newest first
	Marker   bool   // a delete marker
	File     string // of the body
	Size     int64
	ETag     string // quoted
	Modified time.Time
	Parts    int
	Headers  headers
	Tags     []types.Tag
	Checksum checksum
}

// headers are kept with an object and given back.
type headers struct {
	ContentType, CacheControl, ContentDisposition, ContentEncoding, ContentLanguage *string
	Expires                                                                         *time.Time
	Metadata                                                                        map[string]string
	Encryption                                                                      types.ServerSideEncryption
	KeyARN                                                                          *string
	BucketKey                                                                       *bool
	Class                                                                           types.StorageClass
}

// checksum is what the uploader gave, or S3 computed.
type checksum struct{ CRC32, CRC32C, CRC64NVME, SHA1, SHA256 *string }

// upload is a multipart upload under way.
type upload struct {
	Bucket  string
	Key     string
	ID      string
	Started time.Time
	Headers headers
	Tags    []types.Tag
	Parts   map[int32]part
}

type part struct {
	File     string
	Size     int64
	ETag     string
	Modified time.Time
}

var (
	buckets = cloud.NewTable[bucket]("s3.buckets")
	objects = cloud.NewTable[object]("s3.objects")
	uploads = cloud.NewTable[upload]("s3.uploads")
)

// objectID orders versions of a key newest first behind their key; the table's region is the bucket's name.
func objectID(key, order string) string { return key + "\x00" + order }

// newestFirst is an ordering text that later moments sort before.
func newestFirst(now time.Time) string {
	const forever = int64(1) << 62
	return strings.ToLower(time.Unix(0, forever-now.UnixNano()).UTC().Format("20060102150405.000000000")) + cloud.RandomHex(4)
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// findBucket returns a bucket, checking the owner that the caller expects.
func findBucket(tx *cloud.Tx, name, expectedOwner *string) (*bucket, error) {
	if expectedOwner != nil && *expectedOwner != cloud.Account {
		return nil, cloud.StatusErrorf(403, "AccessDenied", "Access Denied")
	}
	found, err := buckets.Get(tx, cloud.Global, aws.ToString(name))
	if err == nil && found == nil {
		missing := cloud.StatusErrorf(404, "NoSuchBucket", "The specified bucket does not exist")
		missing.Detail = map[string]string{"BucketName": aws.ToString(name)}
		err = missing
	}
	return found, err
}

func (b *bucket) put(tx *cloud.Tx) error { return buckets.Put(tx, cloud.Global, b.Name, b) }

func noSuchKey(key string) error {
	missing := cloud.StatusErrorf(404, "NoSuchKey", "The specified key does not exist.")
	missing.Detail = map[string]string{"Key": key}
	return missing
}

// versionsOf returns a key's versions, newest first.
func versionsOf(tx *cloud.Tx, bucket, key string) ([]*object, error) {
	all, err := objects.ListPrefix(tx, bucket, key+"\x00")
	return all, err
}

// current returns the object that a key means, or a named version of it.
func current(tx *cloud.Tx, bucket, key string, version *string) (*object, error) {
	versions, err := versionsOf(tx, bucket, key)
	if err != nil {
		return nil, err
	}
	if version == nil {
		if len(versions) == 0 || versions[0].Marker {
			return nil, noSuchKey(key)
		}
		return versions[0], nil
	}
	for _, v := range versions {
		if v.Version == *version {
			if v.Marker {
				return nil, cloud.StatusErrorf(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
			}
			return v, nil
		}
	}
	return nil, cloud.StatusErrorf(404, "NoSuchVersion", "The specified version does not exist.")
}
