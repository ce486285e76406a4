package iam

import (
	"net/url"
	"strconv"
	"strings"

	"haven/lab/cloud"
	"haven/lab/services/iam/policy"
)

// s3Actions are the actions of S3's operations whose names differ
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html).
var s3Actions = map[string]string{
	"ListObjectsV2": "ListBucket", "ListObjects": "ListBucket", "HeadBucket": "ListBucket", "HeadObject": "GetObject",
	"GetObjectAttributes": "GetObject", "CreateMultipartUpload": "PutObject", "UploadPart": "PutObject", "UploadPartCopy": "PutObject",
	"CompleteMultipartUpload": "PutObject", "CopyObject": "PutObject", "DeleteObjects": "DeleteObject", "ListBuckets": "ListAllMyBuckets",
	"ListObjectVersions": "ListBucketVersions", "ListMultipartUploads": "ListBucketMultipartUploads", "ListParts": "ListMultipartUploadParts",
	"GetBucketEncryption": "GetEncryptionConfiguration", "PutBucketEncryption": "PutEncryptionConfiguration",
	"DeleteBucketEncryption": "PutEncryptionConfiguration", "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
	"PutBucketLifecycleConfiguration": "PutLifecycleConfiguration", "DeleteBucketLifecycle": "PutLifecycleConfiguration",
	"GetPublicAccessBlock": "GetBucketPublicAccessBlock", "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
	"DeletePublicAccessBlock": "PutBucketPublicAccessBlock", "GetBucketReplication": "GetReplicationConfiguration",
	"PutBucketReplication": "PutReplicationConfiguration", "DeleteBucketReplication": "PutReplicationConfiguration",
	"GetObjectLockConfiguration": "GetBucketObjectLockConfiguration", "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
	"GetBucketAccelerateConfiguration": "GetAccelerateConfiguration", "DeleteBucketTagging": "PutBucketTagging", "DeleteBucketCors": "PutBucketCORS",
	"GetBucketCors": "GetBucketCORS", "PutBucketCors": "PutBucketCORS", "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
}

// versioned are the actions that have a name of their own when a version is asked for.
var versioned = map[string]bool{
	"GetObject": true, "DeleteObject": true, "GetObjectTagging": true, "PutObjectTagging": true, "DeleteObjectTagging": true,
	"GetObjectAcl": true, "PutObjectAcl": true,
}

func s3Action(operation string, versions bool) string {
	action := operation
	if other := s3Actions[operation]; other != "" {
		action = other
	}
	if !versions || !versioned[action] {
		return action
	}
	for _, part := range []string{"Tagging", "Acl"} {
		if bare, found := strings.CutSuffix(action, part); found {
			return bare + "Version" + part
		}
	}
	return action + "Version"
}

// s3Questions are what an operation of S3 asks for: an upload with tags or a list of grants asks for these, too.
func s3Questions(operation string, in fields) []policy.Question {
	action, context := s3Action(operation, in.text("VersionId") != ""), s3Context(in)
	bucket := "arn:aws:s3:::" + in.text("Bucket")
	object := bucket + "/" + in.text("Key")
	ask := func(action, resource string) policy.Question {
		return policy.Question{Action: "s3:" + action, Resources: []string{resource}, Context: context}
	}
	switch {
	case in.text("Bucket") == "":
		return []policy.Question{ask(action, "*")}
	case operation == "DeleteObjects":
		return eachDeleted(bucket, in, ask)
	case in.text("Key") == "":
		return []policy.Question{ask(action, bucket)}
	}
	questions := []policy.Question{ask(action, object)}
	if source := in.text("CopySource"); source != "" {
		questions = append(questions, ask(copied(source)))
	}
	if in.text("Tagging") != "" && action == "PutObject" {
		questions = append(questions, ask("PutObjectTagging", object))
	}
	if in.text("ACL") != "" && action == "PutObject" {
		questions = append(questions, ask("PutObjectAcl", object))
	}
	return questions
}

func eachDeleted(bucket string, in fields, ask func(action, resource string) policy.Question) []policy.Question {
	var questions []policy.Question
	objects := in.v.FieldByName("Delete").Elem().FieldByName("Objects")
	for i := range objects.Len() {
		one := fields{objects.Index(i)}
		questions = append(questions, ask(s3Action("DeleteObject", one.text("VersionId") != ""), bucket+"/"+one.text("Key")))
	}
	return questions
}

// copied returns what reading the source of a copy asks for.
func copied(source string) (action, resource string) {
	path, query, versions := strings.Cut(strings.TrimPrefix(source, "/"), "?")
	if decoded, err := url.PathUnescape(path); err == nil {
		path = decoded
	}
	return s3Action("GetObject", versions && strings.HasPrefix(query, "versionId=")), "arn:aws:s3:::" + path
}

// s3Keys are the condition keys that come from members of the input
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/list_amazons3.html#amazons3-policy-keys).
var s3Keys = map[string]string{
	"s3:prefix": "Prefix", "s3:delimiter": "Delimiter", "s3:versionid": "VersionId", "s3:x-amz-acl": "ACL", "s3:x-amz-copy-source": "CopySource",
	"s3:x-amz-metadata-directive": "MetadataDirective", "s3:x-amz-server-side-encryption": "ServerSideEncryption",
	"s3:x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId", "s3:x-amz-storage-class": "StorageClass",
	"s3:x-amz-object-ownership": "ObjectOwnership", "s3:if-match": "IfMatch", "s3:if-none-match": "IfNoneMatch",
}

// s3Context is what is known of a request to S3 beyond the caller.
func s3Context(in fields) map[string][]string {
	known := map[string][]string{"s3:resourceaccount": {cloud.Account}}
	for key, member := range s3Keys {
		if value := in.text(member); value != "" {
			known[key] = []string{value}
		}
	}
	if most, given := in.number("MaxKeys"); given {
		known["s3:max-keys"] = []string{strconv.FormatInt(most, 10)}
	}
	tags, err := url.ParseQuery(in.text("Tagging"))
	if err != nil {
		return known // the handler refuses them
	}
	for name, values := range tags {
		known["s3:requestobjecttag/"+strings.ToLower(name)] = values
		known["s3:requestobjecttagkeys"] = append(known["s3:requestobjecttagkeys"], name)
	}
	return known
}
