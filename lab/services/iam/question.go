package iam

import (
	"reflect"
	"slices"
	"strings"

	"haven/lab/cloud"
	"haven/lab/services/iam/policy"
)

// prefixes are the services' names in actions, where they are not those of their packages.
var prefixes = map[string]string{
	"elasticloadbalancingv2": "elasticloadbalancing", "efs": "elasticfilesystem", "cloudwatchlogs": "logs",
	"networkfirewall": "network-firewall",
}

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

// questions are what a call asks of policies: usually one thing, for some operations several.
func (s *Service) questions(tx *cloud.Tx, call *cloud.Call, input any) []policy.Question {
	in := fields{reflect.ValueOf(input).Elem()}
	prefix := prefixes[call.Service]
	if prefix == "" {
		prefix = call.Service
	}
	name := call.Operation
	if call.Service == "s3" {
		return s3Questions(name, in)
	}
	question := policy.Question{Action: prefix + ":" + name, Resources: []string{"*"}}
	var each [][]string
	switch call.Service {
	case "secretsmanager":
		question.Resources = secretNames(call.Region, in)
	case "kms":
		question.Resources = s.keyNames(tx, call.Region, in)
	case "cloudwatchlogs":
		question.Resources = logNames(call.Region, in)
	case "sts":
		question.Resources = orAll(in.text("RoleArn"))
	case "ssm":
		each = parameterNames(call.Region, in)
	}
	if len(each) == 0 {
		return []policy.Question{question}
	}
	var questions []policy.Question
	for _, resources := range each {
		questions = append(questions, policy.Question{Action: question.Action, Resources: resources})
	}
	return questions
}

// fields reads members of an input by their names, whatever input it is.
type fields struct{ v reflect.Value }

// text returns a member that is a string, or "".
func (f fields) text(name string) string {
	field := f.v.FieldByName(name)
	if !field.IsValid() {
		return ""
	}
	if field.Kind() == reflect.Pointer {
		field = field.Elem()
	}
	if field.Kind() != reflect.String {
		return ""
	}
	return field.String()
}

func (f fields) texts(name string) []string {
	field := f.v.FieldByName(name)
	if !field.IsValid() || field.Type() != reflect.TypeFor[[]string]() {
		return nil
	}
	return field.Interface().([]string)
}

func orAll(name string) []string {
	if name == "" {
		return []string{"*"}
	}
	return []string{name}
}

func s3Questions(operation string, in fields) []policy.Question {
	action := operation
	if other := s3Actions[operation]; other != "" {
		action = other
	}
	if in.text("VersionId") != "" && (action == "GetObject" || action == "DeleteObject") {
		action += "Version"
	}
	bucket := "arn:aws:s3:::" + in.text("Bucket")
	ask := func(action, resource string) policy.Question {
		return policy.Question{Action: "s3:" + action, Resources: []string{resource}}
	}
	switch {
	case in.text("Bucket") == "":
		return []policy.Question{ask(action, "*")}
	case operation == "DeleteObjects":
		var questions []policy.Question
		objects := in.v.FieldByName("Delete").Elem().FieldByName("Objects")
		for i := range objects.Len() {
			questions = append(questions, ask(action, bucket+"/"+fields{objects.Index(i)}.text("Key")))
		}
		return questions
	case in.text("CopySource") != "":
		source := strings.TrimPrefix(in.text("CopySource"), "/")
		return []policy.Question{ask(action, bucket+"/"+in.text("Key")), ask("GetObject", "arn:aws:s3:::"+source)}
	case in.text("Key") != "":
		return []policy.Question{ask(action, bucket+"/"+in.text("Key"))}
	}
	return []policy.Question{ask(action, bucket)}
}

// secretNames returns a secret's ARN; by its name alone the six characters at its end are unknown.
func secretNames(region string, in fields) []string {
	id := in.text("SecretId")
	if id == "" || strings.HasPrefix(id, "arn:") {
		return orAll(id)
	}
	return []string{cloud.ARN("secretsmanager", region, "secret:"+id+"-??????")}
}

func (s *Service) keyNames(tx *cloud.Tx, region string, in fields) []string {
	ref := in.text("KeyId")
	if ref == "" || s.keys == nil {
		return orAll("")
	}
	name, err := s.keys(tx, region, ref)
	if err != nil { // the handler says what is wrong with it
		return orAll(ref)
	}
	return []string{name}
}

func logNames(region string, in fields) []string {
	group := in.text("LogGroupName")
	if group == "" {
		group = in.text("LogGroupIdentifier")
	}
	if group == "" {
		return orAll("")
	}
	name := group
	if !strings.HasPrefix(group, "arn:") {
		name = cloud.ARN("logs", region, "log-group:"+group)
	}
	name = strings.TrimSuffix(name, ":*")
	if stream := in.text("LogStreamName"); stream != "" {
		return []string{name + ":log-stream:" + stream, name + ":*"}
	}
	return []string{name, name + ":*"}
}

// parameterNames returns the names of each parameter in question; a path goes by its name with and without a slash at
// its end.
func parameterNames(region string, in fields) [][]string {
	named := func(text string) string {
		if strings.HasPrefix(text, "arn:") {
			return text
		}
		return cloud.ARN("ssm", region, "parameter/"+strings.Trim(text, "/"))
	}
	var resources [][]string
	for _, name := range slices.Concat(in.texts("Names"), []string{in.text("Name")}) {
		if name != "" {
			resources = append(resources, []string{named(name)})
		}
	}
	if path := in.text("Path"); path != "" {
		resources = append(resources, []string{named(path), named(path) + "/"})
	}
	return resources
}
