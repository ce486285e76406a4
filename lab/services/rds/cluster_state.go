package rds

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"haven/lab/cloud"
)

// DeleteDBCluster deletes a cluster that has no instances left but those being deleted.
func (s *Service) DeleteDBCluster(ctx context.Context, in *rds.DeleteDBClusterInput) (*rds.DeleteDBClusterOutput, error) {
	_ = in.DeleteAutomatedBackups // there are none beyond the cluster's own log
	skip, final := on(in.SkipFinalSnapshot), nameOf(aws.ToString(in.FinalDBSnapshotIdentifier))
	described, err := s.changeStatus(ctx, in.DBClusterIdentifier, func(tx *cloud.Tx, row *clusterRow) error {
		if err := checkDelete(tx, row); err != nil {
			return err
		}
		switch {
		case !skip && final == "":
			return cloud.Errorf("InvalidParameterCombination", "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
		case skip && final != "":
			return cloud.Errorf("InvalidParameterCombination", "FinalDBSnapshotIdentifier can not be specified when skipping final snapshot.")
		case final != "":
			if err := newSnapshot(tx, row, final, nil); err != nil {
				return err
			}
		}
		row.Status, row.Final = statusDeleting, final
		return nil
	})
	return &rds.DeleteDBClusterOutput{DBCluster: described}, err
}

func checkDelete(tx *cloud.Tx, row *clusterRow) error {
	if row.Status == statusDeleting {
		return invalidState(row)
	}
	if row.Protected {
		return cloud.Errorf("InvalidParameterCombination", "Cannot delete protected Cluster, please disable deletion protection and try again.")
	}
	own, err := members(tx, row.Region, row.Name)
	if err != nil {
		return err
	}
	for _, m := range own {
		if m.Status != statusDeleting {
			return cloud.Errorf("InvalidDBClusterStateFault", "Cluster cannot be deleted, it still contains DB instances in non-deleting state.")
		}
	}
	return nil
}

// FailoverDBCluster makes a reader the writer: the one named, or the best by promotion tier.
func (s *Service) FailoverDBCluster(ctx context.Context, in *rds.FailoverDBClusterInput) (*rds.FailoverDBClusterOutput, error) {
	described, err := s.changeStatus(ctx, in.DBClusterIdentifier, func(tx *cloud.Tx, row *clusterRow) error {
		if row.Status != statusAvailable {
			return invalidState(row)
		}
		own, err := members(tx, row.Region, row.Name)
		if err != nil {
			return err
		}
		target, err := failoverTarget(row, own, nameOf(aws.ToString(in.TargetDBInstanceIdentifier)))
		if err != nil {
			return err
		}
		row.Order, row.Target, row.Status = row.Order+1, target, statusFailingOver
		return nil
	})
	return &rds.FailoverDBClusterOutput{DBCluster: described}, err
}

// failoverTarget returns the resource id of the wanted reader; empty leaves the choice to promotion tiers.
func failoverTarget(row *clusterRow, own []*instanceRow, wanted string) (string, error) {
	readers := 0
	for _, m := range own {
		if m.Name == wanted && m.Name == row.Writer {
			return "", cloud.Errorf("InvalidDBInstanceState", "The target instance %s is already the writer of the cluster.", wanted)
		}
		if m.Name == wanted && m.Status != statusAvailable {
			return "", cloud.Errorf("InvalidDBInstanceState", "The target instance %s is in %s state.", wanted, m.Status)
		}
		if m.Name == wanted {
			return m.ResourceID, nil
		}
		if m.Name != row.Writer && m.Status == statusAvailable {
			readers++
		}
	}
	if wanted != "" {
		return "", cloud.StatusErrorf(404, "DBInstanceNotFound", "DBInstance %s not found in cluster %s.", wanted, row.Name)
	}
	if readers == 0 {
		return "", cloud.Errorf("InvalidDBClusterStateFault", "DB cluster %s has no available reader to fail over to.", row.Name)
	}
	return "", nil
}

// StopDBCluster stops every instance of the cluster and keeps the data.
func (s *Service) StopDBCluster(ctx context.Context, in *rds.StopDBClusterInput) (*rds.StopDBClusterOutput, error) {
	described, err := s.changeStatus(ctx, in.DBClusterIdentifier, func(_ *cloud.Tx, row *clusterRow) error {
		if row.Status != statusAvailable {
			return invalidState(row)
		}
		row.Stopped, row.Since, row.Status = true, time.Now().UTC(), statusStopping
		return nil
	})
	return &rds.StopDBClusterOutput{DBCluster: described}, err
}

// StartDBCluster starts a stopped cluster.
func (s *Service) StartDBCluster(ctx context.Context, in *rds.StartDBClusterInput) (*rds.StartDBClusterOutput, error) {
	described, err := s.changeStatus(ctx, in.DBClusterIdentifier, func(_ *cloud.Tx, row *clusterRow) error {
		if row.Status != statusStopped {
			return invalidState(row)
		}
		row.Stopped, row.Status = false, statusStarting
		return nil
	})
	return &rds.StartDBClusterOutput{DBCluster: described}, err
}
