package rds

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

func describeInstance(tx *cloud.Tx, i *instanceRow) (*types.DBInstance, error) {
	cluster, err := findCluster(tx, i.Region, i.Cluster)
	if err != nil {
		return nil, err
	}
	group, err := findSubnetGroup(tx, i.Region, cluster.SubnetGroup)
	if err != nil {
		return nil, err
	}
	list, err := tagList(tx, i.Region, i.arn())
	if err != nil {
		return nil, err
	}
	out := &types.DBInstance{
		DBInstanceIdentifier: aws.String(i.Name), DBInstanceArn: aws.String(i.arn()), DbiResourceId: aws.String(i.ResourceID),
		DBInstanceStatus: aws.String(i.Status), DBInstanceClass: aws.String(i.Class), DBClusterIdentifier: aws.String(i.Cluster),
		Engine: aws.String(engineName), EngineVersion: aws.String(i.EngineVersion), EngineLifecycleSupport: aws.String("open-source-rds-extended-support"),
		LicenseModel: aws.String("postgresql-license"), AvailabilityZone: aws.String(i.Zone), PromotionTier: aws.Int32(i.Tier),
		InstanceCreateTime: aws.Time(i.Created), DBName: optional(cluster.Database), MasterUsername: aws.String(cluster.MasterUser),
		AllocatedStorage: aws.Int32(1), StorageType: optional(cluster.StorageType), StorageThroughput: aws.Int32(0), MultiAZ: aws.Bool(false),
		StorageEncrypted: aws.Bool(cluster.Encrypted), KmsKeyId: optional(cluster.Key), DBSubnetGroup: group.describe(),
		BackupRetentionPeriod: aws.Int32(cluster.BackupDays), PreferredBackupWindow: aws.String(cluster.BackupWindow),
		PreferredMaintenanceWindow: aws.String(i.Maintenance), AutoMinorVersionUpgrade: aws.Bool(i.MinorUpgrade), PubliclyAccessible: aws.Bool(false),
		CACertificateIdentifier: aws.String(i.Authority), CertificateDetails: &types.CertificateDetails{CAIdentifier: aws.String(i.Authority), ValidTill: aws.Time(i.CertificateEnd)},
		CopyTagsToSnapshot: aws.Bool(i.CopyTags), DbInstancePort: aws.Int32(0), DeletionProtection: aws.Bool(false), NetworkType: aws.String("IPV4"),
		IAMDatabaseAuthenticationEnabled: aws.Bool(false), CustomerOwnedIpEnabled: aws.Bool(false), MonitoringInterval: aws.Int32(i.Monitoring),
		MonitoringRoleArn: optional(i.MonitoringRole), EnabledCloudwatchLogsExports: cluster.Exports, BackupTarget: aws.String("region"),
		PerformanceInsightsEnabled: aws.Bool(i.Insights.On), DatabaseInsightsMode: i.Insights.Mode, TagList: list,
		DBParameterGroups: []types.DBParameterGroupStatus{{DBParameterGroupName: aws.String(i.ParameterGroup), ParameterApplyStatus: aws.String(applyStatus(i))}},
	}
	if i.Observed { // RDS tells an endpoint once there is one
		out.Endpoint = &types.Endpoint{Address: aws.String(i.endpoint()), Port: aws.Int32(cluster.Port), HostedZoneId: aws.String(zoneOfEndpoints)}
	}
	if i.Insights.On {
		out.PerformanceInsightsKMSKeyId, out.PerformanceInsightsRetentionPeriod = optional(i.Insights.Key), aws.Int32(i.Insights.Days)
	}
	for _, id := range cluster.Groups {
		out.VpcSecurityGroups = append(out.VpcSecurityGroups, types.VpcSecurityGroupMembership{VpcSecurityGroupId: aws.String(id), Status: aws.String("active")})
	}
	if i.Name != cluster.Writer && i.Status == statusAvailable {
		writer, err := instances.Get(tx, i.Region, cluster.Writer)
		if err != nil {
			return nil, err
		}
		// Commits wait for readers in other zones: one there replicates when they count on it.
		replicates := i.Streaming && !i.Lagging && (i.Synchronous || writer != nil && writer.Zone == i.Zone)
		status := map[bool]string{true: "replicating", false: "stopped"}[replicates]
		out.StatusInfos = []types.DBInstanceStatusInfo{{StatusType: aws.String("read replication"), Status: aws.String(status), Normal: aws.Bool(replicates)}}
	}
	return out, nil
}

