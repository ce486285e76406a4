package rds

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"haven/lab/cloud"
	"haven/lab/services/kms"
	"haven/lab/services/secretsmanager"
)

const standardPort = 5432

// CreateDBCluster makes a cluster without instances. It is available when the realm has taken it on.
func (s *Service) CreateDBCluster(ctx context.Context, in *rds.CreateDBClusterInput) (*rds.CreateDBClusterOutput, error) {
	if err := checkCreate(in); err != nil {
		return nil, err
	}
	out := &rds.CreateDBClusterOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		name := nameOf(aws.ToString(in.DBClusterIdentifier))
		if existing, err := clusters.Get(tx, region, name); err != nil || existing != nil {
			return orExists(err, "DBClusterAlreadyExistsFault", "DB Cluster already exists")
		}
		row, err := s.newCluster(tx, region, name, in)
		if err != nil {
			return err
		}
		if err := setTags(tx, region, row.arn(), in.Tags); err != nil {
			return err
		}
		if err := clusters.Put(tx, region, name, row); err != nil {
			return err
		}
		out.DBCluster, err = describeCluster(tx, row)
		return err
	})
}

// checkCreate checks what needs no look into the store.
func checkCreate(in *rds.CreateDBClusterInput) error {
	_, _, _ = in.EngineLifecycleSupport, in.NetworkType, in.AutoMinorVersionUpgrade // records of AWS's own business
	_, _ = in.DBSystemId, in.SourceRegion                                           // sent empty by some clients
	if err := checkEngine(in.Engine); err != nil {
		return err
	}
	if err := checkIdentifier("DBClusterIdentifier", aws.ToString(in.DBClusterIdentifier)); err != nil {
		return err
	}
	return refuse("CreateDBCluster", map[string]bool{
		"EngineMode":                       or(in.EngineMode, "provisioned") != "provisioned",
		"NetworkType":                      or(in.NetworkType, "IPV4") != "IPV4",
		"AllocatedStorage":                 in.AllocatedStorage != nil,
		"BacktrackWindow":                  or(in.BacktrackWindow, 0) != 0,
		"CharacterSetName":                 in.CharacterSetName != nil,
		"ClusterScalabilityType":           in.ClusterScalabilityType != "" && in.ClusterScalabilityType != "standard",
		"DBClusterInstanceClass":           in.DBClusterInstanceClass != nil,
		"Domain":                           in.Domain != nil || in.DomainIAMRoleName != nil,
		"EnableGlobalWriteForwarding":      on(in.EnableGlobalWriteForwarding),
		"EnableHttpEndpoint":               on(in.EnableHttpEndpoint),
		"EnableIAMDatabaseAuthentication":  on(in.EnableIAMDatabaseAuthentication),
		"EnableLimitlessDatabase":          on(in.EnableLimitlessDatabase),
		"EnableLocalWriteForwarding":       on(in.EnableLocalWriteForwarding),
		"GlobalClusterIdentifier":          aws.ToString(in.GlobalClusterIdentifier) != "",
		"Iops":                             in.Iops != nil,
		"OptionGroupName":                  in.OptionGroupName != nil,
		"PreSignedUrl":                     aws.ToString(in.PreSignedUrl) != "",
		"PubliclyAccessible":               on(in.PubliclyAccessible),
		"RdsCustomClusterConfiguration":    in.RdsCustomClusterConfiguration != nil,
		"ReplicationSourceIdentifier":      in.ReplicationSourceIdentifier != nil,
		"ScalingConfiguration":             in.ScalingConfiguration != nil,
		"ServerlessV2ScalingConfiguration": in.ServerlessV2ScalingConfiguration != nil,
		"StorageType":                      !slices.Contains([]string{"", "aurora", "aurora-iopt1"}, aws.ToString(in.StorageType)),
		"MonitoringInterval":               or(in.MonitoringInterval, 0) != 0 || in.MonitoringRoleArn != nil,
		"CACertificateIdentifier":          or(in.CACertificateIdentifier, standardAuthority) != standardAuthority,
	})
}

