package elasticloadbalancingv2

import (
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
	"haven/lab/realm/balancer"
)

// errOutdated ends a dry run of note as soon as it would write.
var errOutdated = errors.New("outdated")

// outdated reports whether note would write anything: most rounds change nothing and need no transaction on disk.
func (s *Service) outdated(observed []balancer.Observation) bool {
	err := s.store.View(func(tx *cloud.Tx) error {
		for _, region := range cloud.Regions() {
			w := &notes{tx: tx, region: region.Name, dry: true}
			if err := s.noteAll(w, observed); err != nil {
				return err
			}
		}
		return nil
	})
	return err != nil
}

func (s *Service) note(tx *cloud.Tx, region string, observed []balancer.Observation) error {
	return s.noteAll(&notes{tx: tx, region: region}, observed)
}

// notes writes rows, or says that it would.
type notes struct {
	tx     *cloud.Tx
	region string
	dry    bool
}

func (w *notes) write(put func() error) error {
	if w.dry {
		return errOutdated
	}
	return put()
}

func (s *Service) noteAll(w *notes, observed []balancer.Observation) error {
	byInterface := map[string]balancer.Observation{}
	for _, observation := range observed {
		byInterface[observation.Interface] = observation
	}
	balancers, err := loadBalancers.List(w.tx, w.region)
	if err != nil {
		return err
	}
	for _, b := range balancers {
		if err := s.noteBalancer(w, b, byInterface); err != nil {
			return err
		}
	}
	registered, err := targets.List(w.tx, w.region)
	if err != nil {
		return err
	}
	opinions := opinionsOf(observed)
	for _, t := range registered {
		if err := s.noteTarget(w, t, opinions[targetKey(lastPart(t.Group), t.ID, t.Port)]); err != nil {
			return err
		}
	}
	return nil
}

// noteBalancer writes which nodes run; a balancer is active from when all of its nodes have run for the first time.
func (s *Service) noteBalancer(w *notes, b *loadBalancer, observed map[string]balancer.Observation) error {
	if s.deps.Realm == nil {
		return nil
	}
	nodes, all, same := make([]node, len(b.Nodes)), true, true
	for i, n := range b.Nodes {
		observation := observed[n.Interface]
		same = same && n.Running == observation.Running && n.Reason == observation.Reason
		n.Running, n.Reason = observation.Running, observation.Reason
		nodes[i], all = n, all && n.Running
	}
	state := b.State
	if all {
		state = types.LoadBalancerStateEnumActive
	}
	if same && state == b.State {
		return nil
	}
	return w.write(func() error {
		s.tellNodes(w.region, b, nodes)
		b.Nodes, b.State = nodes, state
		return loadBalancers.Put(w.tx, w.region, b.ARN, b)
	})
}

// opinionsOf collects what running nodes say, by group and target.
func opinionsOf(observed []balancer.Observation) map[string][]balancer.TargetHealth {
	all := map[string][]balancer.TargetHealth{}
	for _, observation := range observed {
		if !observation.Running {
			continue // it is not heard
		}
		for _, opinion := range observation.Targets {
			key := targetKey(opinion.Group, opinion.Target.ID, int32(opinion.Target.Port))
			all[key] = append(all[key], opinion)
		}
	}
	return all
}

// noteTarget writes the verdict on a target, and ends a deregistration that is over.
func (s *Service) noteTarget(w *notes, t *target, opinions []balancer.TargetHealth) error {
	over, err := s.deregistered(w, t)
	if err != nil {
		return err
	}
	if over {
		return w.write(func() error { return targets.Delete(w.tx, w.region, t.key()) })
	}
	if t.Draining != nil {
		if t.Drained || !quiet(opinions) {
			return nil
		}
		return w.write(func() error {
			t.Drained = true
			return targets.Put(w.tx, w.region, t.key(), t)
		})
	}
	if s.deps.Realm == nil {
		return nil
	}
	if verdict := aggregate(opinions); verdict != t.Health {
		return w.write(func() error {
			s.tellTarget(w.region, t, verdict)
			t.Health = verdict
			return targets.Put(w.tx, w.region, t.key(), t)
		})
	}
	return nil
}

// deregistered reports whether the target is to be forgotten: its instance is gone, or its delay is over.
func (s *Service) deregistered(w *notes, t *target) (bool, error) {
	g, err := targetGroups.Get(w.tx, w.region, t.Group)
	if err != nil || g == nil {
		return g == nil, err
	}
	facts, err := s.facts(w.tx, w.region, g, t)
	if err != nil || facts.gone || t.Draining == nil {
		return facts.gone, err
	}
	delay := time.Duration(groupAttributes.number(g.Attributes, "deregistration_delay.timeout_seconds")) * time.Second
	return !s.now().Before(t.Draining.Add(delay)), nil
}

// quiet reports whether no node has anything in flight to a draining target: "If a deregistering target has no in-flight
// requests and no active connections, Elastic Load Balancing immediately completes the deregistration process, without
// waiting for the deregistration delay to elapse. However, even though target deregistration is complete, the status of
// the target is displayed as draining until the deregistration delay timeout expires"
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html).
func quiet(opinions []balancer.TargetHealth) bool {
	for _, opinion := range opinions {
		if !opinion.Quiet {
			return false
		}
	}
	return len(opinions) > 0
}
