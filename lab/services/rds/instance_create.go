package rds

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
	"haven/lab/services/ec2"
)

// standardAuthority is the certificate authority that instances' certificates are said to be of; in the lab they are
// of the lab's own.
const standardAuthority = "rds-ca-rsa2048-g1"

// authorities are RDS's: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.SSL.html
var authorities = []string{standardAuthority, "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"}

// CreateDBInstance adds an instance to a cluster: the first becomes the writer, others read.
func (s *Service) CreateDBInstance(ctx context.Context, in *rds.CreateDBInstanceInput) (*rds.CreateDBInstanceOutput, error) {
	if err := checkCreateInstance(in); err != nil {
		return nil, err
	}
	out := &rds.CreateDBInstanceOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		name := nameOf(aws.ToString(in.DBInstanceIdentifier))
		if existing, err := instances.Get(tx, region, name); err != nil || existing != nil {
			return orExists(err, "DBInstanceAlreadyExists", "DB instance already exists")
		}
		row, err := s.newInstance(tx, region, name, in)
		if err != nil {
			return err
		}
		if err := setTags(tx, region, row.arn(), in.Tags); err != nil {
			return err
		}
		if err := instances.Put(tx, region, name, row); err != nil {
			return err
		}
		out.DBInstance, err = describeInstance(tx, row)
		return err
	})
}

func checkCreateInstance(in *rds.CreateDBInstanceInput) error {
	_, _, _ = in.EngineLifecycleSupport, in.NetworkType, in.LicenseModel
	_, _ = in.DBSystemId, in.Timezone // sent empty by some clients
	if err := checkEngine(in.Engine); err != nil {
		return err
	}
	if err := checkIdentifier("DBInstanceIdentifier", aws.ToString(in.DBInstanceIdentifier)); err != nil {
		return err
	}
	if err := checkClass(aws.ToString(in.DBInstanceClass)); err != nil {
		return err
	}
	if in.DBClusterIdentifier == nil {
		return cloud.Errorf("InvalidParameterCombination", "The engine %s needs a DBClusterIdentifier", engineName)
	}
	if tier := or(in.PromotionTier, 1); tier < 0 || tier > 15 {
		return cloud.Errorf("InvalidParameterValue", "Invalid promotion tier: %d. Must be between 0 and 15.", tier)
	}
	if !slices.Contains(authorities, or(in.CACertificateIdentifier, standardAuthority)) {
		return cloud.StatusErrorf(404, "CertificateNotFound", "Certificate not found: %s", *in.CACertificateIdentifier)
	}
	// What belongs to the cluster can't be said of an instance.
	ofCluster := map[string]bool{
		"AllocatedStorage": in.AllocatedStorage != nil, "BackupRetentionPeriod": in.BackupRetentionPeriod != nil, "DBName": in.DBName != nil,
		"DeletionProtection": on(in.DeletionProtection), "KmsKeyId": in.KmsKeyId != nil, "MasterUsername": in.MasterUsername != nil,
		"MasterUserPassword": in.MasterUserPassword != nil, "ManageMasterUserPassword": on(in.ManageMasterUserPassword),
		"MasterUserSecretKmsKeyId": in.MasterUserSecretKmsKeyId != nil, "Port": in.Port != nil, "VpcSecurityGroupIds": len(in.VpcSecurityGroupIds) > 0,
		"EnableCloudwatchLogsExports": len(in.EnableCloudwatchLogsExports) > 0, "PreferredBackupWindow": in.PreferredBackupWindow != nil,
		"StorageEncrypted": in.StorageEncrypted != nil,
	}
	for name, given := range ofCluster {
		if given {
			return cloud.Errorf("InvalidParameterCombination", "The requested DB Instance will be a member of a DB Cluster. Set %s for the DB Cluster.", name)
		}
	}
	return refuse("CreateDBInstance", map[string]bool{
		"AdditionalStorageVolumes": len(in.AdditionalStorageVolumes) > 0, "BackupTarget": in.BackupTarget != nil, "CharacterSetName": in.CharacterSetName != nil,
		"CustomIamInstanceProfile": in.CustomIamInstanceProfile != nil, "DBSecurityGroups": len(in.DBSecurityGroups) > 0,
		"DedicatedLogVolume": on(in.DedicatedLogVolume), "Domain": in.Domain != nil || in.DomainFqdn != nil || in.DomainOu != nil || in.DomainIAMRoleName != nil || in.DomainAuthSecretArn != nil || len(in.DomainDnsIps) > 0,
		"EnableCustomerOwnedIp": on(in.EnableCustomerOwnedIp), "EnableIAMDatabaseAuthentication": on(in.EnableIAMDatabaseAuthentication),
		"Iops": in.Iops != nil, "MaxAllocatedStorage": in.MaxAllocatedStorage != nil, "MultiAZ": on(in.MultiAZ), "MultiTenant": on(in.MultiTenant),
		"NcharCharacterSetName": in.NcharCharacterSetName != nil, "OptionGroupName": in.OptionGroupName != nil,
		"ProcessorFeatures": len(in.ProcessorFeatures) > 0, "PubliclyAccessible": on(in.PubliclyAccessible),
		"StorageThroughput": in.StorageThroughput != nil, "StorageType": !slices.Contains([]string{"", "aurora", "aurora-iopt1"}, aws.ToString(in.StorageType)),
		"TdeCredentialArn": in.TdeCredentialArn != nil || in.TdeCredentialPassword != nil,
	})
}

