package efs

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/efs/types"

	"haven/lab/cloud"
	"haven/lab/realm/mirror"
)

const (
	slowTick = 5 * time.Second
	fastTick = 250 * time.Millisecond // while something waits for its network interface, or failed
)

// Run makes the declared file systems true and reports them, until the context ends.
func (s *Service) Run(ctx context.Context) error {
	if s.mirrors == nil {
		s.log.Warn("file systems stay \"creating\": disks can't be mounted here", "why", "the lab has no privileges or no btrfs")
	}
	wake, stop := s.store.Watch(fileSystems.Name(), mountTargets.Name(), accessPoints.Name(), lostZones.Name())
	defer stop()
	var changed <-chan struct{}
	if s.mirrors != nil {
		changed = s.mirrors.Changed()
	}
	said := ""
	for {
		waiting, err := s.reconcile(ctx)
		if now := fmt.Sprint(err); err != nil && ctx.Err() == nil && now != said {
			s.log.Error("reconciling file systems", "error", err) // once, not on each try
			said = now
		}
		tick := slowTick
		if waiting || err != nil {
			tick = fastTick
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-changed:
		case <-time.After(tick):
		}
	}
}

func (s *Service) reconcile(ctx context.Context) (waiting bool, err error) {
	if s.mirrors == nil {
		return false, s.report(nil)
	}
	spec, missing, err := s.declare()
	if err != nil {
		return false, err
	}
	applied := s.mirrors.Apply(ctx, spec)
	seen := map[string]mirror.Observation{}
	for _, o := range s.mirrors.Observe() {
		seen[o.ID] = o
	}
	if err := s.report(seen); err != nil {
		return missing, err
	}
	s.follow(spec, seen, time.Now())
	return missing, applied
}

// declare turns the rows into the realm's specification.
func (s *Service) declare() (spec mirror.Spec, missing bool, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		rows, err := fileSystems.ListAll(tx)
		if err != nil {
			return err
		}
		for _, row := range rows {
			system, lacks, err := s.system(tx, row)
			if err != nil {
				return fmt.Errorf("declaring file system %s: %w", row.ID, err)
			}
			missing = missing || lacks
			spec.FileSystems = append(spec.FileSystems, system)
		}
		return nil
	})
	return spec, missing, err
}

func (s *Service) system(tx *cloud.Tx, row *fileSystemRow) (system mirror.FileSystem, missing bool, err error) {
	system = mirror.FileSystem{ID: row.ID, Zones: row.Zones}
	if system.Lost, err = lostOf(tx, row.Zones); err != nil {
		return system, false, err
	}
	points, err := pointsOf(tx, row.Region, row.ID)
	if err != nil {
		return system, false, err
	}
	for _, point := range points {
		declared, err := point.declare()
		if err != nil {
			return system, false, err
		}
		system.AccessPoints = append(system.AccessPoints, declared)
	}
	targets, err := targetsOf(tx, row.Region, row.ID)
	for _, target := range targets {
		if target.State == types.LifeCycleStateDeleting {
			continue
		}
		ns, ok := s.namespaces(target.Interface)
		missing = missing || !ok
		system.Targets = append(system.Targets, mirror.Target{ID: target.ID, Zone: target.Zone, Namespace: ns})
	}
	return system, missing, err
}

func (a *accessPointRow) declare() (mirror.AccessPoint, error) {
	point := mirror.AccessPoint{ID: a.ID, Path: a.Path}
	if a.User != nil {
		point.User = &mirror.User{UID: uint32(aws.ToInt64(a.User.Uid)), GID: uint32(aws.ToInt64(a.User.Gid))}
		for _, group := range a.User.SecondaryGids {
			point.User.Groups = append(point.User.Groups, uint32(group))
		}
	}
	if a.Creation != nil {
		mode, err := strconv.ParseUint(aws.ToString(a.Creation.Permissions), 8, 32)
		if err != nil {
			return point, fmt.Errorf("reading the permissions of access point %s: %w", a.ID, err)
		}
		point.Create = &mirror.Creation{UID: uint32(aws.ToInt64(a.Creation.OwnerUid)), GID: uint32(aws.ToInt64(a.Creation.OwnerGid)), Mode: uint32(mode)}
	}
	return point, nil
}

// report writes what was observed into the rows. It looks first, since an update costs a write to the disk even when it
// changes nothing.
func (s *Service) report(seen map[string]mirror.Observation) error {
	due := false
	err := s.store.View(func(tx *cloud.Tx) error {
		var err error
		due, err = s.reflect(tx, seen, false)
		return err
	})
	if err != nil || !due {
		return err
	}
	return s.store.Update(func(tx *cloud.Tx) error {
		_, err := s.reflect(tx, seen, true)
		return err
	})
}

// reflect tells whether a row differs from what was observed and, with write, brings it in line.
func (s *Service) reflect(tx *cloud.Tx, seen map[string]mirror.Observation, write bool) (due bool, err error) {
	systems, err := fileSystems.ListAll(tx)
	if err != nil {
		return false, err
	}
	for _, old := range systems {
		if old.State != types.LifeCycleStateCreating || !seen[old.ID].Ready {
			continue
		}
		due = true
		next := *old
		next.State = types.LifeCycleStateAvailable
		if write {
			if err := fileSystems.Put(tx, next.Region, next.ID, &next); err != nil {
				return due, err
			}
		}
	}
	targets, err := mountTargets.ListAll(tx)
	if err != nil {
		return due, err
	}
	for _, old := range targets {
		changed, err := s.reflectTarget(tx, old, serving(seen, old), seen == nil, write)
		if err != nil {
			return due, err
		}
		due = due || changed
	}
	return due, nil
}

func serving(seen map[string]mirror.Observation, target *mountTargetRow) bool {
	for _, t := range seen[target.FileSystem].Targets {
		if t.ID == target.ID {
			return t.Serving
		}
	}
	return false
}

func (s *Service) reflectTarget(tx *cloud.Tx, old *mountTargetRow, serving, nothingRuns, write bool) (due bool, err error) {
	switch {
	case old.State == types.LifeCycleStateCreating && serving:
		if !write {
			return true, nil
		}
		next := *old
		next.State = types.LifeCycleStateAvailable
		return true, mountTargets.Put(tx, next.Region, next.ID, &next)
	case old.State == types.LifeCycleStateDeleting && (!serving || nothingRuns):
		if !write {
			return true, nil
		}
		if err := s.network.DeleteInterface(tx, old.Region, old.Interface); err != nil {
			return true, err
		}
		return true, mountTargets.Delete(tx, old.Region, old.ID)
	}
	return false, nil
}
