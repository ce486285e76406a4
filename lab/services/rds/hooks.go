package rds

import (
	"fmt"
	"time"

	"haven/lab/cloud"
)

// What faults do to databases, for which AWS has no call. Nothing of it is stored here: whoever sets a fault sets it
// again after a restart of the lab. Each call says how it is to be from now on, and may be repeated.

// SetZoneDown takes the power from every instance in a zone, or gives it back.
func (s *Service) SetZoneDown(zone string, down bool) error {
	s.setFault(s.dark, zone, down)
	return nil
}

// Suspend has an instance's server hang: its processes are stopped (SIGSTOP), as are those started in their place, until
// it ends. What does not answer for too long is killed, a reader takes over, and the instance waits for its host.
func (s *Service) Suspend(region, instance string, suspended bool) error {
	return s.suspend(s.hung, region, instance, suspended, func(tx *cloud.Tx) error {
		_, err := findInstance(tx, region, instance)
		return err
	})
}

// SetHostDown kills an instance's server and takes the power from its host, or gives it back.
func (s *Service) SetHostDown(region, instance string, down bool) error {
	return s.suspend(s.killed, region, instance, down, func(tx *cloud.Tx) error {
		_, err := findInstance(tx, region, instance)
		return err
	})
}

// SetStorageFull leaves no space for the tables of an instance's cluster, or gives it back.
func (s *Service) SetStorageFull(region, instance string, full bool) error {
	return s.suspend(s.full, region, instance, full, func(tx *cloud.Tx) error {
		_, err := findInstance(tx, region, instance)
		return err
	})
}

// SetReplayPaused has an instance apply nothing of the writer's log while it is a reader, or lets it go on.
func (s *Service) SetReplayPaused(region, instance string, paused bool) error {
	return s.suspend(s.paused, region, instance, paused, func(tx *cloud.Tx) error {
		_, err := findInstance(tx, region, instance)
		return err
	})
}

// ReplayPaused tells whether an instance was seen to apply nothing of the writer's log, and says what it was seen to do.
func (s *Service) ReplayPaused(region, instance string) (paused bool, seen string, err error) {
	if s.servers == nil {
		return false, "it does not run", nil
	}
	var id string
	err = s.store.View(func(tx *cloud.Tx) error {
		i, err := findInstance(tx, region, instance)
		if err == nil {
			id = i.ResourceID
		}
		return err
	})
	if err != nil {
		return false, "", err
	}
	for _, cluster := range s.servers.Observe() {
		for _, member := range cluster.Members {
			if member.ID == id {
				seen := map[bool]string{true: "it is the writer", false: fmt.Sprintf("it is a reader, %s behind", member.Lag.Round(time.Millisecond))}[member.Writer]
				return member.Paused, seen, nil
			}
		}
	}
	return false, "it does not run", nil
}

// StorageFull tells whether the writer of an instance's cluster was seen without space, and says what it was seen with.
func (s *Service) StorageFull(region, instance string) (full bool, seen string, err error) {
	return full, seen, s.store.View(func(tx *cloud.Tx) error {
		i, err := findInstance(tx, region, instance)
		if err != nil {
			return err
		}
		own, err := members(tx, region, i.Cluster)
		for _, m := range own {
			full = full || m.Storage == storageIsFull
		}
		seen = map[bool]string{true: "nothing is left", false: "there is space"}[full]
		return err
	})
}

// SetUnfenced has an instance's cluster replace a lost writer without killing it, or fence it again.
func (s *Service) SetUnfenced(region, instance string, unfenced bool) error {
	return s.suspend(s.unfenced, region, instance, unfenced, func(tx *cloud.Tx) error {
		_, err := findInstance(tx, region, instance)
		return err
	})
}

// Unfenced tells whether those who run an instance's cluster go by that, and says it.
func (s *Service) Unfenced(region, instance string) (unfenced bool, seen string, err error) {
	id := ""
	err = s.store.View(func(tx *cloud.Tx) error {
		i, err := findInstance(tx, region, instance)
		if err != nil {
			return err
		}
		row, err := findCluster(tx, region, i.Cluster)
		if err == nil {
			id = row.ResourceID
		}
		return err
	})
	if err != nil || s.servers == nil {
		return false, "nothing runs", err
	}
	for _, o := range s.servers.Observe() {
		unfenced = unfenced || o.ID == id && o.Unfenced
	}
	return unfenced, map[bool]string{true: "a lost writer is left alive", false: "a lost writer is fenced"}[unfenced], nil
}

func (s *Service) suspend(set map[string]bool, region, name string, on bool, find func(tx *cloud.Tx) error) error {
	if on {
		if err := s.store.View(find); err != nil {
			return fmt.Errorf("breaking %s: %w", name, err)
		}
	}
	s.setFault(set, region+"/"+nameOf(name), on)
	return nil
}

func (s *Service) setFault(set map[string]bool, key string, on bool) {
	s.mu.Lock()
	before := set[key]
	set[key] = on
	s.mu.Unlock()
	if before != on {
		s.wakeUp()
	}
}

func (s *Service) fault(set map[string]bool, key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return set[key]
}

func (s *Service) wakeUp() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}
