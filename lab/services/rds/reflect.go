package rds

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"haven/lab/cloud"
	"haven/lab/realm/postgres"
)

func parseAddress(text string) (netip.Addr, error) {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return address, fmt.Errorf("reading the address %q of an instance: %w", text, err)
	}
	return address, nil
}

// reflect writes what was observed into the rows. It looks first, since an update costs a write to the disk even when
// it changes nothing.
func (s *Service) reflect(seen map[string]postgres.Observation) error {
	due := false
	look := &reflection{service: s, seen: seen, dry: true}
	err := s.store.View(func(tx *cloud.Tx) error {
		err := look.all(tx)
		due = look.changes > 0
		return err
	})
	if err != nil || !due {
		return err
	}
	return s.store.Update(func(tx *cloud.Tx) error {
		return (&reflection{service: s, seen: seen}).all(tx)
	})
}

// reflection is one pass over the rows; a dry one only counts changes.
type reflection struct {
	service *Service
	seen    map[string]postgres.Observation // nil: nothing runs here
	dry     bool
	changes int
}

func (r *reflection) all(tx *cloud.Tx) error {
	rows, err := clusters.ListAll(tx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := r.cluster(tx, row); err != nil {
			return fmt.Errorf("reporting on cluster %s: %w", row.Name, err)
		}
	}
	return nil
}

func (r *reflection) cluster(tx *cloud.Tx, old *clusterRow) error {
	seen, running := r.seen[old.ResourceID]
	running = running && seen.Observed
	own, err := members(tx, old.Region, old.Name)
	if err != nil {
		return err
	}
	left := 0
	for _, m := range own {
		gone, err := r.instance(tx, old, m, seen, running)
		if err != nil {
			return err
		}
		if !gone {
			left++
		}
	}
	next := *old
	next.Writer = writerName(old, own, seen)
	next.Done = seen.FailoverDone
	next.Status = clusterStatus(old, seen, running, own)
	if old.Secret != "" && time.Since(latest(old.Created, old.Rotated)) > rotateDays*24*time.Hour {
		next.Rotated, next.Credentials = time.Now().UTC(), old.Credentials+1
	}
	if running && seen.Writer != "" {
		next.Known = max(old.Known, min(seen.CredentialsDone, old.Credentials))
	}
	if running && !seen.Restorable.IsZero() {
		next.Restorable = seen.Restorable
	}
	if old.Stopped && next.Status == statusStopped && time.Since(old.Since) > stoppedMost {
		next.Stopped, next.Status = false, statusStarting
	}
	if old.Status == statusDeleting && left == 0 {
		return r.deleteCluster(tx, old)
	}
	return r.putCluster(tx, old, &next)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// writerName returns the instance that was last seen to accept writes.
func writerName(c *clusterRow, own []*instanceRow, seen postgres.Observation) string {
	for _, m := range own {
		if m.ResourceID == seen.Writer && seen.Writer != "" {
			return m.Name
		}
	}
	return c.Writer
}

func (r *reflection) putCluster(tx *cloud.Tx, old, next *clusterRow) error {
	if reflect.DeepEqual(old, next) {
		return nil
	}
	r.changes++
	if r.dry {
		return nil
	}
	for _, what := range old.told(next) {
		if err := noteCluster(tx, next, what); err != nil {
			return err
		}
	}
	if next.Rotated != old.Rotated {
		if err := r.service.secrets.RotateManaged(tx, next.Region, next.Secret, masterSecret(next.MasterUser)); err != nil {
			return err
		}
	}
	return clusters.Put(tx, next.Region, next.Name, next)
}

// deleteCluster removes a cluster without instances, once its final snapshot has been taken.
func (r *reflection) deleteCluster(tx *cloud.Tx, c *clusterRow) error {
	if c.Final != "" && r.seen != nil {
		snapshot, err := snapshots.Get(tx, c.Region, c.Final)
		if err != nil {
			return err
		}
		if snapshot != nil && snapshot.Status == statusCreating {
			return nil
		}
	}
	r.changes++
	if r.dry {
		return nil
	}
	if c.Secret != "" {
		if err := r.service.secrets.DeleteManaged(tx, c.Region, c.Secret); err != nil {
			return err
		}
	}
	custom, err := endpoints.List(tx, c.Region)
	if err != nil {
		return err
	}
	for _, e := range custom {
		if e.Cluster == c.Name {
			if err := endpoints.Delete(tx, c.Region, e.Name); err != nil {
				return err
			}
		}
	}
	if err := noteCluster(tx, c, clusterDeleted); err != nil {
		return err
	}
	if err := tags.Delete(tx, c.Region, c.arn()); err != nil {
		return err
	}
	return clusters.Delete(tx, c.Region, c.Name)
}

// instance reports on one instance and tells whether it has gone.
func (r *reflection) instance(tx *cloud.Tx, c *clusterRow, old *instanceRow, seen postgres.Observation, running bool) (gone bool, err error) {
	m, known := seen.Member(old.ResourceID)
	if old.Status == statusDeleting && !known && (running || r.seen == nil) {
		return true, r.deleteInstance(tx, old)
	}
	next := *old
	if known {
		next.Status = instanceStatus(c, old, m)
		next.PendingRestart, next.Synchronous = m.PendingRestart, slices.Contains(seen.Synchronous, m.ID)
		next.Observed = old.Observed || next.Status == statusAvailable
		next.Modifying = old.Modifying && next.Status != statusAvailable
		next.Streaming, next.Lagging = m.Streaming, r.service.lags(m, seen.Writer, time.Now())
		next.Storage = storageOf(m)
	}
	if reflect.DeepEqual(*old, next) {
		return false, nil
	}
	r.changes++
	if r.dry {
		return false, nil
	}
	if err := old.told(tx, &next, m); err != nil {
		return false, err
	}
	return false, instances.Put(tx, next.Region, next.Name, &next)
}

func (r *reflection) deleteInstance(tx *cloud.Tx, i *instanceRow) error {
	r.changes++
	if r.dry {
		return nil
	}
	if err := r.service.network.DeleteInterface(tx, i.Region, i.Interface); err != nil {
		return err
	}
	if err := noteInstance(tx, i, instanceDeleted); err != nil {
		return err
	}
	if err := tags.Delete(tx, i.Region, i.arn()); err != nil {
		return err
	}
	return instances.Delete(tx, i.Region, i.Name)
}
