package storage

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/efs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/components/internal/iampolicy"
)

// FilesType is the shared file system component's type token.
const FilesType = "haven:storage:Files"

// NFSPort is where mount targets listen.
const NFSPort = 2049

// Owner is the POSIX user and group that every client of the access point acts
// as, whoever it is on its own machine.
const Owner = 1500

// rootDirectory is what clients see as the file system's root.
const rootDirectory = "/haven"

// FilesArgs configures the shared file system.
type FilesArgs struct {
	// Required.
	Account string
	VPC     pulumi.StringInput
	Subnets map[string]pulumi.StringInput // by zone letter: one mount target each
	Key     pulumi.StringInput            // KMS key that encrypts the files

	// Optional.
	Protect bool // refuse to remove the file system
}

// Files is a Regional EFS file system: every file is kept in several zones, and
// each zone has its own mount target.
// https://docs.aws.amazon.com/efs/latest/ug/features.html
type Files struct {
	pulumi.ResourceState

	ID            pulumi.StringOutput // servers mount it
	ARN           pulumi.StringOutput // policies
	AccessPoint   pulumi.StringOutput // servers mount through it
	AccessARN     pulumi.StringOutput // policies
	SecurityGroup pulumi.StringOutput // whoever is let in
	Ready         []pulumi.Resource   // servers that mount wait for these
}

func (a *FilesArgs) validate() error {
	var problems []error
	if a.Account == "" || a.VPC == nil || a.Key == nil {
		problems = append(problems, errors.New("Account, VPC and Key are required"))
	}
	if len(a.Subnets) < 2 {
		problems = append(problems, fmt.Errorf("%d subnets: expected one in each of at least two zones", len(a.Subnets)))
	}
	return errors.Join(problems...)
}

// NewFiles declares the shared file system.
func NewFiles(ctx *pulumi.Context, name string, args *FilesArgs, opts ...pulumi.ResourceOption) (*Files, error) {
	if args == nil {
		return nil, fmt.Errorf("creating file system %s: args are required", name)
	}
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("creating file system %s: %w", name, err)
	}
	made := &Files{}
	if err := ctx.RegisterComponentResource(FilesType, name, made, opts...); err != nil {
		return nil, fmt.Errorf("registering file system %s: %w", name, err)
	}
	b := &filesBuilder{ctx: ctx, name: name, args: args, made: made, child: pulumi.Parent(made)}
	for _, step := range []func() error{b.fileSystem, b.accessPoint, b.policy, b.backup, b.mountTargets} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("creating file system %s: %w", name, err)
		}
	}
	if err := ctx.RegisterResourceOutputs(made, pulumi.Map{"id": made.ID, "accessPointId": made.AccessPoint}); err != nil {
		return nil, fmt.Errorf("registering the outputs of file system %s: %w", name, err)
	}
	return made, nil
}

type filesBuilder struct {
	ctx   *pulumi.Context
	name  string
	args  *FilesArgs
	made  *Files
	child pulumi.ResourceOption
}

func (b *filesBuilder) tags() pulumi.StringMap {
	return pulumi.StringMap{"Name": pulumi.String(b.name)}
}

func (b *filesBuilder) fileSystem() error {
	system, err := efs.NewFileSystem(b.ctx, b.name, &efs.FileSystemArgs{
		Encrypted:       pulumi.Bool(true),
		KmsKeyId:        b.args.Key.ToStringOutput(),
		PerformanceMode: pulumi.String("generalPurpose"),
		ThroughputMode:  pulumi.String("elastic"),
		LifecyclePolicies: efs.FileSystemLifecyclePolicyArray{
			&efs.FileSystemLifecyclePolicyArgs{TransitionToIa: pulumi.String("AFTER_30_DAYS")},
		},
		Tags: b.tags(),
	}, b.child, pulumi.Protect(b.args.Protect))
	if err != nil {
		return fmt.Errorf("creating it: %w", err)
	}
	b.made.ID, b.made.ARN = system.ID().ToStringOutput(), system.Arn
	return nil
}

func (b *filesBuilder) accessPoint() error {
	point, err := efs.NewAccessPoint(b.ctx, b.name, &efs.AccessPointArgs{
		FileSystemId: b.made.ID,
		PosixUser:    &efs.AccessPointPosixUserArgs{Uid: pulumi.Int(Owner), Gid: pulumi.Int(Owner)},
		RootDirectory: &efs.AccessPointRootDirectoryArgs{
			Path: pulumi.String(rootDirectory),
			CreationInfo: &efs.AccessPointRootDirectoryCreationInfoArgs{
				OwnerUid: pulumi.Int(Owner), OwnerGid: pulumi.Int(Owner), Permissions: pulumi.String("0750"),
			},
		},
		Tags: b.tags(),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating its access point: %w", err)
	}
	b.made.AccessPoint, b.made.AccessARN = point.ID().ToStringOutput(), point.Arn
	b.made.Ready = append(b.made.Ready, point)
	return nil
}

// policy lets in only clients that are signed in as a role of this account, come
// through the access point and a mount target, and speak TLS. Without a policy
// EFS trusts every machine that reaches a mount target.
// https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html
func (b *filesBuilder) policy() error {
	_, err := efs.NewFileSystemPolicy(b.ctx, b.name, &efs.FileSystemPolicyArgs{
		FileSystemId: b.made.ID,
		Policy: iampolicy.JSON(
			iampolicy.Statement{
				Sid: "TLSOnly", Deny: true, Principal: map[string]any{"AWS": "*"},
				Actions: []string{"*"}, Resources: []any{b.made.ARN},
				Conditions: map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}},
			},
			iampolicy.Statement{
				Sid:       "RolesOfThisAccountThroughTheAccessPoint",
				Principal: iampolicy.Account(b.args.Account),
				Actions:   []string{"elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"},
				Resources: []any{b.made.ARN},
				Conditions: map[string]any{
					"Bool":         map[string]any{"elasticfilesystem:AccessedViaMountTarget": "true"},
					"StringEquals": map[string]any{"elasticfilesystem:AccessPointArn": b.made.AccessARN},
				},
			}),
	}, b.child)
	if err != nil {
		return fmt.Errorf("setting its policy: %w", err)
	}
	return nil
}

func (b *filesBuilder) backup() error {
	_, err := efs.NewBackupPolicy(b.ctx, b.name, &efs.BackupPolicyArgs{
		FileSystemId: b.made.ID,
		BackupPolicy: &efs.BackupPolicyBackupPolicyArgs{Status: pulumi.String("ENABLED")},
	}, b.child)
	if err != nil {
		return fmt.Errorf("turning its backup on: %w", err)
	}
	return nil
}

func (b *filesBuilder) mountTargets() error {
	group, err := ec2.NewSecurityGroup(b.ctx, b.name, &ec2.SecurityGroupArgs{
		VpcId:       b.args.VPC.ToStringOutput(),
		Description: pulumi.String("Mount targets of " + b.name),
		Tags:        b.tags(),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating its security group: %w", err)
	}
	b.made.SecurityGroup = group.ID().ToStringOutput()
	for _, letter := range slices.Sorted(maps.Keys(b.args.Subnets)) {
		target, err := efs.NewMountTarget(b.ctx, b.name+"-"+letter, &efs.MountTargetArgs{
			FileSystemId:   b.made.ID,
			SubnetId:       b.args.Subnets[letter],
			SecurityGroups: pulumi.StringArray{b.made.SecurityGroup},
		}, b.child)
		if err != nil {
			return fmt.Errorf("creating its mount target in zone %s: %w", letter, err)
		}
		b.made.Ready = append(b.made.Ready, target)
	}
	return nil
}
