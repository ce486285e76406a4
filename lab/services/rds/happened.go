package rds

import (
	"haven/lab/cloud"
	"haven/lab/realm/postgres"
)

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
		return recordMember(tx, c, m, byID[event.Detail], event)
	})
}

// recordMember records what happened to a member. From is the one that it takes over from, if it does.
func recordMember(tx *cloud.Tx, c *clusterRow, m, from *instanceRow, event postgres.Event) error {
	switch event.Kind {
	case postgres.EventFailoverStarted:
		what := failoverCrossZone
		if from != nil && from.Zone == m.Zone {
			what = failoverSameZone
		}
		return noteCluster(tx, c, what, m.Name)
	case postgres.EventFailoverCompleted:
		if err := noteInstance(tx, m, topologyUpdated); err != nil {
			return err
		}
		return noteCluster(tx, c, failoverCompleted, m.Name)
	case postgres.EventRestarted:
		if err := noteInstance(tx, m, instanceShutdown); err != nil {
			return err
		}
		return noteInstance(tx, m, instanceRestarted)
	case postgres.EventCrashed:
		return noteInstance(tx, m, recoveryStarted)
	case postgres.EventRecovered:
		if err := noteInstance(tx, m, recoveryComplete); err != nil {
			return err
		}
		return noteInstance(tx, m, instanceRestarted)
	}
	return nil
}
