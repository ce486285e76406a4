package environment

import (
	"fmt"
	"maps"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/infra/settings"
)

const (
	// labCredential is the lab's own well-known operator, worth nothing elsewhere.
	labCredential = "lab"

	// labRetries keeps a lab that has stopped from looking like one that is slow.
	labRetries = 5
)

// tags are on everything that can have tags.
func tags(stack string, s settings.Settings) map[string]string {
	all := map[string]string{"Project": settings.Namespace, "Stack": stack, "ManagedBy": "pulumi"}
	maps.Copy(all, s.Tags)
	return all
}

// newProvider makes the one explicit provider of a Region. It refuses every
// account but the one that the stack names.
func newProvider(ctx *pulumi.Context, s settings.Settings) (*aws.Provider, error) {
	args := &aws.ProviderArgs{
		Region:            pulumi.String(s.Region),
		AllowedAccountIds: pulumi.StringArray{pulumi.String(s.Account)},
		DefaultTags:       &aws.ProviderDefaultTagsArgs{Tags: pulumi.ToStringMap(tags(ctx.Stack(), s))},
	}
	if s.Endpoint != "" {
		pointAtLab(args, s.Endpoint)
	}
	provider, err := aws.NewProvider(ctx, "aws-"+s.Region, args)
	if err != nil {
		return nil, fmt.Errorf("creating provider for %s: %w", s.Region, err)
	}
	return provider, nil
}

// pointAtLab sends every call of every service in use to one address. The
// account id is still asked for: names built from it have to be right.
func pointAtLab(args *aws.ProviderArgs, endpoint string) {
	url := pulumi.String(endpoint)
	args.AccessKey, args.SecretKey = pulumi.String(labCredential), pulumi.String(labCredential)
	args.SkipCredentialsValidation = pulumi.Bool(true)
	args.SkipMetadataApiCheck = pulumi.Bool(true)
	args.SkipRegionValidation = pulumi.Bool(true)
	args.SkipRequestingAccountId = pulumi.Bool(false)
	args.S3UsePathStyle = pulumi.Bool(true)
	args.MaxRetries = pulumi.Int(labRetries)
	args.Endpoints = aws.ProviderEndpointArray{&aws.ProviderEndpointArgs{
		Acm: url, Autoscaling: url, Cloudwatch: url, Cloudwatchlogs: url, Ec2: url, Efs: url,
		Elb: url, Fis: url, Elbv2: url, Iam: url, Kms: url, Networkfirewall: url, Rds: url, Route53: url, S3: url,
		Secretsmanager: url, Sns: url, Ssm: url, Sts: url, Wafv2: url,
	}}
}
