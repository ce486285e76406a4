package s3

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"haven/lab/cloud"
	"haven/lab/services/iam/policy"
	"haven/lab/services/kms"
)

// Permissions decides what the caller of a call may do beyond the call itself; the iam service does.
type Permissions interface {
	Ask(ctx context.Context, tx *cloud.Tx, question policy.Question) error
}

const arnPrefix = "arn:aws:s3:::"

// spared are what the account's root may do whatever a bucket's policy says, so that nobody can lock it out
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html).
var spared = map[string]bool{"s3:PutBucketPolicy": true, "s3:GetBucketPolicy": true, "s3:DeleteBucketPolicy": true}

// Guard tells what the policy and the public access block of a bucket say.
func Guard(tx *cloud.Tx, _ string, question policy.Question) (policy.Guard, error) {
	resource, ok := strings.CutPrefix(question.Resources[0], arnPrefix)
	name, key, _ := strings.Cut(resource, "/")
	guard := policy.Guard{Spared: spared}
	found, err := buckets.Get(tx, cloud.Global, name)
	if err != nil || found == nil || !ok {
		return guard, err // the handler says that it is not there
	}
	if err := addTagsOf(tx, &guard, found, key, question); err != nil || found.Policy == "" {
		return guard, err
	}
	if guard.Policy, err = policy.ParseResource(found.Policy); err != nil {
		return guard, fmt.Errorf("reading the policy of the bucket %s: %w", name, err)
	}
	block, err := found.block(tx)
	guard.Closed = aws.ToBool(block.RestrictPublicBuckets) && guard.Policy.Public()
	return guard, err
}

// addTagsOf tells the tags of the object in question, which conditions may ask for.
func addTagsOf(tx *cloud.Tx, guard *policy.Guard, in *bucket, key string, question policy.Question) error {
	if key == "" || !strings.Contains(in.Policy, "ExistingObjectTag") {
		return nil
	}
	var version *string
	if asked := question.Context["s3:versionid"]; len(asked) == 1 {
		version = &asked[0]
	}
	o, err := current(tx, in.Name, key, version)
	if err != nil {
		return nil // there is no such object: it has no tags
	}
	guard.Context = map[string][]string{}
	for _, tag := range o.Tags {
		guard.Context["s3:existingobjecttag/"+strings.ToLower(aws.ToString(tag.Key))] = []string{aws.ToString(tag.Value)}
	}
	return nil
}

// accountBlock is the public access block of the whole account.
var accountBlocks = cloud.NewTable[types.PublicAccessBlockConfiguration]("s3.accountblock")

// block joins the public access blocks of the bucket and the account: what either blocks is blocked
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html).
func (b *bucket) block(tx *cloud.Tx) (types.PublicAccessBlockConfiguration, error) {
	account, err := accountBlocks.Get(tx, cloud.Global, cloud.Account)
	if err != nil {
		return types.PublicAccessBlockConfiguration{}, err
	}
	either := func(of func(*types.PublicAccessBlockConfiguration) *bool) *bool {
		return aws.Bool(b.Public != nil && aws.ToBool(of(b.Public)) || account != nil && aws.ToBool(of(account)))
	}
	return types.PublicAccessBlockConfiguration{
		BlockPublicAcls:       either(func(c *types.PublicAccessBlockConfiguration) *bool { return c.BlockPublicAcls }),
		IgnorePublicAcls:      either(func(c *types.PublicAccessBlockConfiguration) *bool { return c.IgnorePublicAcls }),
		BlockPublicPolicy:     either(func(c *types.PublicAccessBlockConfiguration) *bool { return c.BlockPublicPolicy }),
		RestrictPublicBuckets: either(func(c *types.PublicAccessBlockConfiguration) *bool { return c.RestrictPublicBuckets }),
	}, nil
}

// ask asks whether the caller may do something more with a bucket or an object ("" for the bucket itself).
func (s *Service) ask(ctx context.Context, tx *cloud.Tx, action, bucketName, key string) error {
	if s.Permissions == nil {
		return nil
	}
	resource := arnPrefix + bucketName
	if key != "" {
		resource += "/" + key
	}
	return s.Permissions.Ask(ctx, tx, policy.Question{Action: "s3:" + action, Resources: []string{resource}})
}

// useKey asks for the KMS key that protects an object: it must be enabled, and the caller allowed to use it through S3
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms).
func (s *Service) useKey(ctx context.Context, tx *cloud.Tx, action string, o *object) error {
	if o.Headers.KeyARN == nil {
		return nil
	}
	if err := kms.Usable(tx, *o.Headers.KeyARN); err != nil {
		return ofKMS(err)
	}
	if s.Permissions == nil {
		return nil
	}
	place := arnPrefix + o.Bucket // with a bucket key the bucket, otherwise the object
	if !aws.ToBool(o.Headers.BucketKey) {
		place += "/" + o.Key
	}
	return s.Permissions.Ask(ctx, tx, kms.Use(action, *o.Headers.KeyARN, "s3", map[string]string{"aws:s3:arn": place}))
}

// ofKMS gives an error of KMS the name under which S3 passes it on.
func ofKMS(err error) error {
	for _, code := range []string{"NotFoundException", "DisabledException", "KMSInvalidStateException"} {
		if cloud.HasCode(err, code) {
			return cloud.Errorf("KMS."+code, "%s", strings.TrimPrefix(err.Error(), code+": "))
		}
	}
	return err
}

// hide turns "there is no such key" into a refusal for a caller who may not know which keys there are
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
func (s *Service) hide(ctx context.Context, tx *cloud.Tx, bucketName string, err error) error {
	if cloud.HasCode(err, "NoSuchKey") && s.ask(ctx, tx, "ListBucket", bucketName, "") != nil {
		return cloud.StatusErrorf(http.StatusForbidden, "AccessDenied", "Access Denied")
	}
	return err
}
