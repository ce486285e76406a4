package rds

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

// ModifyDBCluster changes a cluster. All changes are made at once: the lab does not wait for a maintenance window.
func (s *Service) ModifyDBCluster(ctx context.Context, in *rds.ModifyDBClusterInput) (*rds.ModifyDBClusterOutput, error) {
	if err := checkModify(in); err != nil {
		return nil, err
	}
	out := &rds.ModifyDBClusterOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findCluster(tx, region, aws.ToString(in.DBClusterIdentifier))
		if err != nil {
			return err
		}
		if row.Status == statusDeleting {
			return invalidState(row)
		}
		if err := s.modifyCluster(tx, row, in); err != nil {
			return err
		}
		if err := clusters.Put(tx, region, row.Name, row); err != nil {
			return err
		}
		out.DBCluster, err = describeCluster(tx, row)
		return err
	})
}

func checkModify(in *rds.ModifyDBClusterInput) error {
	_, _, _ = in.ApplyImmediately, in.AllowEngineModeChange, in.AutoMinorVersionUpgrade
	return refuse("ModifyDBCluster", map[string]bool{
		"AllowMajorVersionUpgrade":         on(in.AllowMajorVersionUpgrade),
		"AllocatedStorage":                 in.AllocatedStorage != nil,
		"AwsBackupRecoveryPointArn":        in.AwsBackupRecoveryPointArn != nil,
		"BacktrackWindow":                  or(in.BacktrackWindow, 0) != 0,
		"CACertificateIdentifier":          or(in.CACertificateIdentifier, standardAuthority) != standardAuthority,
		"DBClusterInstanceClass":           in.DBClusterInstanceClass != nil,
		"DBInstanceParameterGroupName":     in.DBInstanceParameterGroupName != nil,
		"Domain":                           in.Domain != nil || in.DomainIAMRoleName != nil,
		"EnableGlobalWriteForwarding":      on(in.EnableGlobalWriteForwarding),
		"EnableHttpEndpoint":               on(in.EnableHttpEndpoint),
		"EnableIAMDatabaseAuthentication":  on(in.EnableIAMDatabaseAuthentication),
		"EnableLocalWriteForwarding":       on(in.EnableLocalWriteForwarding),
		"EngineMode":                       or(in.EngineMode, "provisioned") != "provisioned",
		"Iops":                             in.Iops != nil,
		"MonitoringInterval":               or(in.MonitoringInterval, 0) != 0 || in.MonitoringRoleArn != nil,
		"NetworkType":                      or(in.NetworkType, "IPV4") != "IPV4",
		"NewDBClusterIdentifier":           in.NewDBClusterIdentifier != nil,
		"OptionGroupName":                  in.OptionGroupName != nil,
		"Port":                             in.Port != nil,
		"ScalingConfiguration":             in.ScalingConfiguration != nil,
		"ServerlessV2ScalingConfiguration": in.ServerlessV2ScalingConfiguration != nil,
		"StorageType":                      !slices.Contains([]string{"", "aurora", "aurora-iopt1"}, aws.ToString(in.StorageType)),
	})
}

func (s *Service) modifyCluster(tx *cloud.Tx, row *clusterRow, in *rds.ModifyDBClusterInput) error {
	row.BackupDays = or(in.BackupRetentionPeriod, row.BackupDays)
	row.BackupWindow = or(in.PreferredBackupWindow, row.BackupWindow)
	row.Maintenance = or(in.PreferredMaintenanceWindow, row.Maintenance)
	row.CopyTags = or(in.CopyTagsToSnapshot, row.CopyTags)
	row.Protected = or(in.DeletionProtection, row.Protected)
	row.StorageType = or(in.StorageType, row.StorageType)
	row.ParameterGroup = nameOf(or(in.DBClusterParameterGroupName, row.ParameterGroup))
	row.Insights.On = or(in.EnablePerformanceInsights, row.Insights.On)
	row.Insights.Key = or(in.PerformanceInsightsKMSKeyId, row.Insights.Key)
	row.Insights.Days = or(in.PerformanceInsightsRetentionPeriod, row.Insights.Days)
	if in.DatabaseInsightsMode != "" {
		row.Insights.Mode = in.DatabaseInsightsMode
	}
	if exports := in.CloudwatchLogsExportConfiguration; exports != nil {
		row.Exports = slices.DeleteFunc(slices.Clone(row.Exports), func(kind string) bool { return slices.Contains(exports.DisableLogTypes, kind) })
		row.Exports = append(row.Exports, exports.EnableLogTypes...)
		slices.Sort(row.Exports)
		row.Exports = slices.Compact(row.Exports)
	}
	if in.EngineVersion != nil {
		version, err := resolveVersion(*in.EngineVersion)
		if err != nil {
			return err
		}
		if err := s.upgrade(tx, row, version); err != nil {
			return err
		}
	}
	if err := row.check(); err != nil {
		return err
	}
	if err := checkClusterGroup(tx, row); err != nil {
		return err
	}
	if len(in.VpcSecurityGroupIds) > 0 {
		if err := s.setGroups(tx, row, in.VpcSecurityGroupIds); err != nil {
			return err
		}
	}
	return s.modifyMaster(tx, row, in)
}