// DescribeDBInstances lists instances.
func (s *Service) DescribeDBInstances(ctx context.Context, in *rds.DescribeDBInstancesInput) (*rds.DescribeDBInstancesOutput, error) {
	wanted, err := filterNames(in.Filters, "db-cluster-id", "db-instance-id", "dbi-resource-id", "engine", "domain")
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBInstancesOutput{DBInstances: []types.DBInstance{}}
	return out, s.view(ctx, func(tx *cloud.Tx, region string) error {
		all, err := instances.List(tx, region)
		if in.DBInstanceIdentifier != nil {
			var row *instanceRow
			row, err = findInstance(tx, region, *in.DBInstanceIdentifier)
			all = []*instanceRow{row}
		}
		if err != nil {
			return err
		}
		var chosen []*instanceRow
		for _, i := range all {
			cluster := groupARN("cluster", region, i.Cluster)
			if passes(wanted, "db-cluster-id", i.Cluster, cluster) && passes(wanted, "db-instance-id", i.Name, i.arn()) &&
				passes(wanted, "dbi-resource-id", i.ResourceID) && passes(wanted, "engine", engineName) && passes(wanted, "domain") {
				chosen = append(chosen, i)
			}
		}
		items, next, err := page(chosen, func(i *instanceRow) string { return i.Name }, in.Marker, in.MaxRecords)
		if err != nil {
			return err
		}
		out.Marker = next
		for _, i := range items {
			described, err := describeInstance(tx, i)
			if err != nil {
				return err
			}
			out.DBInstances = append(out.DBInstances, *described)
		}
		return nil
	})
}

// changeInstance runs a change of an instance and returns it as it is then.
func (s *Service) changeInstance(ctx context.Context, reference *string, change func(tx *cloud.Tx, row *instanceRow) error) (out *types.DBInstance, err error) {
	err = s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findInstance(tx, region, aws.ToString(reference))
		if err != nil {
			return err
		}
		if row.Status == statusDeleting {
			return cloud.Errorf("InvalidDBInstanceState", "Instance %s is already being deleted.", row.Name)
		}
		if err := change(tx, row); err != nil {
			return err
		}
		if err := instances.Put(tx, region, row.Name, row); err != nil {
			return err
		}
		out, err = describeInstance(tx, row)
		return err
	})
	return out, err
}

// ModifyDBInstance changes an instance. All changes are made at once.
func (s *Service) ModifyDBInstance(ctx context.Context, in *rds.ModifyDBInstanceInput) (*rds.ModifyDBInstanceOutput, error) {
	if err := checkModifyInstance(in); err != nil {
		return nil, err
	}
	described, err := s.changeInstance(ctx, in.DBInstanceIdentifier, func(tx *cloud.Tx, row *instanceRow) error {
		if class := or(in.DBInstanceClass, row.Class); class != row.Class {
			if err := checkClass(class); err != nil {
				return err
			}
			row.Class = class
			row.Restart++ // another class means another machine
			if row.Modifying = row.Observed; row.Modifying {
				row.Status = statusModifying
			}
			if err := noteInstance(tx, row, classChanging); err != nil {
				return err
			}
		}
		if in.EngineVersion != nil && *in.EngineVersion != row.EngineVersion {
			return cloud.Errorf("InvalidParameterCombination", "The engine version of a member is that of its DB cluster; modify the cluster.")
		}
		if authority := or(in.CACertificateIdentifier, row.Authority); !slices.Contains(authorities, authority) {
			return cloud.StatusErrorf(404, "CertificateNotFound", "Certificate not found: %s", authority)
		}
		row.Authority = or(in.CACertificateIdentifier, row.Authority)
		row.Tier = or(in.PromotionTier, row.Tier)
		row.CopyTags = or(in.CopyTagsToSnapshot, row.CopyTags)
		row.MinorUpgrade = or(in.AutoMinorVersionUpgrade, row.MinorUpgrade)
		row.Maintenance = or(in.PreferredMaintenanceWindow, row.Maintenance)
		row.Monitoring = or(in.MonitoringInterval, row.Monitoring)
		row.MonitoringRole = or(in.MonitoringRoleArn, row.MonitoringRole)
		row.Insights.On = or(in.EnablePerformanceInsights, row.Insights.On)
		row.Insights.Key = or(in.PerformanceInsightsKMSKeyId, row.Insights.Key)
		row.Insights.Days = or(in.PerformanceInsightsRetentionPeriod, row.Insights.Days)
		if in.DatabaseInsightsMode != "" {
			row.Insights.Mode = in.DatabaseInsightsMode
		}
		if group := nameOf(or(in.DBParameterGroupName, row.ParameterGroup)); group != row.ParameterGroup {
			row.ParameterGroup = group
			if err := noteInstance(tx, row, groupChosen, group); err != nil {
				return err
			}
		}
		return checkInstanceGroup(tx, row)
	})
	return &rds.ModifyDBInstanceOutput{DBInstance: described}, err
}

