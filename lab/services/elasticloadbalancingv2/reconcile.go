package elasticloadbalancingv2

import (
	"context"
	"errors"
	"slices"
	"time"

	"haven/lab/cloud"
	"haven/lab/realm/balancer"
)

const (
	beat = time.Second           // how often the nodes are looked at
	sure = 5                     // beats after which all is applied again, though nothing seems to have changed
	calm = 50 * time.Millisecond // changes that come together are acted on together
)

// Run reconciles until the context ends: it makes the realm run the declared nodes and writes back what they observe.
func (s *Service) Run(ctx context.Context) error {
	if s.deps.Realm != nil {
		if err := s.forget(); err != nil {
			return err
		}
	}
	wake, stop := s.store.Watch(append(tables(), "ec2.instances", "ec2.interfaces", "acm.certificates", "arczonalshift.shifts")...)
	defer stop()
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	var changed <-chan struct{}
	if s.deps.Realm != nil {
		changed = s.deps.Realm.Changed()
	}
	last, declared := "", true
	for beats := 0; ; {
		err := s.reconcile(ctx, declared)
		if ctx.Err() != nil {
			return s.flush(context.WithoutCancel(ctx), true)
		}
		if told := text(err); told != last {
			last = told
			if err != nil {
				s.deps.Log.Error("balancers are not as declared", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			continue
		case <-wake:
			declared = true
		case <-s.faults.wake:
			declared = true
		case <-changed:
			declared = err != nil
		case <-ticker.C:
			beats++
			declared = err != nil || beats%sure == 0 || s.incomplete()
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(calm):
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// forget drops what nodes of an earlier life of the lab have observed.
func (s *Service) forget() error {
	return s.eachRegion(func(tx *cloud.Tx, region string) error {
		balancers, err := loadBalancers.List(tx, region)
		if err != nil {
			return err
		}
		for _, b := range balancers {
			for i := range b.Nodes {
				b.Nodes[i].Running, b.Nodes[i].Reason = false, "starting"
			}
			if err := loadBalancers.Put(tx, region, b.ARN, b); err != nil {
				return err
			}
		}
		all, err := targets.List(tx, region)
		if err != nil {
			return err
		}
		for _, t := range all {
			t.Health = registering()
			if err := targets.Put(tx, region, t.key(), t); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) eachRegion(do func(tx *cloud.Tx, region string) error) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		for _, region := range cloud.Regions() {
			if err := do(tx, region.Name); err != nil {
				return err
			}
		}
		return nil
	})
}

// incomplete reports whether a node does not run: its interface may be attached by now.
func (s *Service) incomplete() bool {
	return s.deps.Realm != nil && slices.ContainsFunc(s.deps.Realm.Observe(), func(o balancer.Observation) bool { return !o.Running })
}

// reconcile is one round: it applies what is declared, when that may have changed, and notes what is observed.
func (s *Service) reconcile(ctx context.Context, declared bool) error {
	var errs []error
	var observed []balancer.Observation
	if s.deps.Realm != nil && declared {
		var specs []balancer.Spec
		err := s.store.View(func(tx *cloud.Tx) (err error) {
			var failures []error
			specs, failures, err = s.specs(tx)
			errs = append(errs, failures...)
			return err
		})
		if err != nil {
			return err
		}
		errs = append(errs, s.deps.Realm.Apply(ctx, specs))
	}
	if s.deps.Realm != nil {
		observed = s.deps.Realm.Observe()
		s.views.take(observed, s.now(), s.deps.NodeChecks)
	}
	if s.outdated(observed) {
		errs = append(errs, s.eachRegion(func(tx *cloud.Tx, region string) error { return s.note(tx, region, observed) }))
	}
	return errors.Join(append(errs, s.measure(observed), s.flush(ctx, false))...)
}
