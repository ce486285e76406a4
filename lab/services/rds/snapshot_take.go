package rds

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

// takeSnapshots starts what snapshots are declared and not being taken yet.
func (s *Service) takeSnapshots(ctx context.Context) error {
	if s.servers == nil {
		return nil
	}
	return s.store.View(func(tx *cloud.Tx) error {
		rows, err := snapshots.ListAll(tx)
		for _, row := range rows {
			if row.Status != statusCreating || !s.claimSnapshot(row.copyName()) {
				continue
			}
			if ready, err := snapshotReady(tx, row); err != nil || !ready {
				s.releaseSnapshot(row.copyName())
				return err
			}
			go s.takeSnapshot(ctx, row.Region, row.Name, row.copyName(), row.Cluster.ResourceID)
		}
		return err
	})
}

// snapshotReady tells whether the data can be copied: a final snapshot waits until the last instance has gone.
func snapshotReady(tx *cloud.Tx, row *snapshotRow) (bool, error) {
	cluster, err := clusters.Get(tx, row.Region, row.Cluster.Name)
	if err != nil || cluster == nil || cluster.Status != statusDeleting {
		return err == nil, err
	}
	own, err := members(tx, row.Region, cluster.Name)
	return len(own) == 0, err
}

func (s *Service) claimSnapshot(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snapshots[name] {
		return false
	}
	s.snapshots[name] = true
	return true
}

func (s *Service) releaseSnapshot(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.snapshots, name)
}

func (s *Service) takeSnapshot(ctx context.Context, region, name, copyName, cluster string) {
	defer s.releaseSnapshot(copyName)
	status := statusAvailable
	if err := s.servers.Snapshot(ctx, cluster, copyName); err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return // it is taken when the lab starts again
		}
		s.log.Error("taking a snapshot", "snapshot", name, "error", err)
		status = "failed"
	}
	err := s.store.Update(func(tx *cloud.Tx) error {
		row, err := snapshots.Get(tx, region, name)
		if err != nil || row == nil {
			return err
		}
		row.Status = status
		if status == statusAvailable {
			if err := note(tx, region, types.SourceTypeDbClusterSnapshot, row.Name, row.arn(), snapshotCreated); err != nil {
				return err
			}
		}
		return snapshots.Put(tx, region, name, row)
	})
	if err != nil {
		s.log.Error("recording a snapshot", "snapshot", name, "error", err)
	}
}
