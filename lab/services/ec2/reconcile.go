package ec2

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/realm/machine"
	"haven/lab/realm/vpc"
)

const (
	slowTick   = 30 * time.Second // everything is looked at anew
	retryAfter = time.Second      // when the realm refused something
)

// Run makes what is declared true until the context ends: the network, then the machines in it.
func (s *Service) Run(ctx context.Context) error {
	loop := &reconciler{service: s, crew: newCrew(s)}
	defer loop.crew.wait()
	ctx, cancel := context.WithCancel(ctx)
	var measuring sync.WaitGroup
	defer measuring.Wait()
	defer cancel()
	if err := s.begin(ctx); err != nil {
		return err
	}
	measuring.Go(func() { s.measure(ctx) })
	wake, stop := s.store.Watch(ownTables()...)
	defer stop()
	policies, stopPolicies := s.watchPolicies()
	defer stopPolicies()
	tick := time.NewTicker(slowTick)
	defer tick.Stop()
	var changed <-chan struct{}
	if s.machines != nil {
		changed = s.machines.Changed()
	}
	for {
		if err := loop.pass(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("reconciling EC2", "error", err)
			loop.retry = time.After(retryAfter)
		} else if wait := loop.crew.nextTry(); wait > 0 {
			loop.retry = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-changed:
		case <-loop.crew.done:
		case <-s.dark.changed:
		case <-loop.retry:
			loop.applied = nil
		case <-policies:
			loop.applied = nil
		case <-tick.C:
			loop.applied = nil
			if err := s.sweep(); err != nil {
				s.log.Error("sweeping EC2", "error", err)
			}
		}
	}
}

// begin brings records and machines together after a restart of the lab.
func (s *Service) begin(ctx context.Context) error {
	if s.machines == nil {
		return s.ground()
	}
	var alive []string
	for _, region := range cloud.Regions() {
		rows, err := s.allInstances(region.Name)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if !row.gone() {
				alive = append(alive, row.ID)
			}
		}
	}
	if err := s.forgetChecks(); err != nil {
		return err
	}
	s.begun.Store(true)
	if err := s.machines.Prune(ctx, alive); err != nil {
		s.log.Warn("removing what is left of machines that are no more", "error", err)
	}
	return nil
}

// forgetChecks is after a restart of the lab: instances that run have yet to boot and to be looked at.
func (s *Service) forgetChecks() error {
	return s.store.Update(func(tx *cloud.Tx) error {
		for _, region := range cloud.Regions() {
			rows, err := instances.where(tx, region.Name, func(r *instanceRow) bool { return r.Checked })
			if err != nil {
				return err
			}
			for _, row := range rows {
				row.Checked = false
				if err := instances.save(tx, region.Name, row); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (s *Service) watchPolicies() (<-chan struct{}, func()) {
	if len(s.woken) == 0 {
		return nil, func() {}
	}
	return s.store.Watch(s.woken...)
}

// ownTables are those whose change the realm has to follow.
func ownTables() []string {
	return []string{
		vpcs.Name(), subnets.Name(), interfaces.Name(), securityGroups.Name(), groupRules.Name(), elastics.Name(), instances.Name(),
		networkACLs.Name(), routeTables.Name(), internetGateways.Name(), natGateways.Name(), endpoints.Name(), flowLogs.Name(),
	}
}

// reconciler is the state of Run between passes; none of it matters after a restart.
type reconciler struct {
	service *Service
	crew    *crew
	applied []byte // the network that was last made true; nil: make it anew
	sound   bool   // the network is as declared: machines may boot into it
	retry   <-chan time.Time
}

// pass looks at everything once. In a network that could not be made nothing boots, as its filters may be missing; but
// machines still end.
func (r *reconciler) pass(ctx context.Context) error {
	var broken error
	if r.service.networks != nil {
		broken = r.applyNetwork(ctx)
	}
	r.sound = broken == nil
	if r.service.machines == nil {
		return broken
	}
	return errors.Join(broken, r.directMachines(ctx))
}

func (r *reconciler) applyNetwork(ctx context.Context) error {
	var spec vpc.Spec
	err := r.service.store.View(func(tx *cloud.Tx) (err error) {
		spec, err = r.service.networkSpec(tx)
		return err
	})
	if err != nil {
		return err
	}
	raw, err := json.Marshal(spec)
	if err != nil || bytes.Equal(raw, r.applied) {
		return err
	}
	if err := r.service.networks.Apply(ctx, spec); err != nil {
		return err
	}
	r.applied = raw
	return r.service.realised(spec)
}

// directMachines compares every instance with its machine, writes down what is seen and has the crew do the rest.
func (r *reconciler) directMachines(ctx context.Context) error {
	engaged := r.crew.engaged()
	seen := map[string]machine.Observation{}
	for _, observation := range r.service.machines.Observe() {
		seen[observation.ID] = observation
	}
	known := map[string]bool{}
	var errs []error
	for _, region := range cloud.Regions() {
		rows, err := r.service.allInstances(region.Name)
		if err != nil {
			return err
		}
		for _, row := range rows {
			known[row.ID] = !row.gone()
			_, dark := r.service.dark.of(row.Zone)
			if engaged[row.ID] && !row.ForceStop && !dark {
				continue
			}
			if err := r.direct(ctx, region.Name, row, seen[row.ID]); err != nil {
				errs = append(errs, fmt.Errorf("directing instance %s: %w", row.ID, err))
			}
		}
	}
	for id := range seen {
		if !known[id] && !engaged[id] {
			r.crew.send(ctx, task{effect: effectDelete, id: id})
		}
	}
	return errors.Join(errs...)
}

func (s *Service) allInstances(region string) (rows []*instanceRow, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		rows, err = instances.List(tx, region)
		return err
	})
	return rows, err
}

func (r *reconciler) direct(ctx context.Context, region string, row *instanceRow, seen machine.Observation) error {
	_, dark := r.service.dark.of(row.Zone)
	result := judge(row, seen, dark)
	if result.change != nil {
		if err := r.service.changeInstance(region, row.ID, row.State, result.change); err != nil {
			return err
		}
	}
	if result.effect == effectNone || result.effect == effectStart && !r.sound {
		return nil
	}
	return r.crew.order(ctx, region, row, result.effect)
}

// changeInstance writes down what was seen, unless the instance has gone on to another state since.
func (s *Service) changeInstance(region, id string, state types.InstanceStateName, change func(*instanceRow)) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		row, err := instances.Get(tx, region, id)
		if err != nil || row == nil || row.State != state {
			return err
		}
		was := row.condition()
		change(row)
		s.tell(tx, region, was, row)
		if row.State == types.InstanceStateNameStopped && state != types.InstanceStateNameStopped {
			if err := unpublish(tx, region, row); err != nil {
				return err
			}
		}
		return instances.save(tx, region, row)
	})
}