var (
	databasePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)
	userPattern     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,62}$`)
)

func (s *Service) newCluster(tx *cloud.Tx, region, name string, in *rds.CreateDBClusterInput) (*clusterRow, error) {
	version, err := resolveVersion(aws.ToString(in.EngineVersion))
	if err != nil {
		return nil, err
	}
	row := &clusterRow{
		Name: name, Region: region, ResourceID: "cluster-" + strings.ToUpper(cloud.RandomHex(26)), Created: time.Now().UTC(),
		Status: statusCreating, EngineVersion: version, Database: aws.ToString(in.DatabaseName),
		MasterUser: aws.ToString(in.MasterUsername), Port: or(in.Port, standardPort),
		SubnetGroup: nameOf(or(in.DBSubnetGroupName, "default")), ParameterGroup: nameOf(or(in.DBClusterParameterGroupName, "default."+familyOf(version))),
		Groups: in.VpcSecurityGroupIds, Encrypted: on(in.StorageEncrypted), StorageType: or(in.StorageType, "aurora"),
		BackupDays: or(in.BackupRetentionPeriod, 1), BackupWindow: or(in.PreferredBackupWindow, "07:00-07:30"),
		Maintenance: or(in.PreferredMaintenanceWindow, "sun:05:00-sun:05:30"), Exports: in.EnableCloudwatchLogsExports,
		Protected: on(in.DeletionProtection), CopyTags: on(in.CopyTagsToSnapshot), MinorUpgrade: true,
		Insights: insights{On: on(in.EnablePerformanceInsights), Key: aws.ToString(in.PerformanceInsightsKMSKeyId), Days: or(in.PerformanceInsightsRetentionPeriod, 0), Mode: in.DatabaseInsightsMode},
	}
	if row.Encrypted {
		if row.Key, err = keyARN(tx, region, or(in.KmsKeyId, "alias/aws/rds")); err != nil {
			return nil, err
		}
	} else if in.KmsKeyId != nil {
		return nil, cloud.Errorf("InvalidParameterCombination", "KmsKeyId can't be specified for a cluster whose storage is not encrypted")
	}
	if err := row.check(); err != nil {
		return nil, err
	}
	if err := s.place(tx, row, in.AvailabilityZones); err != nil {
		return nil, err
	}
	return row, s.setMaster(tx, row, on(in.ManageMasterUserPassword), in.MasterUserPassword, aws.ToString(in.MasterUserSecretKmsKeyId))
}

// check checks the row by itself.
func (c *clusterRow) check() error {
	invalid := func(format string, args ...any) error { return cloud.Errorf("InvalidParameterValue", format, args...) }
	switch {
	case c.MasterUser == "":
		return cloud.Errorf("InvalidParameterCombination", "The parameter MasterUsername must be provided and must not be blank.")
	case !userPattern.MatchString(c.MasterUser) || strings.HasPrefix(c.MasterUser, "pg_"):
		return invalid("The parameter MasterUsername is not a valid identifier.")
	case slices.Contains([]string{"rdsadmin", "rdsrepladmin", "admin", "rds_superuser"}, strings.ToLower(c.MasterUser)):
		return invalid("MasterUsername %s cannot be used as it is a reserved word used by the engine", c.MasterUser)
	case c.Database != "" && !databasePattern.MatchString(c.Database):
		return invalid("DatabaseName must begin with a letter and contain only alphanumeric characters.")
	case c.Port < 1150 || c.Port > 65535:
		return invalid("Invalid endpoint port %d. Must be between 1150 and 65535.", c.Port)
	case c.BackupDays < 1 || c.BackupDays > 35:
		return invalid("Invalid backup retention period: %d. Retention period must be between 1 and 35 days.", c.BackupDays)
	}
	for _, kind := range c.Exports {
		if kind != "postgresql" {
			return cloud.Unsupportedf("InvalidParameterCombination", "the log type %q; %s exports postgresql", kind, engineName)
		}
	}
	return nil
}

// place finds the cluster's subnets, checks groups and parameter group, and lists three zones, as AWS does.
func (s *Service) place(tx *cloud.Tx, row *clusterRow, wanted []string) error {
	group, err := findSubnetGroup(tx, row.Region, row.SubnetGroup)
	if err != nil {
		return err
	}
	row.VPC = group.VPC
	if len(row.Groups) == 0 {
		return cloud.Unsupportedf("InvalidParameterCombination", "clusters without VpcSecurityGroupIds (the VPC's default security group)")
	}
	if err := s.checkGroups(tx, row); err != nil {
		return err
	}
	if err := checkClusterGroup(tx, row); err != nil {
		return err
	}
	region, _ := cloud.FindRegion(row.Region)
	for _, zone := range wanted {
		if !slices.Contains(region.Zones, zone) {
			return cloud.Errorf("InvalidVPCNetworkStateFault", "Invalid availability zone: %s", zone)
		}
	}
	row.Zones = slices.Clone(wanted)
	var own []string
	for _, subnet := range group.Subnets {
		own = append(own, subnet.Zone)
	}
	for _, zone := range slices.Concat(own, region.Zones) {
		if len(row.Zones) < 3 && !slices.Contains(row.Zones, zone) {
			row.Zones = append(row.Zones, zone)
		}
	}
	slices.Sort(row.Zones)
	return nil
}

func (s *Service) checkGroups(tx *cloud.Tx, row *clusterRow) error {
	err := s.network.CheckSecurityGroups(tx, row.Region, row.VPC, row.Groups)
	if cloud.HasCode(err, "InvalidGroup.NotFound") {
		return cloud.Errorf("InvalidParameterValue", "Invalid security group , groupId= %s, groupName=.", strings.Join(row.Groups, ", "))
	}
	return err
}

func checkClusterGroup(tx *cloud.Tx, row *clusterRow) error {
	group, err := clusterGroupKind.find(tx, row.Region, row.ParameterGroup)
	if cloud.HasCode(err, "DBParameterGroupNotFound") {
		return cloud.StatusErrorf(404, "DBClusterParameterGroupNotFound", "DBClusterParameterGroup not found: %s", row.ParameterGroup)
	}
	if err == nil && group.Family != familyOf(row.EngineVersion) {
		err = cloud.Errorf("InvalidParameterCombination", "The parameter group %s with DBParameterGroupFamily %s can't be used for this cluster. Use a parameter group with DBParameterGroupFamily %s.",
			group.Name, group.Family, familyOf(row.EngineVersion))
	}
	return err
}

// setMaster takes the user's password, or makes one and keeps it in a secret.
func (s *Service) setMaster(tx *cloud.Tx, row *clusterRow, managed bool, password *string, key string) error {
	switch {
	case managed && password != nil:
		return cloud.Errorf("InvalidParameterCombination", "You can't specify both ManageMasterUserPassword and MasterUserPassword.")
	case !managed && key != "":
		return cloud.Errorf("InvalidParameterCombination", "You can't specify MasterUserSecretKmsKeyId without ManageMasterUserPassword.")
	case !managed && password == nil:
		return cloud.Errorf("InvalidParameterCombination", "The parameter MasterUserPassword must be provided and must not be blank.")
	case !managed:
		row.Password = *password
		return checkPassword(*password)
	}
	var err error
	if row.SecretKey, err = keyARN(tx, row.Region, or(optional(key), "alias/aws/secretsmanager")); err != nil {
		return err
	}
	row.Secret, err = s.secrets.CreateManaged(tx, row.Region, secretsmanager.ManagedSecret{
		Name: "rds!cluster-" + cloud.NewUUID(), Owner: "rds", KeyRef: key, Value: masterSecret(row.MasterUser), RotateDays: rotateDays,
		Description: "Secret associated with primary RDS DB cluster: " + row.arn(),
		Tags:        map[string]string{"aws:rds:primaryDBClusterArn": row.arn(), "aws:secretsmanager:owningService": "rds"},
	})
	return err
}

// rotateDays is how often RDS rotates a master password that it manages:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-secrets-manager.html
const rotateDays = 7

func checkPassword(password string) error {
	if len(password) < 8 || len(password) > 128 || strings.ContainsAny(password, `/"@ `) || strings.ContainsFunc(password, func(r rune) bool { return r < ' ' || r > '~' }) {
		return cloud.Errorf("InvalidParameterValue", "The parameter MasterUserPassword is not a valid password. "+
			"Only printable ASCII characters besides '/', '@', '\"', ' ' may be used, 8 to 128 of them.")
	}
	return nil
}

// masterSecret makes a password and the secret's value around it.
func masterSecret(user string) []byte {
	value, _ := json.Marshal(map[string]string{"username": user, "password": newPassword()}) // strings always marshal
	return value
}

// keyARN returns the ARN of the KMS key that a reference names; AWS's own keys are made when they are first used.
func keyARN(tx *cloud.Tx, region, reference string) (string, error) {
	arn, err := kms.ResolveARN(tx, region, reference)
	if err != nil {
		return "", cloud.Errorf("KMSKeyNotAccessibleFault", "The specified KMS key [%s] does not exist, is not enabled or you do not have permissions to access it: %v", reference, err)
	}
	return arn, nil
}
