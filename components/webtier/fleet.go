package webtier

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	appFolder   = "app"
	trustFolder = "trust"

	rootDevice  = "/dev/xvda" // of Amazon Linux 2023
	rootSizeGiB = 10
)

// userData publishes what servers fetch and renders their boot script.
func (b *builder) userData() (pulumi.StringOutput, error) {
	artifacts, database, files := b.args.Artifacts, b.args.Database, b.args.Files
	app, err := b.publish("app", artifacts.App, appFolder, "haven-app")
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	trust, trustHash := pulumi.String(artifacts.TrustURL).ToStringOutput(), ""
	if artifacts.Trust != nil {
		trustHash = artifacts.Trust.SHA256
		if trust, err = b.publish("trust", *artifacts.Trust, trustFolder, "database-ca.pem"); err != nil {
			return pulumi.StringOutput{}, err
		}
	}
	fixed := UserData{
		ArtifactSHA256: artifacts.App.SHA256, TrustSHA256: trustHash, Version: artifacts.App.Version(),
		SharedDir: SharedDir, Owner: files.Owner, Port: Port,
		DetectionSeconds: b.args.DetectionSeconds, DrainSeconds: b.args.DrainSeconds,
		DatabasePort: database.Port, DatabaseName: database.Name,
	}
	return pulumi.All(app, trust, files.FileSystem, files.AccessPoint,
		database.Writer, database.Reader, b.hosts(), database.Secret).ApplyT(func(known []any) (string, error) {
		data := fixed
		for i, field := range []*string{
			&data.Artifact, &data.Trust, &data.FileSystem, &data.AccessPoint,
			&data.WriterHost, &data.ReaderHost, &data.Hosts, &data.SecretARN,
		} {
			*field = known[i].(string)
		}
		script, err := RenderUserData(data)
		return base64.StdEncoding.EncodeToString([]byte(script)), err
	}).(pulumi.StringOutput), nil
}

// hosts lists every database member, so that the application can find the new
// writer without waiting for DNS.
func (b *builder) hosts() pulumi.StringOutput {
	var members []any
	for _, letter := range slices.Sorted(maps.Keys(b.args.Database.Members)) {
		members = append(members, b.args.Database.Members[letter])
	}
	return pulumi.All(members...).ApplyT(func(known []any) string {
		names := make([]string, 0, len(known))
		for _, name := range known {
			names = append(names, name.(string))
		}
		return strings.Join(names, ",")
	}).(pulumi.StringOutput)
}

