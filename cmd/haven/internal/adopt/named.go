package adopt

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

var (
	role = byName("name", func(ctx context.Context, config aws.Config, name *string) error {
		_, err := iam.NewFromConfig(config).GetRole(ctx, &iam.GetRoleInput{RoleName: name})
		return err
	})
	instanceProfile = byName("name", func(ctx context.Context, config aws.Config, name *string) error {
		_, err := iam.NewFromConfig(config).GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: name})
		return err
	})
	parameter = byName("name", func(ctx context.Context, config aws.Config, name *string) error {
		_, err := ssm.NewFromConfig(config).GetParameter(ctx, &ssm.GetParameterInput{Name: name})
		return err
	})
	bucket = byName("bucket", func(ctx context.Context, config aws.Config, name *string) error {
		client := s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = config.BaseEndpoint != nil })
		_, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: name})
		return err
	})
)

// rolePolicy returns the provider's own id of a role's policy: both names.
func rolePolicy(ctx context.Context, q question) (string, error) {
	role, name := q.in.Text("role"), q.in.Text("name")
	_, err := iam.NewFromConfig(q.config).GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
	return role + ":" + name, err
}

func logGroup(ctx context.Context, q question) (string, error) {
	name := q.in.Text("name")
	out, err := cloudwatchlogs.NewFromConfig(q.config).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
	if err != nil {
		return "", err
	}
	for _, group := range out.LogGroups {
		if aws.ToString(group.LogGroupName) == name {
			return name, nil
		}
	}
	return "", nil
}

func scalingGroup(ctx context.Context, q question) (string, error) {
	name := q.in.Text("name")
	out, err := autoscaling.NewFromConfig(q.config).DescribeAutoScalingGroups(ctx,
		&autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil || len(out.AutoScalingGroups) == 0 {
		return "", err
	}
	return name, nil
}

func keyAlias(ctx context.Context, q question) (string, error) {
	pages := kms.NewListAliasesPaginator(kms.NewFromConfig(q.config), &kms.ListAliasesInput{})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, alias := range out.Aliases {
			if aws.ToString(alias.AliasName) == q.in.Text("name") {
				return *alias.AliasName, nil
			}
		}
	}
	return "", nil
}

// key finds a key by its description, which names the project, the stack and the purpose.
func key(ctx context.Context, q question) (string, error) {
	client := kms.NewFromConfig(q.config)
	pages := kms.NewListKeysPaginator(client, &kms.ListKeysInput{})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, one := range out.Keys {
			if !q.free(aws.ToString(one.KeyId)) {
				continue
			}
			seen, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: one.KeyId})
			if err != nil {
				return "", err
			}
			about := seen.KeyMetadata
			if about.KeyState != kmstypes.KeyStatePendingDeletion && aws.ToString(about.Description) == q.in.Text("description") {
				return *one.KeyId, nil
			}
		}
	}
	return "", nil
}

func certificate(ctx context.Context, q question) (string, error) {
	client := acm.NewFromConfig(q.config)
	out, err := client.ListCertificates(ctx, &acm.ListCertificatesInput{})
	if err != nil {
		return "", err
	}
	for _, one := range out.CertificateSummaryList {
		if !q.free(aws.ToString(one.CertificateArn)) {
			continue
		}
		tags, err := client.ListTagsForCertificate(ctx, &acm.ListTagsForCertificateInput{CertificateArn: one.CertificateArn})
		if err != nil {
			return "", err
		}
		for _, tag := range tags.Tags {
			if aws.ToString(tag.Key) == "Name" && aws.ToString(tag.Value) == q.in.Name() {
				return *one.CertificateArn, nil
			}
		}
	}
	return "", nil
}

func zone(ctx context.Context, q question) (string, error) {
	out, err := route53.NewFromConfig(q.config).ListHostedZonesByName(ctx, &route53.ListHostedZonesByNameInput{DNSName: aws.String(q.in.Text("name"))})
	if err != nil {
		return "", err
	}
	private := len(objects(q.in["vpcs"])) > 0
	for _, one := range out.HostedZones {
		id := strings.TrimPrefix(aws.ToString(one.Id), "/hostedzone/")
		if sameName(aws.ToString(one.Name), q.in.Text("name")) && private == one.Config.PrivateZone && q.free(id) {
			return id, nil
		}
	}
	return "", nil
}

func record(ctx context.Context, q question) (string, error) {
	zone, name, kind := q.in.Text("zoneId"), q.in.Text("name"), q.in.Text("type")
	out, err := route53.NewFromConfig(q.config).ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{
		HostedZoneId: &zone, StartRecordName: &name, StartRecordType: route53types.RRType(kind),
	})
	if err != nil {
		return "", err
	}
	for _, one := range out.ResourceRecordSets {
		if sameName(aws.ToString(one.Name), name) && string(one.Type) == kind {
			return zone + "_" + name + "_" + kind, nil
		}
	}
	return "", nil
}
