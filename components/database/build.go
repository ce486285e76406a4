package database

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/rds"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// surroundings makes what the cluster lives in: its subnets, and a security
// group that lets nobody in until somebody is named.
func (b *builder) surroundings() error {
	var ids pulumi.StringArray
	for _, zone := range b.args.Zones {
		ids = append(ids, b.args.Subnets[zone.Letter])
	}
	var err error
	b.subnets, err = rds.NewSubnetGroup(b.ctx, b.name, &rds.SubnetGroupArgs{
		Description: pulumi.String("One subnet a zone for " + b.name),
		SubnetIds:   ids,
		Tags:        b.tags(""),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating its subnet group: %w", err)
	}
	group, err := ec2.NewSecurityGroup(b.ctx, b.name, &ec2.SecurityGroupArgs{
		VpcId: b.args.VPC.ToStringOutput(), Description: pulumi.String("Members of " + b.name), Tags: b.tags(""),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating its security group: %w", err)
	}
	b.made.SecurityGroup = group.ID().ToStringOutput()
	return nil
}

func (b *builder) parameterGroups() error {
	var err error
	b.clusterParameters, err = rds.NewClusterParameterGroup(b.ctx, b.name, &rds.ClusterParameterGroupArgs{
		Family: pulumi.String(b.args.family()), Parameters: clusterParameterArray(),
		Description: pulumi.String("Cluster settings of " + b.name), Tags: b.tags(""),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating its cluster parameter group: %w", err)
	}
	b.instanceParameters, err = rds.NewParameterGroup(b.ctx, b.name, &rds.ParameterGroupArgs{
		Family: pulumi.String(b.args.family()), Parameters: instanceParameterArray(),
		Description: pulumi.String("Member settings of " + b.name), Tags: b.tags(""),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating its parameter group: %w", err)
	}
	return nil
}

// logGroup makes the group that RDS would otherwise make by itself, unencrypted
// and kept for ever. That is why the cluster's identifier has to be known first.
func (b *builder) logGroup() error {
	var err error
	b.log, err = cloudwatch.NewLogGroup(b.ctx, b.name, &cloudwatch.LogGroupArgs{
		Name:            pulumi.Sprintf("/aws/rds/cluster/%s/%s", b.identifier, engineLog),
		RetentionInDays: pulumi.Int(b.args.LogDays),
		KmsKeyId:        b.args.LogKey.ToStringOutput(),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating its log group: %w", err)
	}
	b.made.LogGroup = b.log.Name
	return nil
}

func (b *builder) cluster() error {
	args := &rds.ClusterArgs{
		ClusterIdentifier:                pulumi.String(b.identifier),
		Engine:                           pulumi.String(engine),
		EngineMode:                       pulumi.String("provisioned"),
		EngineVersion:                    pulumi.String(b.args.EngineVersion),
		DatabaseName:                     pulumi.String(b.args.Name),
		Port:                             pulumi.Int(Port),
		MasterUsername:                   pulumi.String(masterUser),
		ManageMasterUserPassword:         pulumi.Bool(true),
		MasterUserSecretKmsKeyId:         b.args.Key.ToStringOutput(),
		IamDatabaseAuthenticationEnabled: pulumi.Bool(false),
		DbSubnetGroupName:                b.subnets.Name,
		DbClusterParameterGroupName:      b.clusterParameters.Name,
		VpcSecurityGroupIds:              pulumi.StringArray{b.made.SecurityGroup},
		StorageEncrypted:                 pulumi.Bool(true),
		KmsKeyId:                         b.args.Key.ToStringOutput(),
		BackupRetentionPeriod:            pulumi.Int(b.args.BackupDays),
		PreferredBackupWindow:            pulumi.String(b.args.BackupWindow),
		PreferredMaintenanceWindow:       pulumi.String(b.args.Maintenance),
		CopyTagsToSnapshot:               pulumi.Bool(true),
		EnabledCloudwatchLogsExports:     pulumi.StringArray{pulumi.String(engineLog)},
		ApplyImmediately:                 pulumi.Bool(b.args.ApplyImmediately),
		DeletionProtection:               pulumi.Bool(b.args.DeletionProtection),
		SkipFinalSnapshot:                pulumi.Bool(!b.args.FinalSnapshot),
		Tags:                             b.tags(""),
	}
	if b.args.FinalSnapshot {
		args.FinalSnapshotIdentifier = pulumi.String(b.identifier + "-final")
	}
	cluster, err := rds.NewCluster(b.ctx, b.name, args, b.child, pulumi.Protect(b.args.Protect),
		// AWS lists the zones of the storage in its own order and may list others
		// than the members'; the list is nobody's to change.
		pulumi.IgnoreChanges([]string{"availabilityZones"}),
		pulumi.DependsOn([]pulumi.Resource{b.log}))
	if err != nil {
		return fmt.Errorf("creating its cluster: %w", err)
	}
	b.clusterResource = cluster
	b.made.ClusterID, b.made.ClusterARN = cluster.ClusterIdentifier, cluster.Arn
	b.made.Writer, b.made.Reader = cluster.Endpoint, cluster.ReaderEndpoint
	b.made.Secret = cluster.MasterUserSecrets.ApplyT(secretARN).(pulumi.StringOutput)
	return nil
}

// secretARN finds the ARN of the master secret that RDS manages.
func secretARN(secrets []rds.ClusterMasterUserSecret) (string, error) {
	for _, secret := range secrets {
		if secret.SecretArn != nil && *secret.SecretArn != "" {
			return *secret.SecretArn, nil
		}
	}
	return "", errors.New("the cluster reports no master secret: RDS was asked to manage one")
}

// members makes one instance a zone. They are all alike: which one writes is
// the cluster's business. The promotion tier only says who is preferred next,
// and depends on the zone's letter alone.
func (b *builder) members() error {
	for _, zone := range b.args.Zones {
		suffix := "-" + zone.Letter
		args := &rds.ClusterInstanceArgs{
			Identifier:                 pulumi.String(b.identifier + suffix),
			ClusterIdentifier:          b.made.ClusterID,
			Engine:                     pulumi.String(engine),
			EngineVersion:              pulumi.String(b.args.EngineVersion),
			InstanceClass:              pulumi.String(b.args.InstanceClass),
			AvailabilityZone:           pulumi.String(zone.Name),
			PromotionTier:              pulumi.Int(zone.Index()),
			DbSubnetGroupName:          b.subnets.Name,
			DbParameterGroupName:       b.instanceParameters.Name,
			PubliclyAccessible:         pulumi.Bool(false),
			AutoMinorVersionUpgrade:    pulumi.Bool(false), // the version is the program's to change
			CaCertIdentifier:           pulumi.String(authority),
			CopyTagsToSnapshot:         pulumi.Bool(true),
			PreferredMaintenanceWindow: pulumi.String(b.args.Maintenance),
			ApplyImmediately:           pulumi.Bool(b.args.ApplyImmediately),
			PerformanceInsightsEnabled: pulumi.Bool(b.args.Insights),
			Tags:                       b.tags(suffix),
		}
		if b.args.Insights {
			args.PerformanceInsightsKmsKeyId = b.args.Key.ToStringOutput()
			args.PerformanceInsightsRetentionPeriod = pulumi.Int(insightsDays)
		}
		member, err := rds.NewClusterInstance(b.ctx, b.name+suffix, args, b.child, pulumi.Protect(b.args.Protect))
		if err != nil {
			return fmt.Errorf("creating its member in zone %s: %w", zone.Letter, err)
		}
		b.made.Members[zone.Letter], b.made.MemberIDs[zone.Letter] = member.Endpoint, member.Identifier
		b.made.Ready = append(b.made.Ready, member)
	}
	return nil
}
