package rds

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

func findSnapshot(tx *cloud.Tx, region, reference string) (*snapshotRow, error) {
	row, err := snapshots.Get(tx, region, nameOf(reference))
	if err == nil && row == nil {
		err = cloud.StatusErrorf(404, "DBClusterSnapshotNotFoundFault", "DBClusterSnapshot not found: %s", nameOf(reference))
	}
	return row, err
}

// newSnapshot declares a snapshot; the reconciler takes it.
func newSnapshot(tx *cloud.Tx, cluster *clusterRow, name string, list []types.Tag) error {
	if err := checkIdentifier("DBClusterSnapshotIdentifier", name); err != nil {
		return err
	}
	if existing, err := snapshots.Get(tx, cluster.Region, name); err != nil || existing != nil {
		return orExists(err, "DBClusterSnapshotAlreadyExistsFault", "Cannot create the cluster snapshot because one with the identifier %s already exists.", name)
	}
	row := &snapshotRow{Name: name, Region: cluster.Region, Type: "manual", Status: statusCreating, Created: time.Now().UTC(), Cluster: *cluster}
	row.Cluster.Password = ""
	if cluster.CopyTags {
		inherited, err := tagList(tx, cluster.Region, cluster.arn())
		if err != nil {
			return err
		}
		list = append(inherited, list...)
	}
	if err := setTags(tx, row.Region, row.arn(), list); err != nil {
		return err
	}
	if err := note(tx, row.Region, types.SourceTypeDbClusterSnapshot, row.Name, row.arn(), snapshotStarted); err != nil {
		return err
	}
	return snapshots.Put(tx, row.Region, name, row)
}

func describeSnapshot(tx *cloud.Tx, row *snapshotRow) (*types.DBClusterSnapshot, error) {
	list, err := tagList(tx, row.Region, row.arn())
	done := int32(0)
	if row.Status == statusAvailable {
		done = 100
	}
	c := row.Cluster
	return &types.DBClusterSnapshot{
		DBClusterSnapshotIdentifier: aws.String(row.Name), DBClusterSnapshotArn: aws.String(row.arn()), SnapshotType: aws.String(row.Type),
		Status: aws.String(row.Status), PercentProgress: aws.Int32(done), SnapshotCreateTime: aws.Time(row.Created), AllocatedStorage: aws.Int32(1),
		DBClusterIdentifier: aws.String(c.Name), DbClusterResourceId: aws.String(c.ResourceID), ClusterCreateTime: aws.Time(c.Created),
		Engine: aws.String(engineName), EngineMode: aws.String("provisioned"), EngineVersion: aws.String(c.EngineVersion), MasterUsername: aws.String(c.MasterUser),
		Port: aws.Int32(0), LicenseModel: aws.String("postgresql-license"), AvailabilityZones: c.Zones, StorageEncrypted: aws.Bool(c.Encrypted), KmsKeyId: optional(c.Key),
		StorageType: optional(c.StorageType), VpcId: aws.String(c.VPC), IAMDatabaseAuthenticationEnabled: aws.Bool(false), TagList: list,
	}, err
}

// CreateDBClusterSnapshot copies a cluster's data.
func (s *Service) CreateDBClusterSnapshot(ctx context.Context, in *rds.CreateDBClusterSnapshotInput) (*rds.CreateDBClusterSnapshotOutput, error) {
	out := &rds.CreateDBClusterSnapshotOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		cluster, err := findCluster(tx, region, aws.ToString(in.DBClusterIdentifier))
		if err != nil {
			return err
		}
		if cluster.Status != statusAvailable {
			return invalidState(cluster)
		}
		name := nameOf(aws.ToString(in.DBClusterSnapshotIdentifier))
		if err := newSnapshot(tx, cluster, name, in.Tags); err != nil {
			return err
		}
		row, err := findSnapshot(tx, region, name)
		if err != nil {
			return err
		}
		out.DBClusterSnapshot, err = describeSnapshot(tx, row)
		return err
	})
}

