package s3

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"haven/lab/cloud"
	"haven/lab/services/iam/policy"
)

// maximumPolicy is how long a bucket's policy may be, in bytes.
const maximumPolicy = 20 << 10

// PutBucketPolicy sets the policy. One that lets in the public is refused where that is blocked.
func (s *Service) PutBucketPolicy(ctx context.Context, in *s3.PutBucketPolicyInput) (*s3.PutBucketPolicyOutput, error) {
	_, _, _ = in.ChecksumAlgorithm, in.ContentMD5, in.ConfirmRemoveSelfBucketAccess // verified by wire; root can't be locked out
	text, name := aws.ToString(in.Policy), aws.ToString(in.Bucket)
	document, err := parsePolicy(text, name)
	if err != nil {
		return nil, err
	}
	return &s3.PutBucketPolicyOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		found, err := findBucket(tx, in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return err
		}
		block, err := found.block(tx)
		if err != nil {
			return err
		}
		if aws.ToBool(block.BlockPublicPolicy) && document.Public() {
			return cloud.StatusErrorf(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: s3:PutBucketPolicy on resource: \"%s%s\" "+
				"because public policies are blocked by the BlockPublicPolicy block public access setting.", cloud.CallFrom(ctx).Principal.ARN, arnPrefix, name)
		}
		found.Policy = text
		return found.put(tx)
	})
}

func malformed(format string, args ...any) error {
	return cloud.Errorf("MalformedPolicy", "%s", fmt.Sprintf(format, args...))
}

// parsePolicy reads a bucket's policy and refuses what S3 would: other buckets, actions of other services, principals
// that are none, and actions that fit none of their statement's resources.
func parsePolicy(text, bucketName string) (*policy.Document, error) {
	if len(text) > maximumPolicy {
		return nil, malformed("The policy has %d bytes; it has at most %d.", len(text), maximumPolicy)
	}
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return nil, malformed("Policies must be valid JSON and the first byte must be '{'")
	}
	document, err := policy.ParseResource(text)
	if err != nil {
		return nil, malformed("The policy is not valid: %v", err)
	}
	for i := range document.Statement {
		if err := checkStatement(&document.Statement[i], bucketName); err != nil {
			return nil, err
		}
	}
	return document, nil
}

func checkStatement(s *policy.Statement, bucketName string) error {
	resources, actions := slices.Concat(s.Resource, s.NotResource), slices.Concat(s.Action, s.NotAction)
	if len(resources) == 0 {
		return malformed("Missing required field Resource")
	}
	for _, resource := range resources {
		of, _, _ := strings.Cut(strings.TrimPrefix(resource, arnPrefix), "/")
		if !strings.HasPrefix(resource, arnPrefix) || !policy.Match(of, bucketName) {
			return malformed("Policy has invalid resource: %s is not in the bucket %s", resource, bucketName)
		}
	}
	for _, action := range actions {
		if action != "*" && !strings.HasPrefix(strings.ToLower(action), "s3:") {
			return malformed("Policy has invalid action: %s", action)
		}
	}
	for _, kinds := range []policy.Principals{s.Principal, s.NotPrincipal} {
		for kind, names := range kinds {
			for _, name := range names {
				if !validPrincipal(kind, name) {
					return malformed("Invalid principal in policy: %q: %q", kind, name)
				}
			}
		}
	}
	for _, action := range s.Action {
		if !applies(action, s.Resource) {
			return malformed("Action does not apply to any resource(s) in statement: %s", action)
		}
	}
	return nil
}

var principals = map[string]*regexp.Regexp{
	"*":             regexp.MustCompile(`^\*$`),
	"AWS":           regexp.MustCompile(`^(\*|[0-9]{12}|arn:aws:(iam|sts)::[0-9]{12}:(root|user/.+|role/.+|assumed-role/.+|federated-user/.+)|A[A-Z0-9]{15,})$`),
	"Service":       regexp.MustCompile(`^[a-z0-9.-]+\.amazonaws\.com$`),
	"Federated":     regexp.MustCompile(`^.+$`),
	"CanonicalUser": regexp.MustCompile(`^[0-9a-f]{64}$`),
}

func validPrincipal(kind, name string) bool {
	pattern := principals[kind]
	return pattern != nil && pattern.MatchString(name)
}

// ofObjects are the actions that are about objects; all others are about buckets.
var ofObjects = regexp.MustCompile(`^s3:(get|put|delete|restore|replicate|list|initiate)?object|^s3:(abortmultipartupload|listmultipartuploadparts|` +
	`bypassgovernanceretention|replicate|getobject|putobject|deleteobject)`)

// applies tells whether a literal action fits one of the resources, of which those with a slash, or with a wildcard that
// may stand for one, are objects.
func applies(action string, resources []string) bool {
	if resources == nil || strings.ContainsAny(action, "*?") {
		return true
	}
	about := ofObjects.MatchString(strings.ToLower(action)) && !strings.HasSuffix(strings.ToLower(action), "objectlockconfiguration")
	return slices.ContainsFunc(resources, func(resource string) bool {
		name := strings.TrimPrefix(resource, arnPrefix)
		if about {
			return strings.ContainsAny(name, "/*")
		}
		return !strings.Contains(name, "/") || strings.Contains(name[:strings.Index(name, "/")], "*")
	})
}

// GetBucketPolicy returns the policy.
func (s *Service) GetBucketPolicy(_ context.Context, in *s3.GetBucketPolicyInput) (*s3.GetBucketPolicyOutput, error) {
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if b.Policy == "" {
		return nil, unset("NoSuchBucketPolicy", "The bucket policy does not exist")
	}
	return &s3.GetBucketPolicyOutput{Policy: aws.String(b.Policy)}, nil
}

// GetBucketPolicyStatus tells whether the policy lets in the public.
func (s *Service) GetBucketPolicyStatus(_ context.Context, in *s3.GetBucketPolicyStatusInput) (*s3.GetBucketPolicyStatusOutput, error) {
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if b.Policy == "" {
		return nil, unset("NoSuchBucketPolicy", "The bucket policy does not exist")
	}
	document, err := policy.ParseResource(b.Policy)
	if err != nil {
		return nil, err
	}
	return &s3.GetBucketPolicyStatusOutput{PolicyStatus: &types.PolicyStatus{IsPublic: aws.Bool(document.Public())}}, nil
}

// DeleteBucketPolicy removes the policy.
func (s *Service) DeleteBucketPolicy(_ context.Context, in *s3.DeleteBucketPolicyInput) (*s3.DeleteBucketPolicyOutput, error) {
	return &s3.DeleteBucketPolicyOutput{}, s.change(in.Bucket, in.ExpectedBucketOwner, func(b *bucket) error { b.Policy = ""; return nil })
}
