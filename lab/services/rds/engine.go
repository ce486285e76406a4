package rds

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

const engineName = "aurora-postgresql"

// versions are the engine versions that the lab accepts, newest last of each major one:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraPostgreSQLReleaseNotes/AuroraPostgreSQL.Updates.html
var versions = []string{
	"15.4", "15.5", "15.6", "15.7", "15.8", "15.10", "15.12", "15.13",
	"16.1", "16.2", "16.3", "16.4", "16.6", "16.8", "16.9",
}

const standardVersion = "16.6"

// resolveVersion returns the full version for one that is named in full or by its major part.
func resolveVersion(wanted string) (string, error) {
	if wanted == "" {
		return standardVersion, nil
	}
	if slices.Contains(versions, wanted) {
		return wanted, nil
	}
	for _, version := range slices.Backward(versions) {
		if strings.HasPrefix(version, wanted+".") {
			return version, nil
		}
	}
	return "", cloud.Errorf("InvalidParameterCombination", "Cannot find version %s for %s (the lab has: %s)", wanted, engineName, strings.Join(versions, ", "))
}

func majorOf(version string) string {
	major, _, _ := strings.Cut(version, ".")
	return major
}

func familyOf(version string) string { return engineName + majorOf(version) }

func checkEngine(engine *string) error {
	if aws.ToString(engine) != engineName {
		return cloud.Unsupportedf("InvalidParameterValue", "the engine %q; only %s is there", aws.ToString(engine), engineName)
	}
	return nil
}

// class is an instance class: virtual processors and memory, from
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.DBInstanceClass.Summary.html
type class struct {
	CPUs      int
	MemoryMiB int64
}

var classes = map[string]class{
	"db.t3.medium": {2, 4096}, "db.t3.large": {2, 8192}, "db.t4g.medium": {2, 4096}, "db.t4g.large": {2, 8192},
	"db.r5.large": {2, 16384}, "db.r5.xlarge": {4, 32768}, "db.r5.2xlarge": {8, 65536}, "db.r5.4xlarge": {16, 131072},
	"db.r6g.large": {2, 16384}, "db.r6g.xlarge": {4, 32768}, "db.r6g.2xlarge": {8, 65536}, "db.r6g.4xlarge": {16, 131072},
	"db.r6i.large": {2, 16384}, "db.r6i.xlarge": {4, 32768}, "db.r6i.2xlarge": {8, 65536},
	"db.r7g.large": {2, 16384}, "db.r7g.xlarge": {4, 32768}, "db.r7g.2xlarge": {8, 65536}, "db.r7g.4xlarge": {16, 131072},
	"db.r8g.large": {2, 16384}, "db.r8g.xlarge": {4, 32768}, "db.r8g.2xlarge": {8, 65536},
}

func checkClass(name string) error {
	if name == "db.serverless" {
		return cloud.Unsupportedf("InvalidParameterCombination", "Aurora Serverless v2 (db.serverless)")
	}
	if _, ok := classes[name]; !ok {
		return cloud.Errorf("InvalidParameterValue", "Invalid DB Instance class: %s (the lab has: %s)", name, strings.Join(slices.Sorted(maps.Keys(classes)), ", "))
	}
	return nil
}

// DescribeDBEngineVersions lists the engine versions that clusters can have.
func (s *Service) DescribeDBEngineVersions(ctx context.Context, in *rds.DescribeDBEngineVersionsInput) (*rds.DescribeDBEngineVersionsOutput, error) {
	_, _, _ = in.IncludeAll, in.ListSupportedCharacterSets, in.ListSupportedTimezones // there are no more, and none of these
	if err := refuse("DescribeDBEngineVersions", map[string]bool{"Filters": len(in.Filters) > 0}); err != nil {
		return nil, err
	}
	if in.Engine != nil {
		if err := checkEngine(in.Engine); err != nil {
			return nil, err
		}
	}
	var list []types.DBEngineVersion
	for i, version := range versions {
		wanted := aws.ToString(in.EngineVersion)
		family := aws.ToString(in.DBParameterGroupFamily)
		newest := i+1 == len(versions) || majorOf(versions[i+1]) != majorOf(version)
		if wanted != "" && version != wanted && majorOf(version) != wanted || family != "" && familyOf(version) != family {
			continue
		}
		if on(in.DefaultOnly) && version != standardVersion && (wanted == "" || !newest) {
			continue
		}
		list = append(list, describeVersion(version, versions[i+1:]))
	}
	items, next, err := page(list, func(v types.DBEngineVersion) string { return versionKey(*v.EngineVersion) }, in.Marker, in.MaxRecords)
	return &rds.DescribeDBEngineVersionsOutput{DBEngineVersions: items, Marker: next}, err
}

