package storage

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/components/internal/iampolicy"
)

// BucketType is the bucket component's type token.
const BucketType = "haven:storage:Bucket"

// BucketArgs configures a bucket. Every bucket is versioned, encrypted, closed
// to the public and to plain HTTP; none of that can be turned off.
type BucketArgs struct {
	// Optional.
	Key              pulumi.StringInput // KMS key; without one S3's own key encrypts (access logs accept no other)
	LogTo            *Bucket            // where requests to this bucket are logged
	ExpireDays       int                // current objects go after so many days; 0 keeps them
	OldVersionDays   int                // replaced and deleted objects go after so many days; 90 unless set
	Writers          []Writer           // who else may write objects
	Protect          bool               // refuse to remove the bucket
	EmptyWhenRemoved bool               // dangerous: removing the bucket removes what is in it
}

// Bucket is an S3 bucket with all its guards.
type Bucket struct {
	pulumi.ResourceState

	Name  pulumi.StringOutput // whoever reads or writes objects
	ARN   pulumi.StringOutput // policies
	Ready []pulumi.Resource   // wait for these before writing: versioning, encryption and policy are in place
}

const (
	defaultOldVersionDays = 90
	abandonedUploadDays   = 7
)

func (a *BucketArgs) setDefaults() {
	if a.OldVersionDays == 0 {
		a.OldVersionDays = defaultOldVersionDays
	}
}

func (a *BucketArgs) validate() error {
	if a.ExpireDays < 0 || a.OldVersionDays < 0 {
		return errors.New("ExpireDays and OldVersionDays may not be negative")
	}
	return nil
}

// NewBucket declares a bucket.
func NewBucket(ctx *pulumi.Context, name string, args *BucketArgs, opts ...pulumi.ResourceOption) (*Bucket, error) {
	if args == nil {
		return nil, fmt.Errorf("creating bucket %s: args are required", name)
	}
	checked := *args
	checked.setDefaults()
	if err := checked.validate(); err != nil {
		return nil, fmt.Errorf("creating bucket %s: %w", name, err)
	}
	made := &Bucket{}
	if err := ctx.RegisterComponentResource(BucketType, name, made, opts...); err != nil {
		return nil, fmt.Errorf("registering bucket %s: %w", name, err)
	}
	b := &bucketBuilder{ctx: ctx, name: name, args: &checked, made: made, child: pulumi.Parent(made)}
	for _, step := range []func() error{b.bucket, b.encryption, b.versioning, b.closed, b.policy, b.lifecycle, b.logging} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("creating bucket %s: %w", name, err)
		}
	}
	if err := ctx.RegisterResourceOutputs(made, pulumi.Map{"name": made.Name}); err != nil {
		return nil, fmt.Errorf("registering the outputs of bucket %s: %w", name, err)
	}
	return made, nil
}

type bucketBuilder struct {
	ctx   *pulumi.Context
	name  string
	args  *BucketArgs
	made  *Bucket
	child pulumi.ResourceOption
	id    pulumi.IDOutput
}

func (b *bucketBuilder) bucket() error {
	bucket, err := s3.NewBucketV2(b.ctx, b.name, &s3.BucketV2Args{
		ForceDestroy: pulumi.Bool(b.args.EmptyWhenRemoved),
		Tags:         pulumi.StringMap{"Name": pulumi.String(b.name)},
	}, b.child, pulumi.Protect(b.args.Protect))
	if err != nil {
		return fmt.Errorf("creating it: %w", err)
	}
	b.id, b.made.Name, b.made.ARN = bucket.ID(), bucket.Bucket, bucket.Arn
	return nil
}

func (b *bucketBuilder) encryption() error {
	rule := &s3.BucketServerSideEncryptionConfigurationV2RuleApplyServerSideEncryptionByDefaultArgs{
		SseAlgorithm: pulumi.String("AES256"),
	}
	if b.args.Key != nil {
		rule.SseAlgorithm = pulumi.String("aws:kms")
		rule.KmsMasterKeyId = b.args.Key.ToStringOutput()
	}
	resource, err := s3.NewBucketServerSideEncryptionConfigurationV2(b.ctx, b.name,
		&s3.BucketServerSideEncryptionConfigurationV2Args{
			Bucket: b.id,
			Rules: s3.BucketServerSideEncryptionConfigurationV2RuleArray{
				&s3.BucketServerSideEncryptionConfigurationV2RuleArgs{
					ApplyServerSideEncryptionByDefault: rule,
					BucketKeyEnabled:                   pulumi.Bool(b.args.Key != nil),
				},
			},
		}, b.child)
	return b.ready(resource, err, "encrypting it")
}

