package rds

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

// hostID is the part of endpoints' names that AWS makes of account and region.
func hostID(region string) string {
	sum := sha256.Sum256([]byte(cloud.Account + " " + region))
	return "c" + strings.ToLower(base32.HexEncoding.EncodeToString(sum[:]))[:11]
}

func (c *clusterRow) endpoint() string {
	return fmt.Sprintf("%s.cluster-%s.%s.rds.amazonaws.com", c.Name, hostID(c.Region), c.Region)
}

func (c *clusterRow) readerEndpoint() string {
	return fmt.Sprintf("%s.cluster-ro-%s.%s.rds.amazonaws.com", c.Name, hostID(c.Region), c.Region)
}

func (i *instanceRow) endpoint() string {
	return fmt.Sprintf("%s.%s.%s.rds.amazonaws.com", i.Name, hostID(i.Region), i.Region)
}

// archiveWithin is how old the newest log may be that is not archived yet; Aurora says five minutes, too.
const archiveWithin = 5 * time.Minute

// zoneOfEndpoints is the id of the hosted zone that RDS has for its endpoints; AWS's own differ by region.
const zoneOfEndpoints = "Z2R2ITUGPM61AM"

func describeCluster(tx *cloud.Tx, c *clusterRow) (*types.DBCluster, error) {
	list, err := tagList(tx, c.Region, c.arn())
	if err != nil {
		return nil, err
	}
	out := &types.DBCluster{
		DBClusterIdentifier: aws.String(c.Name), DBClusterArn: aws.String(c.arn()), DbClusterResourceId: aws.String(c.ResourceID),
		Status: aws.String(c.Status), ClusterCreateTime: aws.Time(c.Created), Engine: aws.String(engineName), EngineMode: aws.String("provisioned"),
		EngineVersion: aws.String(c.EngineVersion), EngineLifecycleSupport: aws.String("open-source-rds-extended-support"),
		DatabaseName: optional(c.Database), MasterUsername: aws.String(c.MasterUser), Port: aws.Int32(c.Port),
		Endpoint: aws.String(c.endpoint()), ReaderEndpoint: aws.String(c.readerEndpoint()), HostedZoneId: aws.String(zoneOfEndpoints),
		MultiAZ: aws.Bool(false), AvailabilityZones: c.Zones, DBSubnetGroup: aws.String(c.SubnetGroup), NetworkType: aws.String("IPV4"),
		DBClusterParameterGroup: aws.String(c.ParameterGroup), StorageEncrypted: aws.Bool(c.Encrypted), KmsKeyId: optional(c.Key),
		StorageType: optional(c.StorageType), AllocatedStorage: aws.Int32(1),
		BackupRetentionPeriod: aws.Int32(c.BackupDays), PreferredBackupWindow: aws.String(c.BackupWindow),
		PreferredMaintenanceWindow: aws.String(c.Maintenance), EnabledCloudwatchLogsExports: c.Exports,
		DeletionProtection: aws.Bool(c.Protected), CopyTagsToSnapshot: aws.Bool(c.CopyTags), IAMDatabaseAuthenticationEnabled: aws.Bool(false),
		HttpEndpointEnabled: aws.Bool(false), ActivityStreamStatus: types.ActivityStreamStatusStopped, CrossAccountClone: aws.Bool(false),
		AutoMinorVersionUpgrade: aws.Bool(c.MinorUpgrade), DomainMemberships: []types.DomainMembership{}, TagList: list,
		AssociatedRoles: []types.DBClusterRole{}, ReadReplicaIdentifiers: []string{}, DatabaseInsightsMode: c.Insights.Mode,
	}
	if c.Insights.On {
		out.PerformanceInsightsEnabled, out.PerformanceInsightsKMSKeyId = aws.Bool(true), optional(c.Insights.Key)
		out.PerformanceInsightsRetentionPeriod = aws.Int32(c.Insights.Days)
	}
	for _, group := range c.Groups {
		out.VpcSecurityGroups = append(out.VpcSecurityGroups, types.VpcSecurityGroupMembership{VpcSecurityGroupId: aws.String(group), Status: aws.String("active")})
	}
	if c.Secret != "" {
		out.MasterUserSecret = &types.MasterUserSecret{SecretArn: aws.String(c.Secret), SecretStatus: aws.String("active"), KmsKeyId: aws.String(c.SecretKey)}
		switch {
		case c.Status == statusCreating:
			out.MasterUserSecret.SecretStatus = aws.String("creating")
		case c.Writer != "" && c.Known < c.Credentials:
			out.MasterUserSecret.SecretStatus = aws.String("rotating")
		}
	}
	if !c.Restorable.IsZero() {
		out.EarliestRestorableTime, out.LatestRestorableTime = aws.Time(c.Restorable), aws.Time(latest(c.Restorable, time.Now().UTC().Add(-archiveWithin)))
	}
	return out, addMembers(tx, c, out)
}