// versionKey sorts versions as numbers.
func versionKey(version string) string {
	major, minor, _ := strings.Cut(version, ".")
	a, _ := strconv.Atoi(major)
	b, _ := strconv.Atoi(minor)
	return fmt.Sprintf("%03d.%03d", a, b)
}

func describeVersion(version string, later []string) types.DBEngineVersion {
	out := types.DBEngineVersion{
		Engine: aws.String(engineName), EngineVersion: aws.String(version), MajorEngineVersion: aws.String(majorOf(version)),
		DBParameterGroupFamily: aws.String(familyOf(version)), DBEngineDescription: aws.String("Aurora PostgreSQL"),
		DBEngineVersionDescription: aws.String("Aurora PostgreSQL (compatible with PostgreSQL " + version + ")"),
		ExportableLogTypes:         []string{"postgresql"}, SupportedEngineModes: []string{"provisioned"},
		SupportsLogExportsToCloudwatchLogs: aws.Bool(true), SupportsReadReplica: aws.Bool(false), SupportsGlobalDatabases: aws.Bool(false),
		SupportsParallelQuery: aws.Bool(false), Status: aws.String("available"),
		SupportedCACertificateIdentifiers: []string{standardAuthority}, SupportsCertificateRotationWithoutRestart: aws.Bool(true),
	}
	for _, target := range later {
		if majorOf(target) == majorOf(version) {
			out.ValidUpgradeTarget = append(out.ValidUpgradeTarget, types.UpgradeTarget{
				Engine: aws.String(engineName), EngineVersion: aws.String(target), IsMajorVersionUpgrade: aws.Bool(false), AutoUpgrade: aws.Bool(false),
			})
		}
	}
	return out
}

// DescribeOrderableDBInstanceOptions lists the classes that instances can have, in every zone of the region.
func (s *Service) DescribeOrderableDBInstanceOptions(ctx context.Context, in *rds.DescribeOrderableDBInstanceOptionsInput) (*rds.DescribeOrderableDBInstanceOptionsOutput, error) {
	_, _ = in.Vpc, in.LicenseModel // all are in a VPC, and there is one licence
	if err := checkEngine(in.Engine); err != nil {
		return nil, err
	}
	if err := refuse("DescribeOrderableDBInstanceOptions", map[string]bool{"Filters": len(in.Filters) > 0, "AvailabilityZoneGroup": in.AvailabilityZoneGroup != nil}); err != nil {
		return nil, err
	}
	region, _ := cloud.FindRegion(cloud.RegionOf(ctx))
	var zones []types.AvailabilityZone
	for _, zone := range region.Zones {
		zones = append(zones, types.AvailabilityZone{Name: aws.String(zone)})
	}
	var list []types.OrderableDBInstanceOption
	for _, name := range slices.Sorted(maps.Keys(classes)) {
		for _, version := range versions {
			if cmp.Or(aws.ToString(in.DBInstanceClass), name) == name && cmp.Or(aws.ToString(in.EngineVersion), version) == version {
				list = append(list, orderable(name, version, zones))
			}
		}
	}
	items, next, err := page(list, func(o types.OrderableDBInstanceOption) string {
		return *o.DBInstanceClass + " " + versionKey(*o.EngineVersion)
	}, in.Marker, in.MaxRecords)
	return &rds.DescribeOrderableDBInstanceOptionsOutput{OrderableDBInstanceOptions: items, Marker: next}, err
}

func orderable(name, version string, zones []types.AvailabilityZone) types.OrderableDBInstanceOption {
	no, yes := aws.Bool(false), aws.Bool(true)
	return types.OrderableDBInstanceOption{
		Engine: aws.String(engineName), EngineVersion: aws.String(version), DBInstanceClass: aws.String(name),
		LicenseModel: aws.String("postgresql-license"), AvailabilityZones: zones, MultiAZCapable: no, ReadReplicaCapable: no, Vpc: yes,
		SupportsStorageEncryption: yes, StorageType: aws.String("aurora"), SupportsIops: no, SupportsEnhancedMonitoring: yes,
		SupportsIAMDatabaseAuthentication: no, SupportsPerformanceInsights: yes, SupportedEngineModes: []string{"provisioned"},
		SupportsStorageAutoscaling: no, SupportsKerberosAuthentication: no, OutpostCapable: no, SupportsGlobalDatabases: no,
		SupportsClusters: yes, SupportedNetworkTypes: []string{"IPV4"},
	}
}
