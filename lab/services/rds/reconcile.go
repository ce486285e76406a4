package rds

import (
	"context"
	"fmt"
	"slices"
	"time"

	"haven/lab/cloud"
	"haven/lab/realm/host"
	"haven/lab/realm/postgres"
)

const (
	slowTick = 5 * time.Second
	fastTick = 250 * time.Millisecond // while something waits for its network interface
)

// Run makes the declared clusters true and reports them, until the context ends.
func (s *Service) Run(ctx context.Context) error {
	if s.servers == nil {
		s.log.Warn("database clusters stay \"creating\": PostgreSQL can't run here", "why", "the lab has no privileges or no server installed")
	}
	wake, stop := s.store.Watch(clusters.Name(), instances.Name(), clusterGroups.Name(), parameterGroups.Name(), snapshots.Name(), endpoints.Name(), events.Name())
	defer stop()
	if err := s.begin(ctx); err != nil {
		return err
	}
	var changed <-chan struct{}
	if s.servers != nil {
		changed = s.servers.Changed()
	}
	said := ""
	for {
		waiting, err := s.reconcile(ctx)
		if now := fmt.Sprint(err); now != said { // once, not on each try
			if said = now; err != nil && ctx.Err() == nil {
				s.log.Error("reconciling database clusters", "error", err)
			}
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
		case <-s.woken:
		case event := <-s.happened:
			if err := s.recordEvent(event); err != nil {
				s.log.Error("recording an event", "error", err)
			}
		case <-time.After(tick):
		}
	}
}

// begin starts what goes on beside the reconciler.
func (s *Service) begin(ctx context.Context) error {
	if s.publisher != nil {
		go s.publish(ctx)
	}
	if s.servers != nil {
		go s.measure(ctx)
	}
	return s.store.View(func(tx *cloud.Tx) error { // what the timeline was told before
		all, err := events.ListAll(tx)
		for _, event := range all {
			s.told[event.region()] = event.ID
		}
		return err
	})
}

// reconcile does one pass; waiting tells that something waits for what nobody announces.
func (s *Service) reconcile(ctx context.Context) (waiting bool, err error) {
	var seen map[string]postgres.Observation
	if s.servers != nil {
		specs, missing, err := s.declare()
		if err != nil {
			return false, err
		}
		waiting = missing
		if err := s.servers.Apply(ctx, specs); err != nil {
			return true, fmt.Errorf("running database clusters: %w", err)
		}
		seen = map[string]postgres.Observation{}
		for _, o := range s.servers.Observe() {
			seen[o.ID] = o
		}
	}
	if err := s.reflect(seen); err != nil {
		return waiting, err
	}
	if err := s.chronicle(); err != nil {
		return waiting, err
	}
	return waiting, s.takeSnapshots(ctx)
}

// declare turns the rows into the realm's specification.
func (s *Service) declare() (specs []postgres.ClusterSpec, missing bool, err error) {
	exports := map[string]export{}
	err = s.store.View(func(tx *cloud.Tx) error {
		rows, err := clusters.ListAll(tx)
		if err != nil {
			return err
		}
		for _, row := range rows {
			spec, lacks, err := s.clusterSpec(tx, row, exports)
			if err != nil {
				return fmt.Errorf("declaring cluster %s: %w", row.Name, err)
			}
			missing = missing || lacks
			specs = append(specs, spec)
		}
		return nil
	})
	s.mu.Lock()
	s.exports = exports
	s.mu.Unlock()
	return specs, missing, err
}

func (s *Service) clusterSpec(tx *cloud.Tx, c *clusterRow, exports map[string]export) (spec postgres.ClusterSpec, missing bool, err error) {
	password, err := s.masterPassword(tx, c)
	if err != nil {
		return spec, false, err
	}
	group, err := clusterGroupKind.find(tx, c.Region, c.ParameterGroup)
	if err != nil {
		return spec, false, err
	}
	own, err := members(tx, c.Region, c.Name)
	if err != nil {
		return spec, false, err
	}
	names := []string{c.endpoint(), c.readerEndpoint()}
	custom, err := endpoints.List(tx, c.Region)
	if err != nil {
		return spec, false, err
	}
	for _, e := range custom {
		if e.Cluster == c.Name {
			names = append(names, e.address())
		}
	}
	spec = postgres.ClusterSpec{
		ID: c.ResourceID, Name: c.Name, Database: c.Database, MasterUser: c.MasterUser, MasterPassword: password, Port: int(c.Port),
		Credentials: c.Credentials, KeepLog: time.Duration(c.BackupDays) * 24 * time.Hour,
		Stopped: c.Stopped, Failover: postgres.Order{Generation: c.Order, Target: c.Target},
	}
	for _, m := range own {
		member, err := s.memberSpec(tx, m, group, names)
		if err != nil {
			return spec, false, err
		}
		missing = missing || member.Namespace == nil
		spec.StorageFull = spec.StorageFull || s.fault(s.full, m.Region+"/"+m.Name)
		spec.Unfenced = spec.Unfenced || s.fault(s.unfenced, m.Region+"/"+m.Name)
		spec.Members = append(spec.Members, member)
		if slices.Contains(c.Exports, "postgresql") {
			exports[m.ResourceID] = export{region: c.Region, group: "/aws/rds/cluster/" + c.Name + "/postgresql", stream: m.Name + ".0"}
		}
	}
	return spec, missing, nil
}

func (s *Service) memberSpec(tx *cloud.Tx, m *instanceRow, clusterGroup *parameterGroupRow, names []string) (postgres.MemberSpec, error) {
	group, err := instanceGroupKind.find(tx, m.Region, m.ParameterGroup)
	if err != nil {
		return postgres.MemberSpec{}, err
	}
	address, err := parseAddress(m.Address)
	if err != nil {
		return postgres.MemberSpec{}, err
	}
	var ns *host.Namespace
	if found, ok := s.namespaces(m.Interface); ok {
		ns = found
	}
	values, deferred := settings(clusterGroup, group, classes[m.Class].MemoryMiB)
	return postgres.MemberSpec{
		ID: m.ResourceID, Name: m.Name, Zone: m.Zone, Tier: int(m.Tier), Size: classes[m.Class].MemoryMiB, Namespace: ns, Address: address, Names: append([]string{m.endpoint()}, names...),
		Parameters: values, Deferred: deferred, Restart: m.Restart, Leaving: m.Status == statusDeleting,
		Down: s.fault(s.dark, m.Zone) || s.fault(s.killed, m.Region+"/"+m.Name), Hung: s.fault(s.hung, m.Region+"/"+m.Name),
		ReplayPaused: s.fault(s.paused, m.Region+"/"+m.Name),
	}, nil
}