func (b *bucketBuilder) versioning() error {
	resource, err := s3.NewBucketVersioningV2(b.ctx, b.name, &s3.BucketVersioningV2Args{
		Bucket:                  b.id,
		VersioningConfiguration: &s3.BucketVersioningV2VersioningConfigurationArgs{Status: pulumi.String("Enabled")},
	}, b.child)
	return b.ready(resource, err, "versioning it")
}

// closed shuts the bucket to the public and turns object ACLs off.
func (b *bucketBuilder) closed() error {
	block, err := s3.NewBucketPublicAccessBlock(b.ctx, b.name, &s3.BucketPublicAccessBlockArgs{
		Bucket:                b.id,
		BlockPublicAcls:       pulumi.Bool(true),
		BlockPublicPolicy:     pulumi.Bool(true),
		IgnorePublicAcls:      pulumi.Bool(true),
		RestrictPublicBuckets: pulumi.Bool(true),
	}, b.child)
	if err := b.ready(block, err, "closing it to the public"); err != nil {
		return err
	}
	_, err = s3.NewBucketOwnershipControls(b.ctx, b.name, &s3.BucketOwnershipControlsArgs{
		Bucket: b.id,
		Rule:   &s3.BucketOwnershipControlsRuleArgs{ObjectOwnership: pulumi.String("BucketOwnerEnforced")},
	}, b.child)
	if err != nil {
		return fmt.Errorf("turning object ACLs off: %w", err)
	}
	return nil
}

// policy refuses plain HTTP, and lets in who else may write. A writer's
// statement gets the bucket's objects as its resource.
func (b *bucketBuilder) policy() error {
	objects := pulumi.Sprintf("%s/*", b.made.ARN)
	statements := []iampolicy.Statement{{
		Sid: "TLSOnly", Deny: true, Principal: map[string]any{"AWS": "*"},
		Actions: []string{"s3:*"}, Resources: []any{b.made.ARN, objects},
		Conditions: map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}},
	}}
	for _, writer := range b.args.Writers {
		writer.Resources = []any{objects}
		statements = append(statements, iampolicy.Statement(writer))
	}
	resource, err := s3.NewBucketPolicy(b.ctx, b.name, &s3.BucketPolicyArgs{
		Bucket: b.id, Policy: iampolicy.JSON(statements...),
	}, b.child)
	return b.ready(resource, err, "setting its policy")
}

func (b *bucketBuilder) lifecycle() error {
	rules := s3.BucketLifecycleConfigurationV2RuleArray{
		&s3.BucketLifecycleConfigurationV2RuleArgs{
			Id: pulumi.String("old-versions"), Status: pulumi.String("Enabled"),
			Filter: &s3.BucketLifecycleConfigurationV2RuleFilterArgs{Prefix: pulumi.String("")},
			NoncurrentVersionExpiration: &s3.BucketLifecycleConfigurationV2RuleNoncurrentVersionExpirationArgs{
				NoncurrentDays: pulumi.Int(b.args.OldVersionDays),
			},
			AbortIncompleteMultipartUpload: &s3.BucketLifecycleConfigurationV2RuleAbortIncompleteMultipartUploadArgs{
				DaysAfterInitiation: pulumi.Int(abandonedUploadDays),
			},
		},
	}
	if b.args.ExpireDays > 0 {
		rules = append(rules, &s3.BucketLifecycleConfigurationV2RuleArgs{
			Id: pulumi.String("expire"), Status: pulumi.String("Enabled"),
			Filter:     &s3.BucketLifecycleConfigurationV2RuleFilterArgs{Prefix: pulumi.String("")},
			Expiration: &s3.BucketLifecycleConfigurationV2RuleExpirationArgs{Days: pulumi.Int(b.args.ExpireDays)},
		})
	}
	_, err := s3.NewBucketLifecycleConfigurationV2(b.ctx, b.name, &s3.BucketLifecycleConfigurationV2Args{
		Bucket: b.id, Rules: rules,
	}, b.child, pulumi.DependsOn(b.made.Ready))
	if err != nil {
		return fmt.Errorf("setting its lifecycle: %w", err)
	}
	return nil
}

func (b *bucketBuilder) logging() error {
	if b.args.LogTo == nil {
		return nil
	}
	_, err := s3.NewBucketLoggingV2(b.ctx, b.name, &s3.BucketLoggingV2Args{
		Bucket:       b.id,
		TargetBucket: b.args.LogTo.Name,
		TargetPrefix: pulumi.String("s3/" + b.name + "/"),
	}, b.child, pulumi.DependsOn(b.args.LogTo.Ready))
	if err != nil {
		return fmt.Errorf("logging its requests: %w", err)
	}
	return nil
}

func (b *bucketBuilder) ready(resource pulumi.Resource, err error, doing string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	b.made.Ready = append(b.made.Ready, resource)
	return nil
}