func checkModifyInstance(in *rds.ModifyDBInstanceInput) error {
	_, _, _ = in.ApplyImmediately, in.AllowMajorVersionUpgrade, in.CertificateRotationRestart
	if tier := or(in.PromotionTier, 1); tier < 0 || tier > 15 {
		return cloud.Errorf("InvalidParameterValue", "Invalid promotion tier: %d. Must be between 0 and 15.", tier)
	}
	return refuse("ModifyDBInstance", map[string]bool{
		"AllocatedStorage": in.AllocatedStorage != nil, "BackupRetentionPeriod": in.BackupRetentionPeriod != nil,
		"CloudwatchLogsExportConfiguration": in.CloudwatchLogsExportConfiguration != nil, "DBPortNumber": in.DBPortNumber != nil,
		"DBSubnetGroupName": in.DBSubnetGroupName != nil, "DeletionProtection": on(in.DeletionProtection),
		"EnableIAMDatabaseAuthentication": on(in.EnableIAMDatabaseAuthentication), "MasterUserPassword": in.MasterUserPassword != nil,
		"ManageMasterUserPassword": on(in.ManageMasterUserPassword), "MultiAZ": on(in.MultiAZ), "NewDBInstanceIdentifier": in.NewDBInstanceIdentifier != nil,
		"PubliclyAccessible": on(in.PubliclyAccessible), "VpcSecurityGroupIds": len(in.VpcSecurityGroupIds) > 0,
	})
}

// DeleteDBInstance deletes an instance; a writer hands over to a reader first, and the cluster keeps its data.
func (s *Service) DeleteDBInstance(ctx context.Context, in *rds.DeleteDBInstanceInput) (*rds.DeleteDBInstanceOutput, error) {
	_ = in.DeleteAutomatedBackups
	_ = in.SkipFinalSnapshot // snapshots are the cluster's
	if in.FinalDBSnapshotIdentifier != nil {
		return nil, cloud.Errorf("InvalidParameterCombination", "FinalDBSnapshotIdentifier can not be specified when deleting a cluster instance")
	}
	described, err := s.changeInstance(ctx, in.DBInstanceIdentifier, func(tx *cloud.Tx, row *instanceRow) error {
		cluster, err := findCluster(tx, row.Region, row.Cluster)
		if err != nil {
			return err
		}
		if cluster.Stopped {
			return invalidState(cluster)
		}
		row.Status = statusDeleting
		return nil
	})
	return &rds.DeleteDBInstanceOutput{DBInstance: described}, err
}

// RebootDBInstance restarts an instance in place, or with ForceFailover makes a reader the writer instead.
func (s *Service) RebootDBInstance(ctx context.Context, in *rds.RebootDBInstanceInput) (*rds.RebootDBInstanceOutput, error) {
	described, err := s.changeInstance(ctx, in.DBInstanceIdentifier, func(tx *cloud.Tx, row *instanceRow) error {
		if row.Status != statusAvailable && row.Status != statusStorageFull {
			return cloud.Errorf("InvalidDBInstanceState", "DB Instance %s is in %s state.", row.Name, row.Status)
		}
		row.Status = statusRebooting
		if on(in.ForceFailover) {
			return rebootWithFailover(tx, row)
		}
		row.Restart++
		return nil
	})
	return &rds.RebootDBInstanceOutput{DBInstance: described}, err
}

func rebootWithFailover(tx *cloud.Tx, row *instanceRow) error {
	cluster, err := findCluster(tx, row.Region, row.Cluster)
	if err != nil {
		return err
	}
	own, err := members(tx, row.Region, row.Cluster)
	if err != nil {
		return err
	}
	if cluster.Writer != row.Name {
		return cloud.Errorf("InvalidParameterCombination", "Force failover cannot be specified since the instance %s is not the writer of its cluster.", row.Name)
	}
	if cluster.Target, err = failoverTarget(cluster, own, ""); err != nil {
		return err
	}
	cluster.Order, cluster.Status = cluster.Order+1, statusFailingOver
	return clusters.Put(tx, cluster.Region, cluster.Name, cluster)
}
