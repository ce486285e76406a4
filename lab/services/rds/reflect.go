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
		gone, err := r.instance(tx, m, seen, running)
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
		next.Rotated = time.Now().UTC()
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

func clusterStatus(c *clusterRow, seen postgres.Observation, running bool, own []*instanceRow) string {
	switch {
	case c.Status == statusDeleting || !running:
		return c.Status
	case c.Status == statusCreating:
		return statusAvailable // the realm has taken it on
	case c.Stopped:
		for _, m := range seen.Members {
			if m.Phase != postgres.PhaseStopped {
				return statusStopping
			}
		}
		return statusStopped
	case seen.Writer == "" && len(own) > 0 && c.Status == statusStarting:
		return statusStarting
	case seen.FailingOver || c.Order > seen.FailoverDone:
		return statusFailingOver
	case seen.Writer == "" && c.Status == statusFailingOver:
		return statusFailingOver
	}
	return statusAvailable
}

func (r *reflection) putCluster(tx *cloud.Tx, old, next *clusterRow) error {
	if reflect.DeepEqual(old, next) {
		return nil
	}
	r.changes++
	if r.dry {
		return nil
	}
	if old.Status == statusCreating && next.Status == statusAvailable {
		if err := noteCluster(tx, next, "creation", "DB cluster created."); err != nil {
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
	if err := noteCluster(tx, c, "deletion", "DB cluster deleted."); err != nil {
		return err
	}
	if err := tags.Delete(tx, c.Region, c.arn()); err != nil {
		return err
	}
	return clusters.Delete(tx, c.Region, c.Name)
}

// instance reports on one instance and tells whether it has gone.
func (r *reflection) instance(tx *cloud.Tx, old *instanceRow, seen postgres.Observation, running bool) (gone bool, err error) {
	m, known := seen.Member(old.ResourceID)
	if old.Status == statusDeleting && !known && (running || r.seen == nil) {
		return true, r.deleteInstance(tx, old)
	}
	next := *old
	if known {
		next.Status = instanceStatus(old, m)
		next.PendingRestart, next.Synchronous = m.PendingRestart, slices.Contains(seen.Synchronous, m.ID)
		next.Observed = old.Observed || next.Status == statusAvailable
	}
	if reflect.DeepEqual(*old, next) {
		return false, nil
	}
	r.changes++
	if r.dry {
		return false, nil
	}
	if !old.Observed && next.Observed {
		if err := noteInstance(tx, &next, "creation", "DB instance created."); err != nil {
			return false, err
		}
	}
	return false, instances.Put(tx, next.Region, next.Name, &next)
}

// instanceStatus translates what was observed. A server that is being brought back after a crash shows as rebooting,
// as RDS has no status of its own for that.
func instanceStatus(i *instanceRow, m postgres.MemberObservation) string {
	switch {
	case i.Status == statusDeleting:
		return i.Status
	case m.Phase == postgres.PhaseAvailable && m.RestartDone >= i.Restart:
		return statusAvailable
	case !i.Observed:
		return statusCreating
	case m.Phase == postgres.PhaseStopped:
		return statusStopped
	}
	return statusRebooting
}

func (r *reflection) deleteInstance(tx *cloud.Tx, i *instanceRow) error {
	r.changes++
	if r.dry {
		return nil
	}
	if err := r.service.network.DeleteInterface(tx, i.Region, i.Interface); err != nil {
		return err
	}
	if err := noteInstance(tx, i, "deletion", "DB instance deleted."); err != nil {
		return err
	}
	if err := tags.Delete(tx, i.Region, i.arn()); err != nil {
		return err
	}
	return instances.Delete(tx, i.Region, i.Name)
}

// recordEvent turns what happened to a server into RDS's events.
func (s *Service) recordEvent(event postgres.Event) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		if err := forgetEvents(tx); err != nil {
			return err
		}
		all, err := instances.ListAll(tx)
		if err != nil {
			return err
		}
		byID := map[string]*instanceRow{}
		for _, row := range all {
			byID[row.ResourceID] = row
		}
		m, known := byID[event.Member]
		if !known {
			return nil // it was deleted meanwhile
		}
		c, err := findCluster(tx, m.Region, m.Cluster)
		if err != nil {
			return err
		}
		switch event.Kind {
		case postgres.EventFailoverStarted:
			kind := "cross"
			if from, ok := byID[event.Detail]; ok && from.Zone == m.Zone {
				kind = "same"
			}
			return noteCluster(tx, c, "failover", "Started %s AZ failover to DB instance: %s.", kind, m.Name)
		case postgres.EventFailoverCompleted:
			return noteCluster(tx, c, "failover", "Completed failover to DB instance: %s.", m.Name)
		case postgres.EventRestarted:
			return noteInstance(tx, m, "availability", "DB instance restarted.")
		case postgres.EventCrashed:
			return noteInstance(tx, m, "recovery", "Recovery of the DB instance has started. Recovery time will vary with the amount of data to be recovered.")
		case postgres.EventRejoined:
			return noteInstance(tx, m, "recovery", "Recovery of the DB instance is complete.")
		}
		return nil
	})
}
