package adopt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
)

// question is what a finder is asked.
type question struct {
	config aws.Config
	in     Inputs
	taken  map[string]bool // ids that the state has
}

// free tells whether an id is none that the state has already.
func (q question) free(id string) bool { return id != "" && !q.taken[id] }

// finder returns the id of what is there, or "" when there is nothing.
type finder func(ctx context.Context, q question) (string, error)

// repeatable are the types whose creation may simply be done again: a put, an attachment, or what is Pulumi's own.
var repeatable = map[string]bool{
	"pulumi:providers:aws":                                                                       true,
	"aws:acm/certificateValidation:CertificateValidation":                                        true,
	"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup":                                          true,
	"aws:efs/backupPolicy:BackupPolicy":                                                          true,
	"aws:efs/fileSystemPolicy:FileSystemPolicy":                                                  true,
	"aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2":                       true,
	"aws:s3/bucketLoggingV2:BucketLoggingV2":                                                     true,
	"aws:s3/bucketObjectv2:BucketObjectv2":                                                       true,
	"aws:s3/bucketOwnershipControls:BucketOwnershipControls":                                     true,
	"aws:s3/bucketPolicy:BucketPolicy":                                                           true,
	"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock":                                     true,
	"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": true,
	"aws:s3/bucketVersioningV2:BucketVersioningV2":                                               true,
	"aws:sns/topicPolicy:TopicPolicy":                                                            true,
	"aws:sns/topicSubscription:TopicSubscription":                                                true,
	"aws:wafv2/webAclAssociation:WebAclAssociation":                                              true,
	"aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration":                            true,
}

// Find asks for each pending creation what is there, waits until that is ready, and returns the ids by URN. What it must
// forget, and what it waits for, it names on w.
func Find(ctx context.Context, config aws.Config, e *Export, w io.Writer) (map[string]string, error) {
	found, err := find(ctx, config, e, finders, w)
	if err != nil {
		return nil, err
	}
	return found, settle(ctx, config, e, found, settlers, w)
}

func find(ctx context.Context, config aws.Config, e *Export, table map[string]finder, w io.Writer) (map[string]string, error) {
	found, taken := map[string]string{}, e.IDs()
	for _, p := range e.Creates() {
		ask, ok := table[p.Type]
		switch {
		case repeatable[p.Type]:
			continue
		case !ok:
			fmt.Fprintf(w, "adopt: forgets %s: there is no way to look up a %s; remove it by hand if it exists\n", p.URN, p.Type)
			continue
		}
		id, err := ask(ctx, question{config, p.Inputs, taken})
		switch {
		case err != nil && !absent(err):
			return nil, fmt.Errorf("looking up %s: %w", p.URN, err)
		case err != nil || id == "" || taken[id]:
			fmt.Fprintf(w, "adopt: %s was not created\n", p.URN)
		default:
			fmt.Fprintf(w, "adopt: %s is %s\n", p.URN, id)
			found[p.URN], taken[id] = id, true
		}
	}
	return found, nil
}

// settle waits until everything that was found is as its creation would have left it.
func settle(ctx context.Context, config aws.Config, e *Export, found map[string]string, table map[string]settler, w io.Writer) error {
	for _, p := range e.Creates() {
		id, wait := found[p.URN], table[p.Type]
		if id == "" || wait == nil {
			continue
		}
		fmt.Fprintf(w, "adopt: waits until %s is ready\n", p.URN)
		if err := wait(ctx, config, id); err != nil {
			return fmt.Errorf("waiting until %s (%s) is ready: %w", p.URN, id, err)
		}
	}
	return nil
}

// absent tells whether AWS says that a thing does not exist, in one of its services' ways.
func absent(err error) bool {
	var fault smithy.APIError
	return errors.As(err, &fault) && (strings.Contains(fault.ErrorCode(), "NotFound") || strings.HasPrefix(fault.ErrorCode(), "NoSuch"))
}