func (b *builder) template() error {
	userData, err := b.userData()
	if err != nil {
		return err
	}
	// Only the name: a tag here would be part of the template, and changing it
	// would roll the fleet. The group tags its servers in place.
	named := pulumi.StringMap{"Name": pulumi.String(b.name)}
	b.launch, err = ec2.NewLaunchTemplate(b.ctx, b.name, &ec2.LaunchTemplateArgs{
		ImageId:                           pulumi.String(b.args.Image),
		InstanceType:                      pulumi.String(b.args.InstanceType),
		InstanceInitiatedShutdownBehavior: pulumi.String("terminate"),
		EbsOptimized:                      pulumi.String("true"),
		UpdateDefaultVersion:              pulumi.Bool(true),
		VpcSecurityGroupIds:               pulumi.StringArray{b.made.SecurityGroup},
		IamInstanceProfile:                &ec2.LaunchTemplateIamInstanceProfileArgs{Arn: b.profile.Arn},
		Monitoring:                        &ec2.LaunchTemplateMonitoringArgs{Enabled: pulumi.Bool(true)},
		MetadataOptions: &ec2.LaunchTemplateMetadataOptionsArgs{
			HttpEndpoint:            pulumi.String("enabled"),
			HttpTokens:              pulumi.String("required"),
			HttpPutResponseHopLimit: pulumi.Int(1),
			InstanceMetadataTags:    pulumi.String("disabled"),
		},
		BlockDeviceMappings: ec2.LaunchTemplateBlockDeviceMappingArray{&ec2.LaunchTemplateBlockDeviceMappingArgs{
			DeviceName: pulumi.String(rootDevice),
			Ebs: &ec2.LaunchTemplateBlockDeviceMappingEbsArgs{
				VolumeType: pulumi.String("gp3"), VolumeSize: pulumi.Int(rootSizeGiB),
				Encrypted: pulumi.String("true"), KmsKeyId: b.args.DiskKey.ToStringOutput(),
				DeleteOnTermination: pulumi.String("true"),
			},
		}},
		TagSpecifications: ec2.LaunchTemplateTagSpecificationArray{
			&ec2.LaunchTemplateTagSpecificationArgs{ResourceType: pulumi.String("volume"), Tags: named},
		},
		UserData: userData,
		Tags:     named,
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating its launch template: %w", err)
	}
	return nil
}

// fleet makes the Auto Scaling group. It waits for everything that a server
// needs at boot and for the listeners, and is done when the whole fleet passes
// the balancer's health check.
func (b *builder) fleet() error {
	subnets := make(pulumi.StringArray, 0, len(b.args.Subnets))
	for _, letter := range slices.Sorted(maps.Keys(b.args.Subnets)) {
		subnets = append(subnets, b.args.Subnets[letter])
	}
	after := slices.Concat(b.bootNeeds, b.args.After, b.args.Balancer.Ready, b.args.Database.Ready,
		b.args.Files.Ready, b.args.Artifacts.Ready)
	group, err := autoscaling.NewGroup(b.ctx, b.name, &autoscaling.GroupArgs{
		LaunchTemplate: &autoscaling.GroupLaunchTemplateArgs{
			Id: b.launch.ID(),
			Version: b.launch.LatestVersion.ApplyT(func(version int) string {
				return strconv.Itoa(version)
			}).(pulumi.StringOutput),
		},
		VpcZoneIdentifiers:     subnets,
		TargetGroupArns:        pulumi.StringArray{b.args.Balancer.TargetGroup},
		MinSize:                pulumi.Int(b.made.Capacity.Min),
		MaxSize:                pulumi.Int(b.made.Capacity.Max),
		HealthCheckType:        pulumi.String("ELB"),
		HealthCheckGracePeriod: pulumi.Int(b.args.GraceSeconds),
		DefaultInstanceWarmup:  pulumi.Int(b.args.WarmupSeconds),
		MinElbCapacity:         pulumi.Int(b.made.Capacity.Min),
		WaitForCapacityTimeout: pulumi.String("10m"),
		MetricsGranularity:     pulumi.String("1Minute"),
		EnabledMetrics: pulumi.ToStringArray([]string{
			"GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances", "GroupTerminatingInstances",
		}),
		// What every server fails at, such as slow storage, must not empty the fleet: a server that can't take its place ends none.
		// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-instance-maintenance-policy.html
		InstanceMaintenancePolicy: &autoscaling.GroupInstanceMaintenancePolicyArgs{
			MinHealthyPercentage: pulumi.Int(b.args.MinHealthyPercentage), MaxHealthyPercentage: pulumi.Int(b.args.MaxHealthyPercentage),
		},
		InstanceRefresh: &autoscaling.GroupInstanceRefreshArgs{
			Strategy: pulumi.String("Rolling"),
			Preferences: &autoscaling.GroupInstanceRefreshPreferencesArgs{
				MinHealthyPercentage: pulumi.Int(b.args.MinHealthyPercentage), // left out, the provider's default would count
				MaxHealthyPercentage: pulumi.Int(b.args.MaxHealthyPercentage),
				InstanceWarmup:       pulumi.String("0"), // in service means healthy at the balancer already
				AutoRollback:         pulumi.Bool(true),
				SkipMatching:         pulumi.Bool(true),
			},
		},
		Tags: b.groupTags(),
	}, b.child, pulumi.DependsOn(after))
	if err != nil {
		return fmt.Errorf("creating its Auto Scaling group: %w", err)
	}
	b.made.GroupName = group.Name
	return nil
}

func (b *builder) groupTags() autoscaling.GroupTagArray {
	all := map[string]string{"Name": b.name}
	maps.Copy(all, b.args.Tags)
	tags := autoscaling.GroupTagArray{}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		tags = append(tags, &autoscaling.GroupTagArgs{
			Key: pulumi.String(key), Value: pulumi.String(all[key]), PropagateAtLaunch: pulumi.Bool(true),
		})
	}
	return tags
}