func (s *Service) newInstance(tx *cloud.Tx, region, name string, in *rds.CreateDBInstanceInput) (*instanceRow, error) {
	cluster, err := findCluster(tx, region, *in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if cluster.Status == statusDeleting || cluster.Stopped {
		return nil, invalidState(cluster)
	}
	own, err := members(tx, region, cluster.Name)
	if err != nil {
		return nil, err
	}
	if len(own) >= 16 {
		return nil, cloud.Errorf("InstanceQuotaExceeded", "A DB cluster has at most 16 DB instances: %s", cluster.Name)
	}
	version, err := resolveVersion(or(in.EngineVersion, cluster.EngineVersion))
	if err != nil {
		return nil, err
	}
	if version != cluster.EngineVersion {
		return nil, cloud.Errorf("InvalidParameterCombination", "The engine version %s that you requested for your DB instance does not match the engine version %s of your DB cluster", version, cluster.EngineVersion)
	}
	if in.DBSubnetGroupName != nil && nameOf(*in.DBSubnetGroupName) != cluster.SubnetGroup {
		return nil, cloud.Errorf("InvalidParameterCombination", "The DB subnet group %s is not that of the DB cluster, %s", *in.DBSubnetGroupName, cluster.SubnetGroup)
	}
	now := time.Now().UTC()
	row := &instanceRow{
		Name: name, Region: region, ResourceID: "db-" + strings.ToUpper(cloud.RandomHex(26)), Cluster: cluster.Name, Created: now, Order: now.UnixNano(),
		Status: statusCreating, Class: *in.DBInstanceClass, Zone: aws.ToString(in.AvailabilityZone), Tier: or(in.PromotionTier, 1),
		EngineVersion: version, ParameterGroup: nameOf(or(in.DBParameterGroupName, "default."+familyOf(version))),
		Authority: or(in.CACertificateIdentifier, standardAuthority), CertificateEnd: now.AddDate(1, 0, 0),
		MinorUpgrade: or(in.AutoMinorVersionUpgrade, true), CopyTags: on(in.CopyTagsToSnapshot),
		Maintenance: or(in.PreferredMaintenanceWindow, cluster.Maintenance), Monitoring: or(in.MonitoringInterval, 0), MonitoringRole: aws.ToString(in.MonitoringRoleArn),
		Insights: insights{On: on(in.EnablePerformanceInsights), Key: aws.ToString(in.PerformanceInsightsKMSKeyId), Days: or(in.PerformanceInsightsRetentionPeriod, 7), Mode: in.DatabaseInsightsMode},
	}
	if err := checkInstanceGroup(tx, row); err != nil {
		return nil, err
	}
	return row, s.plugIn(tx, cluster, row, own)
}

func checkInstanceGroup(tx *cloud.Tx, row *instanceRow) error {
	group, err := instanceGroupKind.find(tx, row.Region, row.ParameterGroup)
	if err == nil && group.Family != familyOf(row.EngineVersion) {
		err = cloud.Errorf("InvalidParameterCombination", "The parameter group %s with DBParameterGroupFamily %s can't be used for this instance. Use a parameter group with DBParameterGroupFamily %s.",
			group.Name, group.Family, familyOf(row.EngineVersion))
	}
	return err
}

// plugIn gives the instance a network interface in its zone, or in the zone with the fewest instances.
func (s *Service) plugIn(tx *cloud.Tx, cluster *clusterRow, row *instanceRow, others []*instanceRow) error {
	group, err := findSubnetGroup(tx, cluster.Region, cluster.SubnetGroup)
	if err != nil {
		return err
	}
	var zones []string
	for _, m := range others {
		zones = append(zones, m.Zone)
	}
	subnet, ok := chooseSubnet(group.Subnets, row.Zone, zones)
	if !ok {
		return cloud.Errorf("InvalidVPCNetworkStateFault", "The DB subnet group %s has no subnet in the Availability Zone %s", group.Name, row.Zone)
	}
	nic, err := s.network.CreateInterface(tx, cluster.Region, ec2.InterfaceRequest{
		SubnetID: subnet.ID, SecurityGroups: cluster.Groups, Description: "RDSNetworkInterface",
		Type: ec2types.NetworkInterfaceTypeInterface, RequesterID: "amazon-rds", Role: vpc.RoleHost,
	})
	if err != nil {
		return err
	}
	row.Zone, row.Interface, row.Address = subnet.Zone, nic.ID, nic.Address
	return nil
}

// chooseSubnet returns a subnet of the wanted zone; without one, of the zone with the fewest instances.
func chooseSubnet(subnets []subnetFact, wanted string, used []string) (subnetFact, bool) {
	var best subnetFact
	fewest := -1
	for _, subnet := range subnets {
		if wanted != "" && subnet.Zone != wanted {
			continue
		}
		count := 0
		for _, zone := range used {
			if zone == subnet.Zone {
				count++
			}
		}
		if fewest < 0 || count < fewest {
			best, fewest = subnet, count
		}
	}
	return best, fewest >= 0
}