func addMembers(tx *cloud.Tx, c *clusterRow, out *types.DBCluster) error {
	own, err := members(tx, c.Region, c.Name)
	if err != nil {
		return err
	}
	for _, m := range own {
		out.DBClusterMembers = append(out.DBClusterMembers, types.DBClusterMember{
			DBInstanceIdentifier: aws.String(m.Name), IsClusterWriter: aws.Bool(m.Name == c.Writer), PromotionTier: aws.Int32(m.Tier),
			DBClusterParameterGroupStatus: aws.String(applyStatus(m)),
		})
	}
	custom, err := endpoints.List(tx, c.Region)
	for _, e := range custom {
		if e.Cluster == c.Name {
			out.CustomEndpoints = append(out.CustomEndpoints, e.address())
		}
	}
	return err
}

func applyStatus(m *instanceRow) string {
	if m.PendingRestart {
		return "pending-reboot"
	}
	return "in-sync"
}

// DescribeDBClusters lists clusters.
func (s *Service) DescribeDBClusters(ctx context.Context, in *rds.DescribeDBClustersInput) (*rds.DescribeDBClustersOutput, error) {
	_ = in.IncludeShared // nobody shares clusters in the lab
	wanted, err := filterNames(in.Filters, "db-cluster-id", "db-cluster-resource-id", "engine", "domain", "clone-group-id")
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBClustersOutput{DBClusters: []types.DBCluster{}}
	return out, s.view(ctx, func(tx *cloud.Tx, region string) error {
		all, err := clusters.List(tx, region)
		if in.DBClusterIdentifier != nil {
			var row *clusterRow
			row, err = findCluster(tx, region, *in.DBClusterIdentifier)
			all = []*clusterRow{row}
		}
		if err != nil {
			return err
		}
		var chosen []*clusterRow
		for _, c := range all {
			if passes(wanted, "db-cluster-id", c.Name, c.arn()) && passes(wanted, "db-cluster-resource-id", c.ResourceID) &&
				passes(wanted, "engine", engineName) && passes(wanted, "domain") && passes(wanted, "clone-group-id") {
				chosen = append(chosen, c)
			}
		}
		items, next, err := page(chosen, func(c *clusterRow) string { return c.Name }, in.Marker, in.MaxRecords)
		if err != nil {
			return err
		}
		out.Marker = next
		for _, c := range items {
			described, err := describeCluster(tx, c)
			if err != nil {
				return err
			}
			out.DBClusters = append(out.DBClusters, *described)
		}
		return nil
	})
}

// DescribeGlobalClusters lists global clusters. There are none: the lab has no operation that makes one.
func (s *Service) DescribeGlobalClusters(_ context.Context, in *rds.DescribeGlobalClustersInput) (*rds.DescribeGlobalClustersOutput, error) {
	_, _ = in.Marker, in.MaxRecords
	if _, err := filterNames(in.Filters, "db-cluster-id", "region"); err != nil {
		return nil, err
	}
	if in.GlobalClusterIdentifier != nil {
		return nil, cloud.StatusErrorf(404, "GlobalClusterNotFoundFault", "Global cluster %s not found", *in.GlobalClusterIdentifier)
	}
	return &rds.DescribeGlobalClustersOutput{GlobalClusters: []types.GlobalCluster{}}, nil
}