// upgrade records another minor version; which PostgreSQL runs does not change with it.
func (s *Service) upgrade(tx *cloud.Tx, row *clusterRow, version string) error {
	if majorOf(version) != majorOf(row.EngineVersion) {
		return cloud.Unsupportedf("InvalidParameterCombination", "upgrades to another major version, from %s to %s", row.EngineVersion, version)
	}
	if version != row.EngineVersion {
		if err := noteCluster(tx, row, clusterUpgraded); err != nil {
			return err
		}
	}
	row.EngineVersion = version
	own, err := members(tx, row.Region, row.Name)
	if err != nil {
		return err
	}
	for _, m := range own {
		m.EngineVersion = version
		if err := instances.Put(tx, m.Region, m.Name, m); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) setGroups(tx *cloud.Tx, row *clusterRow, groups []string) error {
	row.Groups = groups
	if err := s.checkGroups(tx, row); err != nil {
		return err
	}
	own, err := members(tx, row.Region, row.Name)
	if err != nil {
		return err
	}
	for _, m := range own {
		if m.Interface == "" {
			continue
		}
		if err := s.network.SetInterfaceGroups(tx, row.Region, m.Interface, groups); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) modifyMaster(tx *cloud.Tx, row *clusterRow, in *rds.ModifyDBClusterInput) error {
	managed := or(in.ManageMasterUserPassword, row.Secret != "")
	switch {
	case on(in.RotateMasterUserPassword) && row.Secret == "":
		return cloud.Errorf("InvalidParameterCombination", "You can't rotate the master user password of a cluster whose password RDS does not manage.")
	case on(in.RotateMasterUserPassword) && in.ApplyImmediately != nil && !*in.ApplyImmediately:
		return cloud.Errorf("InvalidParameterCombination", "You must specify ApplyImmediately to rotate the master user password.")
	case on(in.RotateMasterUserPassword):
		row.Rotated = time.Now().UTC()
		row.reset()
		return s.secrets.RotateManaged(tx, row.Region, row.Secret, masterSecret(row.MasterUser))
	case in.MasterUserPassword != nil && managed:
		return cloud.Errorf("InvalidParameterCombination", "You can't specify MasterUserPassword for a cluster whose password RDS manages.")
	case managed && row.Secret == "":
		row.Password = ""
		row.reset()
		return s.setMaster(tx, row, true, nil, aws.ToString(in.MasterUserSecretKmsKeyId))
	case managed && in.MasterUserSecretKmsKeyId != nil:
		return sameSecretKey(tx, row, *in.MasterUserSecretKmsKeyId)
	case !managed && row.Secret != "" && in.MasterUserPassword == nil:
		return cloud.Errorf("InvalidParameterCombination", "You must specify MasterUserPassword to stop managing the master user password.")
	case in.MasterUserPassword != nil:
		secret := row.Secret
		row.Password, row.Secret, row.SecretKey = *in.MasterUserPassword, "", ""
		row.reset()
		if err := checkPassword(row.Password); err != nil || secret == "" {
			return err
		}
		return s.secrets.DeleteManaged(tx, row.Region, secret)
	}
	return nil
}

// reset says that there is another master password, which servers have to ask for.
func (c *clusterRow) reset() {
	c.Credentials++
	if c.Status == statusAvailable && c.Writer != "" {
		c.Status = statusResetting
	}
}

func sameSecretKey(tx *cloud.Tx, row *clusterRow, reference string) error {
	key, err := keyARN(tx, row.Region, reference)
	if err == nil && key != row.SecretKey {
		err = cloud.Unsupportedf("InvalidParameterCombination", "another MasterUserSecretKmsKeyId for a secret that exists")
	}
	return err
}

func invalidState(row *clusterRow) error {
	return cloud.Errorf("InvalidDBClusterStateFault", "DBCluster %s is in %s state", row.Name, row.Status)
}

// changeStatus runs a change of a cluster and returns it as it is then.
func (s *Service) changeStatus(ctx context.Context, reference *string, change func(tx *cloud.Tx, row *clusterRow) error) (out *types.DBCluster, err error) {
	err = s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findCluster(tx, region, aws.ToString(reference))
		if err != nil {
			return err
		}
		if err := change(tx, row); err != nil {
			return err
		}
		if err := clusters.Put(tx, region, row.Name, row); err != nil {
			return err
		}
		out, err = describeCluster(tx, row)
		return err
	})
	return out, err
}
