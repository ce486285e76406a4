package webtier

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/components/internal/iampolicy"
)

// identity makes the role that servers act as, with what the user data and the
// application use and nothing more.
func (b *builder) identity() error {
	tags := pulumi.StringMap{"Name": pulumi.String(b.name)}
	role, err := iam.NewRole(b.ctx, b.name, &iam.RoleArgs{
		Description: pulumi.String("Servers of " + b.name),
		// EC2 sends no source account when it hands a role to an instance.
		AssumeRolePolicy: iampolicy.AssumeBy("ec2.amazonaws.com", ""),
		Tags:             tags,
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating its role: %w", err)
	}
	b.made.Role = role.Name
	policy, err := iam.NewRolePolicy(b.ctx, b.name, &iam.RolePolicyArgs{
		Role: role.ID(), Policy: iampolicy.JSON(b.rights()...),
	}, b.child)
	if err := b.needed(policy, err, "creating its policy"); err != nil {
		return err
	}
	b.profile, err = iam.NewInstanceProfile(b.ctx, b.name, &iam.InstanceProfileArgs{Role: role.Name, Tags: tags}, b.child)
	if err != nil {
		return fmt.Errorf("creating its instance profile: %w", err)
	}
	return nil
}

// managed lets Systems Manager's agent, which the image brings along, make a server reachable by brokered sessions and by
// commands: nobody has to log in. It is less than AmazonSSMManagedInstanceCore, which may also read every parameter of the account.
// None of these actions can be narrowed to a resource.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
// https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-setting-up-messageAPIs.html
var managed = iampolicy.Statement{
	Sid: "BeManaged", Resources: []any{"*"},
	Actions: []string{
		"ssm:UpdateInstanceInformation",
		"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
		"ec2messages:AcknowledgeMessage", "ec2messages:DeleteMessage", "ec2messages:FailMessage",
		"ec2messages:GetEndpoint", "ec2messages:GetMessages", "ec2messages:SendReply",
	},
}

func (b *builder) rights() []iampolicy.Statement {
	args := b.args
	through := func(service string) map[string]any {
		return map[string]any{"StringEquals": map[string]any{"kms:ViaService": service + "." + args.Region + ".amazonaws.com"}}
	}
	rights := []iampolicy.Statement{
		{
			Sid: "FetchReleases", Actions: []string{"s3:GetObject"},
			Resources: []any{pulumi.Sprintf("%s/%s/*", args.Artifacts.BucketARN, appFolder), pulumi.Sprintf("%s/%s/*", args.Artifacts.BucketARN, trustFolder)},
		},
		{
			Sid: "DecryptReleases", Actions: []string{"kms:Decrypt"},
			Resources: []any{args.Artifacts.Key}, Conditions: through("s3"),
		},
		{
			Sid: "ReadDatabaseSecret", Actions: []string{"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"},
			Resources: []any{args.Database.Secret},
		},
		{
			Sid: "DecryptDatabaseSecret", Actions: []string{"kms:Decrypt"},
			Resources: []any{args.Database.Key}, Conditions: through("secretsmanager"),
		},
		{
			Sid:       "MountSharedFiles",
			Actions:   []string{"elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"},
			Resources: []any{args.Files.FileSystemARN},
			Conditions: map[string]any{"StringEquals": map[string]any{
				"elasticfilesystem:AccessPointArn": args.Files.AccessARN,
			}},
		},
		managed,
	}
	if args.ParametersPath != "" {
		rights = append(rights, iampolicy.Statement{
			Sid: "ReadPublishedFacts", Actions: []string{"ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"},
			Resources: []any{fmt.Sprintf("arn:aws:ssm:%s:%s:parameter%s/*", args.Region, args.Account, args.ParametersPath)},
		})
	}
	return rights
}