// DescribeDBClusterSnapshots lists snapshots.
func (s *Service) DescribeDBClusterSnapshots(ctx context.Context, in *rds.DescribeDBClusterSnapshotsInput) (*rds.DescribeDBClusterSnapshotsOutput, error) {
	_, _ = in.IncludePublic, in.IncludeShared // nobody shares snapshots in the lab
	wanted, err := filterNames(in.Filters, "db-cluster-id", "db-cluster-snapshot-id", "snapshot-type", "engine")
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBClusterSnapshotsOutput{DBClusterSnapshots: []types.DBClusterSnapshot{}}
	return out, s.view(ctx, func(tx *cloud.Tx, region string) error {
		all, err := snapshots.List(tx, region)
		if in.DBClusterSnapshotIdentifier != nil {
			var row *snapshotRow
			row, err = findSnapshot(tx, region, *in.DBClusterSnapshotIdentifier)
			all = []*snapshotRow{row}
		}
		if err != nil {
			return err
		}
		var chosen []*snapshotRow
		for _, row := range all {
			c := row.Cluster
			if (in.DBClusterIdentifier == nil || nameOf(*in.DBClusterIdentifier) == c.Name) && or(in.SnapshotType, row.Type) == row.Type &&
				or(in.DbClusterResourceId, c.ResourceID) == c.ResourceID && passes(wanted, "db-cluster-id", c.Name, c.arn()) &&
				passes(wanted, "db-cluster-snapshot-id", row.Name) && passes(wanted, "snapshot-type", row.Type) && passes(wanted, "engine", engineName) {
				chosen = append(chosen, row)
			}
		}
		items, next, err := page(chosen, func(row *snapshotRow) string { return row.Name }, in.Marker, in.MaxRecords)
		if err != nil {
			return err
		}
		out.Marker = next
		for _, row := range items {
			described, err := describeSnapshot(tx, row)
			if err != nil {
				return err
			}
			out.DBClusterSnapshots = append(out.DBClusterSnapshots, *described)
		}
		return nil
	})
}

// DeleteDBClusterSnapshot deletes a manual snapshot and its copy of the data.
func (s *Service) DeleteDBClusterSnapshot(ctx context.Context, in *rds.DeleteDBClusterSnapshotInput) (*rds.DeleteDBClusterSnapshotOutput, error) {
	out := &rds.DeleteDBClusterSnapshotOutput{}
	var copied string
	err := s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findSnapshot(tx, region, aws.ToString(in.DBClusterSnapshotIdentifier))
		if err != nil {
			return err
		}
		if row.Status != statusAvailable && row.Status != "failed" {
			return cloud.Errorf("InvalidDBClusterSnapshotStateFault", "The snapshot %s is in %s state.", row.Name, row.Status)
		}
		row.Status, copied = "deleted", row.copyName()
		if out.DBClusterSnapshot, err = describeSnapshot(tx, row); err != nil {
			return err
		}
		if err := tags.Delete(tx, region, row.arn()); err != nil {
			return err
		}
		return snapshots.Delete(tx, region, row.Name)
	})
	if err == nil && s.servers != nil {
		err = s.servers.DeleteSnapshot(copied)
	}
	return out, err
}

// copyName is the snapshot's name among the realm's copies.
func (s *snapshotRow) copyName() string { return s.Region + "." + s.Name }

// RestoreDBClusterFromSnapshot is not there yet.
func (s *Service) RestoreDBClusterFromSnapshot(_ context.Context, _ *rds.RestoreDBClusterFromSnapshotInput) (*rds.RestoreDBClusterFromSnapshotOutput, error) {
	return nil, cloud.Unsupportedf("InvalidRestoreFault", "restoring a cluster from a snapshot")
}

// RestoreDBClusterToPointInTime is not there yet.
func (s *Service) RestoreDBClusterToPointInTime(_ context.Context, _ *rds.RestoreDBClusterToPointInTimeInput) (*rds.RestoreDBClusterToPointInTimeOutput, error) {
	return nil, cloud.Unsupportedf("InvalidRestoreFault", "restoring a cluster to a point in time")
}
