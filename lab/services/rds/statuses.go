package rds

import (
	"time"

	"haven/lab/cloud"
	"haven/lab/realm/postgres"
)

// stoppedMost is how long a cluster stays stopped before RDS starts it again:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-cluster-stop-start.html
const stoppedMost = 7 * 24 * time.Hour

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
	case seen.Writer != "" && c.Credentials > seen.CredentialsDone:
		return statusResetting
	}
	return statusAvailable
}

// instanceStatus translates what was observed. A server that is being brought back after a crash shows as rebooting,
// as RDS has no status of its own for that.
func instanceStatus(c *clusterRow, i *instanceRow, m postgres.MemberObservation) string {
	switch {
	case i.Status == statusDeleting:
		return i.Status
	case m.Phase == postgres.PhaseAvailable && m.RestartDone >= i.Restart:
		if m.Writer && m.Storage.Full() {
			return statusStorageFull
		}
		return statusAvailable
	case !i.Observed:
		return statusCreating
	case m.Phase == postgres.PhaseStopped:
		return statusStopped
	case c.Stopped:
		return statusStopping
	case c.Status == statusStarting:
		return statusStarting
	case i.Modifying:
		return statusModifying
	}
	return statusRebooting
}

// told are the events that a change of a cluster's row brings.
func (c *clusterRow) told(next *clusterRow) []happening {
	var all []happening
	is := func(before, after string) bool { return c.Status == before && next.Status == after }
	add := func(when bool, what happening) {
		if when {
			all = append(all, what)
		}
	}
	add(is(statusCreating, statusAvailable), clusterCreated)
	add(is(statusStopping, statusStopped), clusterStopped)
	add(c.Status == statusStarting && next.Status != statusStarting, clusterStarted)
	add(c.Stopped && !next.Stopped, clusterStartedAgain)
	add(next.Known > c.Known, credentialsReset)
	return all
}

// told are the events that a change of an instance's row brings, with their arguments.
func (i *instanceRow) told(tx *cloud.Tx, next *instanceRow, m postgres.MemberObservation) error {
	is := func(before, after string) bool { return i.Status == before && next.Status == after }
	gib := func(bytes int64) string { return formatGiB(bytes) }
	percent := int64(0)
	if m.Storage.Size > 0 {
		percent = m.Storage.Free * 100 / m.Storage.Size
	}
	for _, one := range []struct {
		when bool
		what happening
		args []any
	}{
		{!i.Observed && next.Observed, instanceCreated, nil},
		{i.Modifying && !next.Modifying, classChanged, nil},
		{is(statusStopping, statusStopped), instanceStopped, nil},
		{is(statusStarting, statusAvailable), instanceStarted, nil},
		{next.Storage == storageIsFull && i.Storage != storageIsFull, storageExhausted, nil},
		{next.Storage == storageIsLow && i.Storage == "", storageLow, []any{i.Name, percent, gib(m.Storage.Size), gib(m.Storage.Free)}},
		{next.Lagging && !i.Lagging, replicationStopped, nil},
		{!next.Lagging && i.Lagging, replicationResumed, nil},
	} {
		if !one.when {
			continue
		}
		if err := noteInstance(tx, next, one.what, one.args...); err != nil {
			return err
		}
	}
	return nil
}

// mostLag is how far a reader may be behind, and lagFor how long, before its replication counts as stopped.
const (
	mostLag = 30 * time.Second
	lagFor  = 15 * time.Second
)

// lags tells whether a reader has been too far behind its writer for too long.
func (s *Service) lags(m postgres.MemberObservation, writer string, now time.Time) bool {
	behind := m.Phase == postgres.PhaseAvailable && !m.Writer && writer != "" && (!m.Streaming || m.Lag > mostLag)
	s.mu.Lock()
	defer s.mu.Unlock()
	since, known := s.behind[m.ID]
	switch {
	case !behind:
		delete(s.behind, m.ID)
	case !known:
		s.behind[m.ID] = now
	}
	return behind && known && now.Sub(since) >= lagFor
}

// storageOf translates a volume's filling; low ends when it is clearly not low any more.
func storageOf(m postgres.MemberObservation) storage {
	switch {
	case !m.Writer || m.Storage.Size == 0:
		return ""
	case m.Storage.Full():
		return storageIsFull
	case m.Storage.Low():
		return storageIsLow
	}
	return ""
}
