package autoscaling

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
	"haven/lab/services/ec2"
	"haven/lab/services/elasticloadbalancingv2"
)

const (
	// pace is how often groups are looked at: health is an observation and wakes nobody.
	pace = 500 * time.Millisecond
	// retryPause is how long a group waits after EC2 refused a launch.
	retryPause = 10 * time.Second
)

// Run keeps the groups at their size until the context ends.
func (s *Service) Run(ctx context.Context) error {
	wake, stop := s.store.Watch(groups.Name())
	defer stop()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	paused := map[string]time.Time{}
	for {
		if err := errors.Join(s.runSchedules(), s.pass(paused)); err != nil {
			s.log.Error("reconciling Auto Scaling groups", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-tick.C:
		}
	}
}

// pass looks at each group and does what its plan says. Groups that need nothing cost a read only.
func (s *Service) pass(paused map[string]time.Time) error {
	var busy []*group
	err := s.store.View(func(tx *cloud.Tx) error {
		all, err := groups.ListAll(tx)
		if err != nil {
			return err
		}
		for _, g := range all {
			seen, err := s.observe(tx, g)
			if err != nil {
				return err
			}
			if needsWork(g, seen, s.now()) && s.now().After(paused[g.ARN]) {
				busy = append(busy, g)
			}
		}
		return nil
	})
	for _, g := range busy {
		if failure := s.work(g.Region, g.Name); failure != nil {
			paused[g.ARN] = s.now().Add(retryPause)
			err = errors.Join(err, failure)
		}
	}
	return err
}

func needsWork(g *group, seen map[string]observed, now time.Time) bool {
	if len(plan(g, seen, now)) > 0 || g.Deleting && len(g.Members) == 0 {
		return true
	}
	if g.Refresh == nil || !g.Refresh.active() {
		return false
	}
	settled := *g
	newest := *g.Refresh
	settled.Refresh = &newest
	settle(&settled, seen, now)
	return settled.Refresh.Status != g.Refresh.Status
}

// observe asks EC2 and the balancers about a group's members.
func (s *Service) observe(tx *cloud.Tx, g *group) (map[string]observed, error) {
	var health []map[string]elasticloadbalancingv2.Health // of each target group
	for _, arn := range g.Targets {
		targets, err := s.targets.TargetHealth(tx, g.Region, arn)
		if err != nil {
			return nil, err
		}
		health = append(health, targets)
	}
	seen := map[string]observed{}
	for _, m := range g.Members {
		instance, err := s.instances.Instance(tx, g.Region, m.ID)
		if err != nil {
			return nil, err
		}
		o := observed{Known: instance != nil}
		if instance != nil {
			o.State, o.Impaired = instance.State, instance.StatusImpaired
		}
		o.Targets, o.Registered = worstOf(health, m.ID)
		seen[m.ID] = o
	}
	return seen, nil
}

var badness = map[targetState]int{"": 0, targetHealthy: 1, targetInitial: 2, targetAbsent: 3, targetUnhealthy: 4}

// verdicts are what target states mean for a member: only unhealthy counts against it.
var verdicts = map[elbtypes.TargetHealthStateEnum]targetState{
	elbtypes.TargetHealthStateEnumHealthy: targetHealthy, elbtypes.TargetHealthStateEnumUnhealthy: targetUnhealthy,
	elbtypes.TargetHealthStateEnumInitial: targetInitial, elbtypes.TargetHealthStateEnumDraining: targetInitial,
	elbtypes.TargetHealthStateEnumUnused: targetInitial, elbtypes.TargetHealthStateEnumUnavailable: targetInitial,
}

// worstOf returns the worst verdict over the target groups, and in how many the instance is still known.
func worstOf(health []map[string]elasticloadbalancingv2.Health, id string) (worst targetState, registered int) {
	for _, targets := range health {
		verdict := targetAbsent
		if target, ok := targets[id]; ok {
			verdict = verdicts[target.State]
			registered++
		}
		if badness[verdict] > badness[worst] {
			worst = verdict
		}
	}
	return worst, registered
}

// work carries out a group's plan in one transaction.
func (s *Service) work(region, name string) error {
	var refused error
	err := s.store.Update(func(tx *cloud.Tx) error {
		g, err := groups.Get(tx, region, name)
		if err != nil || g == nil {
			return err
		}
		seen, err := s.observe(tx, g)
		if err != nil {
			return err
		}
		now := s.now()
		settle(g, seen, now)
		for _, next := range plan(g, seen, now) {
			if err := s.take(tx, g, next); err != nil {
				refused = errors.Join(refused, err)
			}
		}
		if g.Deleting && len(g.Members) == 0 {
			return erase(tx, g)
		}
		return g.put(tx)
	})
	return errors.Join(err, refused)
}

// take does one step of a plan.
func (s *Service) take(tx *cloud.Tx, g *group, next step) error {
	switch {
	case next.Launch != nil:
		return s.launch(tx, g, *next.Launch)
	case next.Wait != "":
		return s.await(tx, g, g.member(next.Wait))
	case next.Serve != "":
		return s.serve(tx, g, g.member(next.Serve))
	case next.Sick != nil:
		g.member(next.Sick.ID).Unhealthy = next.Sick.Cause
		return nil
	case next.End != nil:
		return s.end(tx, g, g.member(next.End.ID), next.End.Cause)
	case next.Terminate != "":
		if m := g.member(next.Terminate); m.State == types.LifecycleStateTerminatingWait {
			m.State = types.LifecycleStateTerminatingProceed
		}
		return s.instances.Terminate(tx, g.Region, next.Terminate, "Client.UserInitiatedShutdown: Instance initiated by Auto Scaling")
	default:
		return s.forget(tx, g, next.Forget)
	}
}

// launch starts one instance. When EC2 refuses, the failed activity says why and the group tries again later.
func (s *Service) launch(tx *cloud.Tx, g *group, wanted launch) error {
	given := g.Template
	if g.Refresh != nil && g.Refresh.active() {
		given = g.Refresh.Wanted
	}
	resolved, err := s.resolve(tx, g.Region, given)
	var made *ec2.Instance
	if err == nil {
		made, err = s.start(tx, g, resolved, wanted.Subnet)
	}
	now := s.now()
	if err != nil {
		key, failure := begin(tx, g, "Launching a new EC2 instance.  Status Reason: "+err.Error(), wanted.Cause, wanted.Zone, types.ScalingActivityStatusCodeInProgress, now)
		return errors.Join(err, failure, finishActivity(tx, g.Region, key, types.ScalingActivityStatusCodeFailed, err.Error(), now))
	}
	key, err := begin(tx, g, "Launching a new EC2 instance: "+made.ID, wanted.Cause, wanted.Zone, types.ScalingActivityStatusCodePreInService, now)
	g.Members = append(g.Members, member{
		ID: made.ID, Type: made.Type, Zone: made.Zone, Subnet: wanted.Subnet, Template: resolved, State: types.LifecycleStatePending,
		Protected: g.Protected, Launched: now.UTC(), Activity: key,
	})
	return err
}

func (s *Service) start(tx *cloud.Tx, g *group, resolved template, subnetID string) (*ec2.Instance, error) {
	version, err := strconv.ParseInt(resolved.Version, 10, 64)
	if err != nil {
		return nil, err
	}
	tags := map[string]string{"aws:autoscaling:groupName": g.Name}
	for _, t := range g.Tags {
		if t.Propagate {
			tags[t.Key] = t.Value
		}
	}
	return s.instances.Launch(tx, g.Region, ec2.LaunchRequest{LaunchTemplateID: resolved.ID, Version: version, SubnetID: subnetID, Tags: tags})
}

// await stops a member at its transition until its lifecycle actions are completed.
func (s *Service) await(tx *cloud.Tx, g *group, m *member) error {
	transition, state := onLaunch, types.LifecycleStatePendingWait
	if m.State == types.LifecycleStateTerminating {
		transition, state = onTerminate, types.LifecycleStateTerminatingWait
	}
	m.State, m.Actions = state, begun(g.hooksOn(transition), s.now())
	return markActivity(tx, g.Region, m.Activity, types.ScalingActivityStatusCodeMidLifecycleAction)
}

// serve registers a running instance with the balancers and calls it in service.
func (s *Service) serve(tx *cloud.Tx, g *group, m *member) error {
	now := s.now()
	if !g.suspended("AddToLoadBalancer") {
		for _, arn := range g.Targets {
			if err := s.targets.Register(tx, g.Region, arn, m.ID); err != nil {
				return err
			}
		}
	}
	m.State, m.InService, m.Actions = types.LifecycleStateInService, now.UTC(), nil
	return finishActivity(tx, g.Region, m.Activity, types.ScalingActivityStatusCodeSuccessful, "", now)
}

// end takes a member out of service: it drains at the balancers, then its instance is terminated.
func (s *Service) end(tx *cloud.Tx, g *group, m *member, cause string) error {
	now := s.now()
	if err := finishActivity(tx, g.Region, m.Activity, types.ScalingActivityStatusCodeCancelled, "", now); err != nil {
		return err
	}
	key, err := begin(tx, g, "Terminating EC2 instance: "+m.ID, cause, m.Zone, types.ScalingActivityStatusCodeInProgress, now)
	if err != nil {
		return err
	}
	m.State, m.Ending, m.Activity, m.Actions = types.LifecycleStateTerminating, now.UTC(), key, nil
	for _, arn := range g.Targets {
		if err := s.targets.Deregister(tx, g.Region, arn, m.ID); err != nil {
			return err
		}
	}
	return nil
}

// forget drops a member whose instance is gone.
func (s *Service) forget(tx *cloud.Tx, g *group, id string) error {
	m := g.member(id)
	if err := finishActivity(tx, g.Region, m.Activity, types.ScalingActivityStatusCodeSuccessful, "", s.now()); err != nil {
		return err
	}
	g.Members = slices.DeleteFunc(g.Members, func(m member) bool { return m.ID == id })
	return nil
}
